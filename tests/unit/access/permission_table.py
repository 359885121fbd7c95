"""Writes docs/decisions.md: what the policies grant, asked cell by cell.

``python -m tests.unit.access.permission_table`` brings the document up to date.
"""

from __future__ import annotations

import itertools
import time
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final, NamedTuple

from phivault.access.decide import Decider
from phivault.access.facts import ConsentFacts, PatientFacts
from phivault.access.policy_files import application_actions
from phivault.access.purpose import Purpose, PurposeOfUse
from phivault.access.roles import Role
from phivault.phi.data_class import DataClass
from tests.support.people import principal

DOCUMENT = Path(__file__).parents[3] / "docs" / "decisions.md"
START, END = "<!-- decisions: generated -->", "<!-- end -->"
ACTIONS = ("create", "read", "update", "delete", "search")
CLINICAL, SENSITIVE = frozenset({DataClass.CLINICAL}), frozenset({DataClass.SENSITIVE})


@dataclass(frozen=True, slots=True)
class Relation:
    """How the principal stands to whose data. ``beside`` is the relation that the table compares it with."""

    facts: PatientFacts | None
    beside: str = ""
    type: str = "Observation"
    project: bool = False


_ANY: Final = PatientFacts("p", "t")
_SELF: Final = PatientFacts("self", "t")
_TEAM: Final = replace(_ANY, in_care_team=True)
_WHOLE_TEAM: Final = replace(_TEAM, team_sees_sensitive=True)

RELATIONS: dict[str, Relation] = {
    "any patient": Relation(_ANY),
    "their own record": Relation(_SELF, "any patient"),
    "care team": Relation(_TEAM, "any patient"),
    "care team with the sensitive class": Relation(_WHOLE_TEAM, "care team"),
    "care team, a consent opens the sensitive class": Relation(
        replace(_TEAM, consent=ConsentFacts(sensitive=True)), "care team"
    ),
    "delegate for clinical": Relation(replace(_ANY, delegated=CLINICAL), "any patient"),
    "delegate for sensitive": Relation(replace(_ANY, delegated=SENSITIVE), "any patient"),
    "grant of clinical": Relation(replace(_ANY, granted=CLINICAL), "any patient"),
    "grant of sensitive": Relation(replace(_ANY, granted=SENSITIVE), "any patient"),
    "a consent releases clinical to them": Relation(
        replace(_ANY, consent=ConsentFacts(permits=CLINICAL)), "any patient"
    ),
    "a consent releases sensitive to them": Relation(
        replace(_ANY, consent=ConsentFacts(permits=SENSITIVE)), "any patient"
    ),
    "care team, a consent withholds clinical": Relation(
        replace(_WHOLE_TEAM, consent=ConsentFacts(denies=CLINICAL)), "care team with the sensitive class"
    ),
    "care team, the record restricted": Relation(
        replace(_WHOLE_TEAM, restricted=True), "care team with the sensitive class"
    ),
    "restricted, a consent releases clinical to them": Relation(
        replace(_ANY, restricted=True, consent=ConsentFacts(permits=CLINICAL)), "any patient"
    ),
    "their own record, restricted": Relation(replace(_SELF, restricted=True), "their own record"),
    "broken glass": Relation(replace(_ANY, emergency=True), "any patient"),
    "broken glass, the record restricted": Relation(replace(_ANY, emergency=True, restricted=True), "broken glass"),
    "broken glass, a consent withholds clinical": Relation(
        replace(_ANY, emergency=True, consent=ConsentFacts(denies=CLINICAL)), "broken glass"
    ),
    "approved project": Relation(_ANY, "any patient", project=True),
    "new patient": Relation(replace(_ANY, is_new=True), "any patient"),
    "a Consent of any patient": Relation(_ANY, "any patient", "Consent"),
    "a Consent of their own": Relation(_SELF, "their own record", "Consent"),
    "a Consent, care team with the sensitive class": Relation(
        _WHOLE_TEAM, "care team with the sensitive class", "Consent"
    ),
    "a Consent, another withholds everything": Relation(
        replace(_ANY, consent=ConsentFacts(denies=frozenset(DataClass))), "a Consent of any patient", "Consent"
    ),
    "directory": Relation(None, type="Organization"),
}


