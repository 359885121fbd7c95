"""``phivault keys status``: what wraps the keys of subjects, and what is under which."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

import typer

from phivault.cli.keys.asking import Total, asking, console


def status(
    tenant: Annotated[str, typer.Option(help="This tenant alone; without it every tenant.")] = "",
    rows: Annotated[bool, typer.Option(help="Count resources under older keys too; looks at every one.")] = True,
) -> None:
    """Count keys by what became of them and by the KMS key that wraps them, with that key's state, and how many
    versions of resources are under an older key than their subject's newest. Opens nothing.

    Exit status 0; 2 for a tenant that has no keys and for settings that can't be used, 3 for an outage.
    """
    with asking("status" if rows else "status --no-rows", tenant=tenant) as asked:
        found = asked.status(tenant, label="keys")
        counted = {each: asked.all("rows", each, label=f"{each}: rows") for each in sorted(found.tenants) if rows}
    names = ("newest", "older", "retired", "kept", "destroyed")
    console.print(f"{found['subjects']} subjects; keys: " + ", ".join(f"{found[name]} {name}" for name in names))
    for line in _services(found):
        console.print(line)
    for each, of_tenant in counted.items():
        console.print(_rows(each, of_tenant))


def _services(found: Total) -> Iterator[str]:
    for name in sorted({*found.last["services"], *found.keys}):
        state = found.last["services"].get(name, "not in the settings")
        current = ", wraps new ones" if name == found.last["current"] else ""
        yield f"{name}: {state}, wraps {found.keys.get(name, 0)} keys{current}"


def _rows(tenant: str, found: Total) -> str:
    behind = f"{found['rows_under_older_keys']} under older keys, of {found['owners_behind']} subjects"
    erased = f", {found['rows_erased']} erased" if found["rows_erased"] else ""
    return f"{tenant}: {found['rows']} versions of resources, {behind}{erased}"
