"""``phivault``: one command, one file."""

from __future__ import annotations

import typer

from phivault.cli import audit, keys, users
from phivault.cli.demo import demo

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="PHI, sealed.")
app.command()(demo)
app.add_typer(audit.app, name="audit")
app.add_typer(keys.app, name="keys")
app.add_typer(users.app, name="users")


@app.callback()
def _phivault() -> None:
    """Work with a phivault stack."""
