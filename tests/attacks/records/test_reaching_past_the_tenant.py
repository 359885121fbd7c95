"""A caller of one tenant aims every verb at a resource of another: it isn't there."""

from __future__ import annotations

import json
from uuid import uuid4

import pytest

from phivault.errors import InvalidInput, NotFound, Unprocessable
from phivault.records.create import create
from phivault.records.delete import delete
from phivault.records.read import read
from phivault.records.search import search
from phivault.records.transaction import transaction
from phivault.records.update import update
from phivault.records.vread import vread
from tests.support.records_fakes import BASE_URL, World, a_patient, an_observation


def test_every_verb_finds_nothing(world: World, patient: str) -> None:
    south = world.call(tenant="south")
    body = json.dumps(a_patient(id=patient)).encode()
    for attempt in (
        lambda: read(world.records, south, "Patient", patient),
        lambda: vread(world.records, south, "Patient", patient, 1),
        lambda: update(world.records, south, "Patient", patient, body),
        lambda: delete(world.records, south, "Patient", patient),
    ):
        with pytest.raises(NotFound):
            attempt()
    for parameters in ([], [("_id", patient)], [("patient", patient)]):
        assert search(world.records, south, "Patient", parameters, base_url=BASE_URL).count == 0
    with pytest.raises(Unprocessable):
        create(world.records, south, "Observation", json.dumps(an_observation(patient)).encode())
    assert world.store.read("north", "Patient", patient).version == 1
    assert {event.tenant for event in world.events} == {"south"}


@pytest.mark.parametrize("version", [0, 1, 2, 3, 1 << 40])
def test_a_version_of_anothers_is_as_unknown_as_one_of_nobodys(world: World, patient: str, version: int) -> None:
    """Of three: one with this version, one without it, none at all. Nothing tells which is which."""
    south = world.call(tenant="south")
    update(world.records, world.call(), "Patient", patient, json.dumps(a_patient(id=patient)).encode())
    once = world.make("Patient", a_patient()).id
    answers = set()
    for id in (patient, once, str(uuid4())):
        with pytest.raises(NotFound) as refused:
            vread(world.records, south, "Patient", id, version)
        answers.add((refused.value.code, refused.value.detail))
    assert answers == {("not-found", "Patient not found")}


def test_a_transaction_finds_nothing_either(world: World, patient: str) -> None:
    south = world.call(tenant="south")
    for entry in (
        {"request": {"method": "DELETE", "url": f"Patient/{patient}"}},
        {"request": {"method": "PUT", "url": f"Patient/{patient}"}, "resource": a_patient(id=patient)},
        {"request": {"method": "POST", "url": "Observation"}, "resource": an_observation(patient)},
    ):
        bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
        with pytest.raises((NotFound, Unprocessable)):
            transaction(world.records, south, json.dumps(bundle).encode(), base_url=BASE_URL)
    assert [key[0] for key in world.store.versions] == ["north"]


@pytest.mark.parametrize("reference", ["Practitioner", "Organization"])
def test_a_reference_into_another_tenant_is_broken(world: World, patient: str, reference: str) -> None:
    theirs = world.make(reference, {"resourceType": reference, "active": True}, world.call(tenant="south")).id
    with pytest.raises(Unprocessable):
        world.make("Observation", an_observation(patient, performer=[{"reference": f"{reference}/{theirs}"}]))


def test_a_cursor_does_not_carry_over(world: World, patient: str) -> None:
    world.make("Patient", a_patient())
    first = search(world.records, world.call(), "Patient", [("_count", "1")], base_url=BASE_URL)
    cursor = json.loads(first.body)["link"][1]["url"].partition("_cursor=")[2]
    with pytest.raises(InvalidInput):
        search(world.records, world.call(tenant="south"), "Patient", [("_cursor", cursor)], base_url=BASE_URL)
