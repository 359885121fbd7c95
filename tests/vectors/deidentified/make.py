"""Make forms.json and pseudonyms.json: what becomes of elements, and of ids under a known key.

``python -m tests.vectors.deidentified.make`` writes both anew. A change of one is a change
of what researchers see.
"""

from __future__ import annotations

import json
from datetime import date
from hashlib import sha256
from pathlib import Path
from typing import Any, Final

from phivault.crypto.subject_key import SubjectKey
from phivault.phi.generalise import generalise, present
from phivault.records.pseudonyms import Pseudonyms

FORMS, PSEUDONYMS = (Path(__file__).with_name(name) for name in ("forms.json", "pseudonyms.json"))
READ_ON: Final = date(2026, 7, 1)
IDS: Final = ("00000000-0000-4000-8000-000000000000", "f47ac10b-58cc-4372-a567-0e02b2c3d479")
_UCUM: Final = {"system": "http://unitsofmeasure.org"}
_LOINC: Final = {"system": "http://loinc.org", "code": "2345-7"}
ELEMENTS: Final[list[tuple[str, str, dict[str, Any]]]] = [
    ("birth date to year", "Patient", {"birthDate": "1957-08-01"}),
    ("birth year of an age over 89", "Patient", {"birthDate": "1936-12-31"}),
    (
        "address to state and three digits",
        "Patient",
        {"address": [{"line": ["1 Main St"], "state": "IL", "postalCode": "60614"}]},
    ),
    ("restricted by the census of 2000", "Patient", {"address": [{"state": "VT", "postalCode": "05901"}]}),
    ("restricted by the census of 2010", "Patient", {"address": [{"state": "AL", "postalCode": "36925"}]}),
    ("military mail", "Patient", {"address": [{"country": "US", "state": "AE", "postalCode": "09012"}]}),
    ("another country", "Patient", {"address": [{"country": "NO", "city": "Hamar", "postalCode": "2317"}]}),
    ("death without its date", "Patient", {"deceasedDateTime": "2024-05-06T07:08:09Z"}),
    ("no name, contact or identifier", "Patient", {"name": [{"family": "Vector"}], "telecom": [{"value": "555-0100"}]}),
    (
        "coding without display and text",
        "Observation",
        {"code": {"coding": [_LOINC | {"display": "Glucose"}], "text": "Ann"}},
    ),
    (
        "no code of that form",
        "Observation",
        {"code": {"coding": [{"system": "http://loinc.org", "code": "219-09-9999"}]}},
    ),
    (
        "no check digit of SNOMED CT",
        "Condition",
        {"code": {"coding": [{"system": "http://snomed.info/sct", "code": "12025550143"}]}},
    ),
    ("an unknown system", "Condition", {"code": {"coding": [{"system": "urn:example", "code": "1"}]}}),
    (
        "annotation taken out",
        "Observation",
        {"valueQuantity": _UCUM | {"value": 5, "unit": "Ann", "code": "mmol/L{Ann}"}},
    ),
    ("known annotation", "Observation", {"valueQuantity": _UCUM | {"value": 90, "code": "mL/min/{1.73_m2}"}}),
    ("an age of 89", "Observation", {"valueQuantity": _UCUM | {"value": 89, "code": "a"}}),
    ("an age over 89", "Observation", {"valueQuantity": _UCUM | {"value": 90, "code": "a"}}),
    ("an age over 89 in days", "Observation", {"valueQuantity": _UCUM | {"value": 33000, "code": "d"}}),
    ("an age over 89 by its annotation", "Observation", {"valueQuantity": _UCUM | {"value": 95, "code": "{years}"}}),
    (
        "an age over 89 by now",
        "Observation",
        {"effectiveDateTime": "1990", "valueQuantity": _UCUM | {"value": 60, "code": "a"}},
    ),
    ("no age at onset", "Condition", {"onsetAge": _UCUM | {"value": 40, "code": "a"}}),
    ("period to years", "Encounter", {"period": {"start": "2026-01-01T09:00:00Z", "end": "2026-01-02"}}),
    ("no extension of a primitive", "Patient", {"_birthDate": {"extension": [{"url": "urn:x", "valueString": "Ann"}]}}),
]


def forms() -> str:
    cases = []
    for name, resource_type, given in ELEMENTS:
        raw = {element: json.dumps(value).encode() for element, value in given.items()}
        shown = present(generalise(resource_type, raw), READ_ON)
        read = {element: json.loads(text) for element, text in shown.items()}
        cases.append({"name": name, "type": resource_type, "given": given, "read": read})
    return json.dumps({"read_on": READ_ON.isoformat(), "cases": cases}, indent=1) + "\n"


def pseudonyms() -> str:
    material, cases = sha256(b"phivault vector: project key").digest(), []
    for tenant, project, resource_type in (
        ("t-1", "study-7", "Patient"),
        ("t-1", "study-7", "Observation"),
        ("t-1", "study-8", "Patient"),
        ("t-2", "study-7", "Patient"),
    ):
        names = Pseudonyms(SubjectKey(tenant, f"Project/{project}", 1, material))
        made = {id: names.of(resource_type, id) for id in IDS}
        cases.append({"tenant": tenant, "project": project, "type": resource_type, "pseudonyms": made})
    return json.dumps({"key": material.hex(), "cases": cases}, indent=1) + "\n"


if __name__ == "__main__":
    FORMS.write_text(forms())
    PSEUDONYMS.write_text(pseudonyms())
