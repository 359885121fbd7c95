"""Folders to import, and what came of it."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from phivault.cli.imports.chunk import Sources
from phivault.cli.imports.journal import Journal
from phivault.cli.imports.run import Importing, scan, scan_again
from phivault.cli.imports.send import Sender
from phivault.cli.imports.source import files
from tests.support.fake_fhir import FakeFhir

type Import = Callable[..., dict[str, int]]


class Silent:
    def scanned(self, size: int) -> None: ...

    def sent(self, counts: dict[str, int]) -> None: ...


def carry(
    folder: Path, api: FakeFhir, *, most: int, parallel: int = 2, patience: float = -1, again: bool = False
) -> dict[str, int]:
    """One run of an import, as the command makes it; ``again`` sends what was refused. Answers the journal's counts."""
    found = files(folder)
    with Journal(folder.with_name("journal")) as journal:
        (scan_again if again else scan)(journal, found, Silent())
        salt = journal.noted("salt")
        assert isinstance(salt, bytes)
        sender = Sender(api, {}, patience)  # type: ignore[arg-type]  # it has what is used of an Api
        Importing(journal, Sources(found, salt), sender, Silent(), parallel, most).run()
        return journal.counts()


def refusals(folder: Path) -> list[tuple[int, int, str]]:
    with Journal(folder.with_name("journal")) as journal:
        return list(journal.refusals())


def ndjson(folder: Path, name: str, *resources: dict[str, Any]) -> None:
    (folder / f"{name}.ndjson").write_text("\n".join(map(json.dumps, resources)) + "\n")


def a(kind: str, id: str = "", **members: Any) -> dict[str, Any]:
    return {"resourceType": kind} | ({"id": id} if id else {}) | members


def to(place: str) -> dict[str, str]:
    return {"reference": place}


def ward(patients: int) -> Iterator[dict[str, Any]]:
    for n in range(patients):
        yield a("Observation", f"o{n}", subject=to(f"Patient/p{n}"), encounter=to(f"Encounter/e{n}"), number=n)
        yield a("Encounter", f"e{n}", subject=to(f"Patient/p{n}"))
        yield a(
            "Patient", f"p{n}", generalPractitioner=[to("Practitioner/d")], managingOrganization=to("Organization/h")
        )


def whole(api: FakeFhir, patients: int) -> None:
    """Each resource is there once, and leads where it led."""
    kinds = [resource["resourceType"] for resource in api.resources.values()]
    assert {kind: kinds.count(kind) for kind in kinds} == {
        "Observation": patients,
        "Encounter": patients,
        "Patient": patients,
        "Practitioner": 1,
        "Organization": 1,
    }
    for resource in api.resources.values():
        if resource["resourceType"] == "Observation":
            encounter = api.resources[resource["encounter"]["reference"]]
            assert encounter["subject"] == resource["subject"]
            assert api.resources[resource["subject"]["reference"]]["id"] == f"p{resource['number']}"


def the_ward(folder: Path, patients: int) -> None:
    ndjson(folder, "a", *ward(patients))
    ndjson(folder, "b", a("Practitioner", "d"), a("Organization", "h"))


def replan(folder: Path, days: float | None) -> None:
    """As if every chunk that has no answer had been planned so many days from now."""
    with sqlite3.connect(folder.with_name("journal")) as journal:
        if days is None:
            journal.execute("DELETE FROM about WHERE name LIKE 'planned %'")
        else:
            journal.execute("UPDATE about SET value = value + ? WHERE name LIKE 'planned %'", (int(days * 86_400),))