class Cell(NamedTuple):
    role: Role
    purpose: PurposeOfUse
    relation: str
    data_class: DataClass
    action: str


def granted(decider: Decider) -> Iterator[Cell]:
    """Every cell that the policies grant."""
    for role, of_use, (name, relation) in itertools.product(Role, PurposeOfUse, RELATIONS.items()):
        who = principal(role, patient_id="self" if role is Role.PATIENT else None)
        purpose = Purpose(of_use, asserted=True)
        for action in ACTIONS:
            for data_class in decider.granted(
                who, purpose, action, relation.type, relation.facts, DataClass, project=relation.project
            ):
                yield Cell(role, of_use, name, data_class, action)


def document(cells: frozenset[Cell]) -> str:
    """A table for each relation, with the rows that are other than in the relation that it is beside."""
    return "\n\n".join([*(_section(cells, name) for name in RELATIONS), _application()])


def _application() -> str:
    """Every action beyond FHIR, and whom it needs."""
    decider, now = Decider(), int(time.time())
    rows = []
    for action in application_actions():
        roles = [role for role in Role if decider.permits(principal(role, auth_time=now), action)]
        lasting = [role for role in Role if decider.permits(principal(role, auth_time=0), action)]
        rows.append([f"`{action}`", "any" if lasting == roles else "five minutes", _listed(roles, Role, "every role")])
    heads = ["action", "sign-in no older than", "role"]
    title = "### Beyond FHIR\n\nDecided in one's own tenant; a tenant's own policies don't reach these."
    return title + "\n\n" + "\n".join(_line(row) for row in [heads, ["---"] * len(heads), *rows])


def _section(cells: frozenset[Cell], name: str) -> str:
    beside = RELATIONS[name].beside
    askers: dict[tuple[str, ...], dict[Role, list[PurposeOfUse]]] = {}
    for role, of_use in itertools.product(Role, PurposeOfUse):
        row = _row(cells, role, of_use, name)
        if row != (_row(cells, role, of_use, beside) if beside else ("",) * len(DataClass)):
            askers.setdefault(row, {}).setdefault(role, []).append(of_use)
    rows = [
        [", ".join(roles), _listed(purposes, PurposeOfUse, "every purpose"), *(cell or "-" for cell in row)]
        for row, by_role in askers.items()
        for purposes, roles in _together(by_role).items()
    ]
    title = f"### {name[0].upper()}{name[1:]}\n\n" + (f"Beside *{beside}*:" if beside else "All that is granted:")
    if not rows:
        return title.replace(":", " nothing is other.")
    heads = ["role", "purpose", *DataClass]
    return title + "\n\n" + "\n".join(_line(row) for row in [heads, ["---"] * len(heads), *rows])


def _together(by_role: dict[Role, list[PurposeOfUse]]) -> dict[tuple[PurposeOfUse, ...], list[Role]]:
    """Roles with the same purposes share a row."""
    found: dict[tuple[PurposeOfUse, ...], list[Role]] = {}
    for role, purposes in by_role.items():
        found.setdefault(tuple(purposes), []).append(role)
    return found


def _listed(some: Iterable[str], every: Iterable[str], all_of_them: str) -> str:
    names = list(some)
    return all_of_them if names == list(every) else ", ".join(names)


def _line(parts: Iterable[str]) -> str:
    return "| " + " | ".join(parts) + " |"


def _row(cells: frozenset[Cell], role: Role, of_use: PurposeOfUse, relation: str) -> tuple[str, ...]:
    return tuple(_letters(cells, role, of_use, relation, data_class) for data_class in DataClass)


def _letters(cells: frozenset[Cell], role: Role, of_use: PurposeOfUse, relation: str, data_class: DataClass) -> str:
    allowed = (action for action in ACTIONS if Cell(role, of_use, relation, data_class, action) in cells)
    return "".join(action[0].upper() for action in allowed)


def documented() -> str:
    return DOCUMENT.read_text("utf-8").split(START)[1].split(END)[0].strip()


if __name__ == "__main__":
    before, rest = DOCUMENT.read_text("utf-8").split(START)
    after = rest.split(END)[1]
    fresh = document(frozenset(granted(Decider())))
    DOCUMENT.write_text(f"{before}{START}\n{fresh}\n{END}{after}", "utf-8")
