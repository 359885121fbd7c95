"""``phivault keys retire``: end old keys that nothing is sealed under."""

from __future__ import annotations

from typing import Annotated

import typer

from phivault.cli.keys.asking import Total, asking, console


def retire(
    tenant: Annotated[str, typer.Option(help="This tenant alone; without it every tenant.")] = "",
    subject: Annotated[str, typer.Option(help="Patient/<id>, RelatedPerson/<id> or Tenant; needs --tenant.")] = "",
) -> None:
    """Retire old keys that nothing is sealed under any more, and destroy those retired for the recovery window: 35
    days, as long as backups of the database are kept. Give it daily or monthly.

    Exit status 0, also where keys are left that have to wait, 1 where it is refused, 2 for input or settings that can't
    be used, 3 for an outage: then repeat it.
    """
    if subject and not tenant:
        typer.echo("--subject needs --tenant", err=True)
        raise typer.Exit(2)
    done = Total()
    with asking("retire", tenant=tenant, subject=subject) as asked:
        for each in sorted(asked.status(tenant, label="tenants").tenants):
            done.add(_counted(asked.all("retire", each, subject, label=f"{each}: retiring")))
    console.print(f"{done['retired']} old keys retired, {done['destroyed']} destroyed")
    for name, sentence in (
        ("recoverable", "are retired and stay until no backup needs them"),
        ("kept", "are retired and stay: something else was sealed under them"),
        ("in_use", "have resources under them: phivault keys rotate seals those again"),
        ("settling", f"can be retired in {done.wait} s, when functions have let go of them"),
    ):
        if done[name]:
            console.print(f"{done[name]} {sentence}")


def _counted(found: Total) -> dict[str, object]:
    return {**found.counts, "wait": found.wait}
