"""``phivault keys rewrap``: the same keys, under a new key of KMS."""

from __future__ import annotations

from typing import Annotated

import typer

from phivault.cli.keys.asking import asking, console, tell_refused


def rewrap(
    tenant: Annotated[str, typer.Option(help="This tenant's subjects alone; without it all.")] = "",
) -> None:
    """Wrap every subject's keys under the KMS key of today's settings that a former one wrapped. Nothing is sealed
    again, nothing stops meanwhile. May be ended at any moment and given again.

    Exit status 0 once all are wrapped by it, 1 where some don't unwrap, 2 for input or settings that can't be used, 3
    for an outage: then repeat it.
    """
    with asking("rewrap", tenant=tenant) as asked:
        before = asked.status(tenant, label="looking")
        others = sum(count for name, count in before.keys.items() if name != before.last["current"])
        done = asked.all("rewrap", tenant, label="wrapping again", total=others)
    console.print(f"{done['rewrapped']} keys wrapped again, by {before.last['current']}")
    tell_refused(done)
