"""``phivault phi inventory``: where PHI lives, and the code that touches it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import groupby
from pathlib import Path
from typing import Annotated, Any, Final

import typer
from rich.console import Console
from rich.markup import escape
from rich.table import Table

import phivault
from phivault.phi import inventory as listed
from phivault.phi.catalogue import IDENTIFIERS
from phivault.phi.data_class import DataClass
from phivault.phi.inventory import NONE, Form, Place
from phivault.phi.inventory_code import Code
from phivault.phi.inventory_touch import Touches

CLASSES: Final = (*DataClass, NONE)
_PIPED: Final = 240
_PACKAGE: Final = Path(phivault.__file__).parent
_HANDLERS: Final = _PACKAGE.parents[3] / "functions"
"""The handlers stand beside the package's folder in the repository; an installed package has none."""


@dataclass(frozen=True, slots=True)
class Row:
    place: Place
    code: tuple[str, ...]


def inventory(
    as_json: Annotated[bool, typer.Option("--json", help="Write one JSON document.")] = False,
    data_class: Annotated[
        list[str] | None, typer.Option("--class", help=f"Only this class, of {', '.join(CLASSES)}; may be repeated.")
    ] = None,
    place: Annotated[
        list[str] | None, typer.Option(help="Only places whose name begins with this, such as postgres; repeatable.")
    ] = None,
) -> None:
    """List where PHI lives: how it stands there, until when, and which code touches it, as read from the source.

    Without --class every place that has a data class; --class none lists the others, with the reason why. Exit status
    2 for a class that there isn't or a place that nothing matches.
    """
    if unknown := set(data_class or ()) - set(CLASSES):
        _refused(f"There is no class {sorted(unknown)[0]}: {', '.join(CLASSES)}")
    rows = found(data_class or list(DataClass), place or [""])
    if not rows:
        _refused("No place of the inventory matches")
    if as_json:
        typer.echo(json.dumps([_document(row) for row in rows], indent=1))
    else:
        screen = Console(highlight=False)
        # A pipe has no width: the usual 80 would fold every word of six columns.
        screen.width = screen.width if screen.is_terminal else max(screen.width, _PIPED)
        screen.print(_table(rows))


def found(classes: Sequence[str], starts: Sequence[str]) -> list[Row]:
    """In the inventory's order."""
    touches = _touches()
    wanted = [place for place in listed.places() if _class(place) in classes and place.id.startswith(tuple(starts))]
    return [Row(place, touches.modules(place)) for place in wanted]


@cache
def _touches() -> Touches:
    return Touches(Code(*(folder for folder in (_PACKAGE, _HANDLERS) if folder.is_dir())))


def how(place: Place) -> str:
    """In words: in clear, hashed, sealed under which key; of what comes in, the places that it goes to."""
    if place.form is Form.SEALED:
        return f"sealed: {listed.sealers()[place.sealer].key}"
    if place.form is Form.PASSING:
        return "to " + "; ".join(place.to) if place.to else "not kept"
    return place.form.value


def _document(row: Row) -> dict[str, Any]:
    place = row.place
    return {
        "place": place.id,
        "class": _class(place),
        "safe_harbor": "".join(sorted(place.letters)),
        "form": place.form.value if place.to or place.form is not Form.PASSING else "not kept",
        "key": listed.sealers()[place.sealer].key if place.sealer else "",
        "to": list(place.to),
        "until": place.until,
        "why": place.why,
        "code": list(row.code),
    }


def _table(rows: Sequence[Row]) -> Table:
    table = Table(box=None, pad_edge=False, show_header=True, header_style="bold")
    for title in ("Place", "Class", "Safe Harbor", "How", "Until", "Code"):
        table.add_column(title, overflow="fold", vertical="top")
    for cells in _lines(rows):
        table.add_row(*map(escape, cells))
    return table


def _lines(rows: Sequence[Row]) -> Iterator[tuple[str, ...]]:
    """A line for each row; neighbours that differ in their names alone share one."""

    def same(row: Row) -> tuple[str, ...]:
        place = row.place
        letters = "A-R" if len(place.letters) == len(IDENTIFIERS) else "".join(sorted(place.letters))
        code = ", ".join(name.removeprefix("phivault.") for name in row.code) or "-"
        return f"{place.kind} {place.group}", _class(place), letters, how(place), place.until or place.why, code

    for (where, *others), together in groupby(rows, key=same):
        names = ", ".join(row.place.name for row in together)
        yield f"{where} {names}", *others


def _class(place: Place) -> str:
    return place.data_class.value if place.data_class else NONE


def _refused(why: str) -> None:
    typer.echo(why, err=True)
    raise typer.Exit(2)
