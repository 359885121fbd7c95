"""Somebody asks for one element at a time, to be told which of those that they can't see are there."""

from __future__ import annotations

import json
from typing import Any

import pytest

from phivault.access.roles import Role
from phivault.records.read import read
from phivault.records.search import search
from phivault.records.vread import vread
from tests.support.records_fakes import BASE_URL, World

REASON = {"reasonCode": [{"text": "Headache"}]}
KIND = {"type": [{"text": "Follow-up"}]}
PARTS = [{"_elements": "reasonCode"}, {"_elements": "type,reasonCode"}, {"_summary": "true"}, {"_summary": "text"}]


def _encounter(patient: str) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "subject": {"reference": f"Patient/{patient}"},
    }


def _answers(world: World, id: str, **parameters: str) -> list[dict[str, Any]]:
    call = world.call(Role.CARE_COORDINATOR)  # who sees that somebody came, and not why
    asked = {"_id": id} | parameters
    bundle = json.loads(search(world.records, call, "Encounter", list(asked.items()), base_url=BASE_URL).body)
    bodies = [read(world.records, call, "Encounter", id, parameters).body]
    bodies.append(vread(world.records, call, "Encounter", id, 1, parameters).body)
    return [*(json.loads(body) for body in bodies), *(entry["resource"] for entry in bundle["entry"])]


@pytest.mark.parametrize("parameters", PARTS)
def test_a_part_says_the_same_whatever_is_hidden(world: World, patient: str, parameters: dict[str, str]) -> None:
    """Something is withheld of each of them, as a read of the whole says."""
    ids = [world.make("Encounter", _encounter(patient) | hidden).id for hidden in (REASON, KIND, REASON | KIND)]
    found = [_answers(world, id, **parameters) for id in ids]
    for answers, id in zip(found, ids, strict=True):
        for answer in answers:
            assert answer.pop("id") == id
            assert not answer.keys() & {"reasonCode", "type"}
    assert found[0] == found[1] == found[2]
