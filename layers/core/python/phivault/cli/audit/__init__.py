"""``phivault audit``: one command, one file."""

from __future__ import annotations

import typer

from phivault.cli.audit import hold, retention
from phivault.cli.audit.export import export
from phivault.cli.audit.reconcile import reconcile
from phivault.cli.audit.sql import sql
from phivault.cli.audit.verify import verify

app = typer.Typer(no_args_is_help=True, help="The audit log: verify, export, reconcile, retain.")
app.command()(export)
app.command()(reconcile)
app.command()(sql)
app.command()(verify)
app.add_typer(retention.app, name="retention")
app.add_typer(hold.app, name="hold")


@app.callback()
def _audit() -> None:
    """Work with the audit log."""
