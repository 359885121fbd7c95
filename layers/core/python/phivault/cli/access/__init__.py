"""``phivault access``: one command, one file."""

from __future__ import annotations

import typer

from phivault.cli.access import policies
from phivault.cli.access.explain import explain

app = typer.Typer(no_args_is_help=True, help="Who may see what: why, and a tenant's own policies.")
app.command()(explain)
app.add_typer(policies.app, name="policies")


@app.callback()
def _access() -> None:
    """Work with decisions."""
