"""``phivault keys rotate``: new keys for subjects, while everything goes on."""

from __future__ import annotations

import time
from typing import Annotated

import typer

from phivault.cli.keys.asking import Asking, Total, asking, console, tell_refused

_TICK = 1.0


def rotate(
    tenant: Annotated[str, typer.Option(help="This tenant alone; without it every tenant.")] = "",
    subject: Annotated[str, typer.Option(help="Patient/<id>, RelatedPerson/<id> or Tenant; needs --tenant.")] = "",
    wait: Annotated[bool, typer.Option(help="Wait until the old versions can be retired, some minutes.")] = True,
) -> None:
    """Give every subject that owns resources a new key, and seal all versions of its resources again under it.

    Nothing stops meanwhile. May be ended at any moment and given again: it goes on. Functions seal under the old keys
    until their memory lets go of them, so it looks again after that, and retires those that nothing is left under.

    Exit status 0 once all is done, 1 where something was refused or doesn't open, 2 for input or settings that can't be
    used, 3 for an outage: then repeat it.
    """
    if subject and not tenant:
        typer.echo("--subject needs --tenant", err=True)
        raise typer.Exit(2)
    with asking("rotate", tenant=tenant, subject=subject) as asked:
        tenants = asked.tenants(tenant)
        done = Total()
        for each in tenants:
            done.add(_rotated(asked, each, subject))
        if wait:
            _wait(asked, done.wait)
            done.wait = 0
            for each in tenants:
                done.add(_ended(asked, each, subject))
    if tenant and not any(done[name] for name in ("owners", "rotated", "begun")):
        whose = f"{subject} of {tenant} owns no" if subject else f"Nobody of {tenant} owns"
        typer.echo(f"{whose} resources: nothing was rotated", err=True)
        raise typer.Exit(2)
    _tell(done)
    tell_refused(done)


def _rotated(asked: Asking, tenant: str, subject: str) -> dict[str, object]:
    rows = asked.all("rows", tenant, subject, label=f"{tenant}: looking")
    made = asked.all("rotate", tenant, subject, label=f"{tenant}: new keys", total=rows["owners"])
    sealed = asked.all("reseal", tenant, subject, label=f"{tenant}: sealing again", total=rows["rows"])
    left = asked.all("retire", tenant, subject, label=f"{tenant}: retiring")
    return _merged(made, sealed, left) | {"owners": rows["owners"]}


def _ended(asked: Asking, tenant: str, subject: str) -> dict[str, object]:
    """What was written under old keys until now, and then those keys."""
    sealed = asked.all("reseal", tenant, subject, label=f"{tenant}: sealing again")
    left = asked.all("retire", tenant, subject, label=f"{tenant}: retiring")
    return _merged(Total(), sealed, left)


def _merged(made: Total, sealed: Total, left: Total) -> dict[str, object]:
    kept = {name: left[name] for name in ("retired", "in_use", "settling", "recoverable", "kept", "destroyed")}
    return {
        "rotated": made["rotated"],
        "begun": made["begun"],
        "resealed": sealed["resealed"],
        "refused": sealed["refused"],
        "refused_rows": sealed.refused,
        "wait": left.wait,
        **kept,
    }


def _wait(asked: Asking, seconds: int) -> None:
    task = asked.bar.add_task("until functions have let go of the old keys", total=seconds)
    for _ in range(seconds):
        time.sleep(_TICK)
        asked.bar.advance(task)
    asked.bar.remove_task(task)


def _tell(done: Total) -> None:
    console.print(
        f"{done['rotated']} new keys, {done['begun']} begun before; {done['resealed']} versions of resources sealed "
        f"again; {done['retired']} old keys retired, {done['destroyed']} destroyed"
    )
    if done.wait:
        console.print(f"Functions may seal under old keys for {done.wait} s more: give this command again after that")
