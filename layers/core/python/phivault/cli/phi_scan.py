"""``phivault phi scan``: identifiers in files, told by place and kind."""

from __future__ import annotations

import errno
import json
import sys
from pathlib import Path
from typing import Annotated

import typer

from phivault.errors import InvalidInput
from phivault.phi.scan import Found
from phivault.phi.scan import scan as scan_document

STDIN = "-"
_WHYS = {
    errno.ENOENT: "is not there",
    errno.EISDIR: "is a folder: name the files in it",
    errno.EACCES: "may not be read by you",
}


def scan(
    files: Annotated[list[str], typer.Argument(help="Text, JSON or NDJSON in UTF-8; - is standard input.")],
    as_json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
    show: Annotated[bool, typer.Option("--show", help="Print what was found, too: that is PHI.")] = False,
) -> None:
    """Find identifiers in files: names, contact data, numbers, dates, addresses. FHIR JSON is told by element paths.

    What was found isn't printed, only where it stands and what kind it is. Exit status 0 where nothing was found, 1
    where something was, 2 where a file can't be read. Rules err both ways: finding nothing proves nothing.
    """
    rows: list[dict[str, object]] = []
    unusable = False
    for file in files:
        try:
            found = scan_document(_read(file), name=file)
        except (OSError, UnicodeDecodeError, InvalidInput) as error:
            unusable = True
            typer.echo(f"{file}: {_why(error)}", err=True)
            continue
        rows += [_row(file, one, show=show) for one in found]
    if as_json:
        typer.echo(json.dumps(rows, ensure_ascii=False, indent=1))
    else:
        for row in rows:
            typer.echo(_line(row))
    raise typer.Exit(2 if unusable else 1 if rows else 0)


def _read(file: str) -> str:
    data = sys.stdin.buffer.read() if file == STDIN else Path(file).read_bytes()
    return data.decode("utf-8")


def _row(file: str, one: Found, *, show: bool) -> dict[str, object]:
    row: dict[str, object] = {"file": file, "place": one.place, "kind": one.kind.value, "safe_harbor": one.kind.letter}
    return row | {"score": one.score} | ({"text": one.text} if show else {})


def _line(row: dict[str, object]) -> str:
    shown = f"  {json.dumps(row['text'], ensure_ascii=False)}" if "text" in row else ""
    return f"{row['file']}:{row['place']}: {row['kind']} ({row['safe_harbor']}){shown}"


def _why(error: Exception) -> str:
    if isinstance(error, InvalidInput):
        return error.detail
    if isinstance(error, UnicodeDecodeError):
        return "is not UTF-8"
    if isinstance(error, OSError) and error.errno is not None:
        return _WHYS.get(error.errno, "can't be read")
    return "can't be read"
