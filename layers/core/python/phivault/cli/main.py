"""``phivault``: one command, one file."""

from __future__ import annotations

import typer

from phivault.cli import access, audit, keys, phi, users
from phivault.cli.demo import demo
from phivault.cli.imports import import_folder
from phivault.cli.login import login, logout

app = typer.Typer(no_args_is_help=True, add_completion=False, pretty_exceptions_enable=False, help="PHI, sealed.")
app.command()(demo)
app.command("import")(import_folder)
app.command()(login)
app.command()(logout)
app.add_typer(access.app, name="access")
app.add_typer(audit.app, name="audit")
app.add_typer(keys.app, name="keys")
app.add_typer(phi.app, name="phi")
app.add_typer(users.app, name="users")


@app.callback()
def _phivault() -> None:
    """Work with a phivault stack."""
