"""The stack that ``make run`` started, as its ``demo.json`` tells."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import typer


def facts() -> dict[str, Any]:
    """The content of ``.local/demo.json`` in this folder or above (``PHIVAULT_LOCAL`` names another folder)."""
    document = found()
    if document is None:
        typer.echo("No local stack is ready here. Start one in another terminal: make run", err=True)
        raise typer.Exit(2)
    return document


def found() -> dict[str, Any] | None:
    """The same; None where no stack is ready."""
    here = Path.cwd()
    named = os.environ.get("PHIVAULT_LOCAL")
    folders = [Path(named)] if named else [folder / ".local" for folder in (here, *here.parents)]
    for folder in folders:
        if (folder / "demo.json").is_file():
            return _told(folder / "demo.json")
    return None


def _told(file: Path) -> dict[str, Any]:
    try:
        document = json.loads(file.read_text("utf-8"))
    except (OSError, ValueError):
        document = None
    if not isinstance(document, dict) or "base_url" not in document:
        typer.echo(f"{file} doesn't tell of a local stack. Start one in another terminal: make run", err=True)
        raise typer.Exit(2)
    return document
