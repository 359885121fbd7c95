"""``phivault phi``: where PHI is, one command, one function."""

from __future__ import annotations

import typer

from phivault.cli.phi_inventory import inventory
from phivault.cli.phi_scan import scan

app = typer.Typer(no_args_is_help=True, help="PHI: where it lives, and where text holds it.")
app.command()(inventory)
app.command()(scan)


@app.callback()
def _phi() -> None:
    """Work with what is known about PHI."""
