"""``phivault access policies check``: whether a file may stand as a tenant's own policies."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from phivault.access.validate import check_tenant_policies
from phivault.cli.access.hypothetical import read_policies
from phivault.errors import InvalidInput

app = typer.Typer(no_args_is_help=True, help="A tenant's own policies.")


@app.callback()
def _policies() -> None:
    """Work with a tenant's own policies."""


@app.command()
def check(file: Annotated[Path, typer.Argument(metavar="FILE", help="Cedar.")]) -> None:
    """Check a file as a proposal would be. Exit status 2 where it would be refused."""
    try:
        found = check_tenant_policies(read_policies(file))
    except InvalidInput as error:
        typer.echo(error.detail, err=True)
        raise typer.Exit(2) from None
    for id, effect in found:
        typer.echo(f"{effect} {id}")
    typer.echo(f"{len(found)} policies, each as a tenant may have it")
