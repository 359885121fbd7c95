"""An explanation as a table."""

from __future__ import annotations

from typing import Any

import typer
from rich.console import Console
from rich.table import Table


def show(found: dict[str, Any]) -> None:
    """``found`` is what the API answers."""
    console = Console(highlight=False)
    table = Table()
    for head in ("class", "decision", "decided by", "would turn with"):
        table.add_column(head, overflow="fold")
    for decision in found["decisions"]:
        table.add_row(
            decision["class"] or "-",
            "allowed" if decision["allowed"] else "undecided: denied" if decision["undecided"] else "denied",
            "\n".join(_named(policy) for policy in decision["policies"]) or "no policy permits it",
            "\n".join(" and ".join(way) for way in decision["missing"]) or ("" if decision["allowed"] else "nothing"),
        )
    typer.echo(f"{found['role']}; facts: {', '.join(found['facts']) or 'none'}")
    console.print(table)
    for name, sentence in found["sentences"].items():
        typer.echo(f"{name}: {sentence}")


def _named(policy: dict[str, Any]) -> str:
    return f"{policy['id']} (the tenant's own)" if policy["tenants_own"] else str(policy["id"])
