"""Somebody looks for the relatives of a patient who is a stranger to them: by links, and by what is opened for it."""

from __future__ import annotations

import json
from typing import Any

import pytest

from phivault.access.roles import Role
from phivault.audit.event import Action
from phivault.records.call import Call
from phivault.records.search import search
from tests.support.records_fakes import BASE_URL, World, a_patient

ABSENT = "0199b3c2-0000-4000-8000-000000000009"
RELATIVES = 7


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def patient(world: World) -> str:
    """Of whom there are relatives."""
    made = world.make("Patient", a_patient()).id
    for _ in range(RELATIVES):
        relative = {"resourceType": "RelatedPerson", "patient": {"reference": f"Patient/{made}"}}
        world.make("RelatedPerson", relative)
    return made


def found(world: World, call: Call, patient: str) -> dict[str, Any]:
    parameters = [("patient", patient), ("_count", "1")]
    answer = search(world.records, call, "RelatedPerson", parameters, base_url=BASE_URL)
    bundle: dict[str, Any] = json.loads(answer.body)
    return bundle


@pytest.mark.parametrize("role", [Role.CLINICIAN, Role.PATIENT, Role.TENANT_ADMIN, Role.AUDITOR], ids=str)
def test_a_stranger_learns_nothing_and_has_nothing_opened(world: World, patient: str, role: Role) -> None:
    own = world.make("Patient", a_patient()).id
    stranger = world.call(role, user_id="a-stranger", patient_id=own if role is Role.PATIENT else None)
    for asked in (patient, ABSENT):
        world.cold()
        world.forget()
        bundle = found(world, stranger, asked)
        assert ([link["relation"] for link in bundle["link"]], bundle.get("entry", [])) == (["self"], [])
        assert not world.wrapper.calls
        denied = [event for event in world.events if event.action is Action.SEARCH and event.error == "denied"]
        assert [event.patient for event in denied] == [asked]


def test_who_treats_the_patient_finds_them(world: World, patient: str) -> None:
    bundle = found(world, world.call(), patient)
    assert (len(bundle["entry"]), bundle["link"][-1]["relation"]) == (1, "next")
