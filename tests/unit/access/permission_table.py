"""Writes the table of docs/access.md: what the policies grant, asked cell by cell.

``python -m tests.unit.access.permission_table`` brings the document up to date.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

from phivault.access.decide import Decider
from phivault.access.facts import PatientFacts
from phivault.access.purpose import Purpose, PurposeOfUse
from phivault.access.roles import Role
from phivault.phi.data_class import DataClass
from tests.support.people import principal

DOCUMENT = Path(__file__).parents[3] / "docs" / "access.md"
START, END = "<!-- permissions: generated -->", "<!-- end -->"
ACTIONS = ("create", "read", "update", "delete", "search")
RELATIONS: dict[str, PatientFacts | None] = {
    "any patient": PatientFacts("p", "t"),
    "their own": PatientFacts("self", "t"),
    "care team": PatientFacts("p", "t", in_care_team=True),
    "new patient": PatientFacts("p", "t", is_new=True),
    "directory": None,
}


class Cell(NamedTuple):
    role: Role
    purpose: PurposeOfUse
    relation: str
    data_class: DataClass
    action: str


def granted(decider: Decider) -> Iterator[Cell]:
    """Every cell that the policies grant."""
    for role in Role:
        who = principal(role, patient_id="self" if role is Role.PATIENT else None)
        for of_use in PurposeOfUse:
            for relation, facts in RELATIONS.items():
                for action in ACTIONS:
                    resource_type = "Observation" if facts else "Organization"
                    purpose = Purpose(of_use, asserted=True)
                    for data_class in decider.granted(who, purpose, action, resource_type, facts, DataClass):
                        yield Cell(role, of_use, relation, data_class, action)


def table(cells: frozenset[Cell]) -> str:
    """Rows where something is granted. A relation to a patient that changes nothing has no row of its own."""
    lines = ["| role | purpose | whose | " + " | ".join(DataClass) + " |", "|---" * (3 + len(DataClass)) + "|"]
    for role, of_use in itertools.product(Role, PurposeOfUse):
        nothing = [""] * len(DataClass)
        anyones = _row(cells, role, of_use, "any patient")
        for relation, facts in RELATIONS.items():
            row = _row(cells, role, of_use, relation)
            if row != (nothing if relation == "any patient" or facts is None else anyones):
                lines.append("| " + " | ".join([role, of_use, relation, *(cell or "-" for cell in row)]) + " |")
    return "\n".join(lines)


def _row(cells: frozenset[Cell], role: Role, of_use: PurposeOfUse, relation: str) -> list[str]:
    return [_letters(cells, role, of_use, relation, data_class) for data_class in DataClass]


def _letters(cells: frozenset[Cell], role: Role, of_use: PurposeOfUse, relation: str, data_class: DataClass) -> str:
    allowed = (action for action in ACTIONS if Cell(role, of_use, relation, data_class, action) in cells)
    return "".join(action[0].upper() for action in allowed)


def documented() -> str:
    return DOCUMENT.read_text("utf-8").split(START)[1].split(END)[0].strip()


if __name__ == "__main__":
    before, rest = DOCUMENT.read_text("utf-8").split(START)
    after = rest.split(END)[1]
    fresh = table(frozenset(granted(Decider())))
    DOCUMENT.write_text(f"{before}{START}\n{fresh}\n{END}{after}", "utf-8")
