"""Vectors of the search index: what is indexed of given values, and under which tokens.

``python -m tests.vectors.search_index.make`` writes the file. Change what it makes only with the format's version.
"""

from __future__ import annotations

import json
from hashlib import sha256
from pathlib import Path
from typing import Any

from phivault.crypto.subject_key import SubjectKey
from phivault.phi.marking import marks
from phivault.records.index.key import SUBJECT, IndexKey, derived
from phivault.records.index.parameters import fields
from phivault.records.index.tokens import terms, tokens
from phivault.records.json_members import encode

FILE = Path(__file__).with_name("tokens.json")
MATERIAL = sha256(b"phivault vector: index key").digest()
CASES: tuple[tuple[str, str, dict[str, Any]], ...] = (
    (
        "a person",
        "Patient",
        {
            "identifier": [{"system": "urn:oid:2.16.840.1.113883.19.5", "value": "MR-0042"}],
            "name": [{"family": "Muñoz-O'Brien", "given": ["Ana"]}],
            "gender": "female",
            "birthDate": "1979-04-06",
            "telecom": [
                {"system": "phone", "value": "+1 (202) 555-0143"},
                {"system": "email", "value": "Ana@Example.org"},
            ],
        },
    ),
    ("a year alone", "Patient", {"birthDate": "1979"}),
    ("an ideograph", "Patient", {"name": [{"family": "李"}]}),
    (
        "a measurement across midnight UTC",
        "Observation",
        {
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "2339-0"}]},
            "subject": {"reference": "Patient/0199b3c2-0000-7000-8000-000000000001"},
            "effectiveDateTime": "2026-02-03T23:30:00-05:00",
        },
    ),
    ("a stay over the turn of a year", "Encounter", {"period": {"start": "2025-12-30", "end": "2026-01-02"}}),
    ("a stay of months, by the month", "Encounter", {"period": {"start": "2025-11-20", "end": "2026-02-03"}}),
    ("what goes on", "CareTeam", {"period": {"start": "2026-01-15"}}),
    ("what began before the index does", "CareTeam", {"period": {"end": "1799-12-31"}}),
    ("nothing to find it by", "Organization", {"active": True}),
    (
        "what a code makes sensitive, apart from the rest",
        "Observation",
        {
            "status": "final",
            "code": {"coding": [{"system": "http://loinc.org", "code": "75622-1"}]},
            "subject": {"reference": "Patient/0199b3c2-0000-7000-8000-000000000001"},
        },
    ),
    (
        "a class in whose text a number is found, apart as identifying",
        "Encounter",
        {"status": "finished", "class": {"code": "AMB", "display": "of 078-05-1120"}},
    ),
)


def vectors() -> str:
    made = []
    for tenant in ("t-1", "t-2"):
        key = derived(SubjectKey(tenant, SUBJECT, 1, MATERIAL))
        made.append({"tenant": tenant, "index_key": key.material.hex(), "cases": [_case(key, *case) for case in CASES]})
    return json.dumps({"subject_key": MATERIAL.hex(), "tenants": made}, indent=1, ensure_ascii=False) + "\n"


def _case(key: IndexKey, name: str, type: str, resource: dict[str, Any]) -> dict[str, Any]:
    members = {element: encode(value) for element, value in resource.items()}
    classes = marks(type, members).members
    indexed: dict[str, set[str]] = {}
    for field in fields(type):
        for part, term in terms(field, members, classes):
            indexed.setdefault(part, set()).add(term)
    found = sorted(token.hex() for token in tokens(key, type, members, classes=classes))
    shown = {part: sorted(held) for part, held in indexed.items()}
    return {"name": name, "type": type, "resource": resource, "terms": shown, "tokens": found}


if __name__ == "__main__":
    FILE.write_text(vectors())
