"""``phivault audit export``: a signed copy of the audit log that anyone can verify offline."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from phivault.audit.export.layout import MAX_SIZE
from phivault.audit.log import checkpoint
from phivault.audit.log.note import MAX_NOTE
from phivault.audit.log.note import parse as parse_note
from phivault.cli.audit import by_operator, by_role
from phivault.cli.audit.download import Export, check_target, save, save_personal
from phivault.errors import AccessDenied, IntegrityError, InvalidInput, NotFound, PhivaultError

console = Console(highlight=False, soft_wrap=True, stderr=True)


def export(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="A new folder.")],
    tenant: Annotated[str, typer.Option(help="This tenant's lines alone; others are withheld.")] = "",
    since: Annotated[str, typer.Option(help="Leave out lines before this leaf, or before this checkpoint file.")] = "",
    role: Annotated[str, typer.Option("--as", help="Order it through the API, as this user of the local stack.")] = "",
    open: Annotated[Path | None, typer.Option(help="Write the personal fields, opened, into this new file.")] = None,
) -> None:
    """Seal what is pending, export the audit log, and check every file against the signed manifest.

    Exit status 0 when the export is complete, 1 when it is refused or isn't what its manifest says, 2 for input that
    can't be used, 3 for an outage. Whatever fails leaves nothing behind.
    """
    try:
        check_target(folder)
        if open is not None and (open.exists() or open.is_symlink()):
            raise InvalidInput(f"{open} stands there already")
        made = _ordered(tenant, _leaf(since), role, open=open is not None)
        personal = made.personal() if open is not None else b""
        manifest = save(made, folder, console)
        if open is not None:
            save_personal(personal, open)
    except PhivaultError as error:
        typer.echo(error.detail or error.title, err=True)
        refused = isinstance(error, AccessDenied | IntegrityError | NotFound)
        raise typer.Exit(1 if refused else 2 if isinstance(error, InvalidInput) else 3) from None
    lines = f"lines {manifest.first} to {manifest.size - 1}" + (f" for {manifest.tenant}" if manifest.tenant else "")
    typer.echo(f"{folder}: {lines}, {len(manifest.files) + 2} files, each as the manifest says")
    typer.echo(f"Now prove it: phivault audit verify {folder} --key LOG_VKEY --witness WITNESS_VKEY")


def _ordered(tenant: str, since: int, role: str, *, open: bool) -> Export:
    with console.status("sealing, exporting"):
        if role:
            return by_role.order(role, tenant, since, open=open)
        return by_operator.order(tenant, since, open=open)


def _leaf(since: str) -> int:
    """A number, or a file with a checkpoint: its size. Raises InvalidInput."""
    if since.isascii() and since.isdecimal() and int(since) <= MAX_SIZE:
        return int(since)
    if not since:
        return 0
    try:
        with Path(since).open("rb") as file:
            return checkpoint.parse(parse_note(file.read(MAX_NOTE + 1)).text).size
    except OSError:
        raise InvalidInput("--since is neither a leaf's number nor a file that can be read") from None
    except IntegrityError as error:
        raise InvalidInput(f"--since is no checkpoint: {error.detail}") from None
