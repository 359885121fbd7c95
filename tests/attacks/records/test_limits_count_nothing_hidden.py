"""Somebody writes as much as a resource may hold, to be told by the limit how much of it they can't see."""

from __future__ import annotations

import json
from typing import Any

from phivault.access.roles import Role
from phivault.crypto.envelope import read_header
from phivault.errors import Unprocessable
from phivault.phi.data_class import DataClass
from phivault.records.index.key import index_key
from phivault.records.index.tokens import MAX_TOKENS, tokens
from phivault.records.json_members import encode
from phivault.records.patch import patch
from phivault.records.reseal import resealed
from tests.support.records_fakes import World

KINDS = [{"coding": [{"system": "urn:kinds", "code": f"kind-{number}"}]} for number in range(20)]


def _encounter(patient: str, **changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "subject": {"reference": f"Patient/{patient}"},
        "reasonCode": [{"text": "Headache"}],  # so that something is withheld of all
    } | changes


def _is_taken(world: World, id: str, number: int) -> bool:
    value = [{"value": f"N-{count}"} for count in range(number)]
    body = json.dumps([{"op": "add", "path": "/identifier", "value": value}]).encode()
    try:
        patch(world.records, world.call(Role.CARE_COORDINATOR), "Encounter", id, body)
    except Unprocessable:
        return False
    return True


def _most(world: World, id: str) -> int:
    low, high = 1, MAX_TOKENS + 1
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if _is_taken(world, id, middle) else (low, middle)
    return low


def test_what_the_writer_cannot_see_is_not_counted(world: World, patient: str) -> None:
    some, none = (world.make("Encounter", _encounter(patient, **more)).id for more in ({"type": KINDS}, {}))
    assert _most(world, some) == _most(world, none)


def test_what_is_not_counted_is_found_and_can_be_sealed_again(world: World, patient: str) -> None:
    made = world.make("Encounter", _encounter(patient, type=KINDS)).id
    assert _is_taken(world, made, _most(world, made))
    row = world.store.versions["north", "Encounter", made][-1]
    _, held = world.store.tokens["north", "Encounter", made]
    index = index_key(world.records.keys, "north")
    assert tokens(index, "Encounter", {"type": encode(KINDS)}) <= held
    assert len(held) > MAX_TOKENS
    again = resealed(world.records.keys, index, "north", row, 1)
    assert again.tokens == held
    assert again.envelope is not None
    assert {each.data_class for each in read_header(again.envelope).elements} <= {kind.value for kind in DataClass}
