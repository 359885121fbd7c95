"""Writes the tables of docs/data-inventory.md from the inventory.

``python -m tests.unit.phi.inventory_table`` brings the document up to date.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import groupby
from pathlib import Path

from phivault.phi import inventory
from phivault.phi.inventory import INPUTS, Form, Kind, Place

DOCUMENT = Path(__file__).parents[3] / "docs" / "data-inventory.md"
START, END = "<!-- inventory: generated -->", "<!-- end -->"
KEPT = [place for place in inventory.places() if place.kind not in INPUTS and place.data_class]
TAKEN = [place for place in inventory.places() if place.kind in INPUTS - {Kind.FHIR} and place.data_class]


def tables() -> str:
    parts = [
        "### Where data of a class is kept or told",
        _table(("place", "class", "Safe Harbor", "how", "until"), _kept()),
        "### Where it comes in, FHIR elements aside",
        _table(("field", "class", "Safe Harbor", "goes to"), _taken()),
        "### FHIR elements, by class",
        _table(("type", *inventory.DataClass), _elements()),
        "### Keys",
        _table(("sealed as", "under the key of"), ((f"`{name}`", one.key) for name, one in _sealers())),
    ]
    return "\n\n".join(parts) + "\n"


def document(before: str) -> str:
    """The document with its tables as they must be."""
    head, _, rest = before.partition(START)
    _, _, tail = rest.partition(END)
    return f"{head}{START}\n{tables()}{END}{tail}"


def _kept() -> Iterator[Sequence[str]]:
    def same(place: Place) -> tuple[str, ...]:
        how = f"sealed as `{place.sealer}`" if place.form is Form.SEALED else place.form.value
        return f"{place.kind} {place.group}", place.data_class or "", _letters(place), how, place.until

    return _grouped(KEPT, same)


def _taken() -> Iterator[Sequence[str]]:
    def same(place: Place) -> tuple[str, ...]:
        goes = ", ".join(f"`{target}`" for target in place.to) or "nowhere"
        return f"{place.kind} {place.group}", place.data_class or "", _letters(place), goes

    return _grouped(TAKEN, same)


def _grouped(places: Iterable[Place], same: Callable[[Place], tuple[str, ...]]) -> Iterator[Sequence[str]]:
    """Neighbours that differ in their names alone share a line."""
    for (where, *others), together in groupby(places, key=same):
        names = ", ".join(f"`{place.name}`" for place in together)
        yield f"`{where}` {names}", *others


def _elements() -> Iterator[Sequence[str]]:
    for type, together in groupby(inventory.of_kind(Kind.FHIR), key=lambda place: place.group):
        places = list(together)
        if type != "*":
            counts = [sum(place.data_class is kind for place in places) for kind in inventory.DataClass]
            yield f"`{type}`", *(str(count or "-") for count in counts)


def _sealers() -> list[tuple[str, inventory.Sealer]]:
    return sorted(inventory.sealers().items())


def _letters(place: Place) -> str:
    whole = len(place.letters) == len(inventory.IDENTIFIERS)
    return "A-R" if whole else "".join(sorted(place.letters)) or "-"


def _table(titles: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [titles, ["---"] * len(titles), *rows]
    return "\n".join("| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |" for row in lines)


if __name__ == "__main__":
    DOCUMENT.write_text(document(DOCUMENT.read_text("utf-8")), "utf-8")
