"""A patient who writes many large Consents, so that whoever asks about them runs out of time and memory."""

from __future__ import annotations

import json
from typing import Any

import pytest

from phivault.access.roles import Role
from phivault.errors import Unprocessable
from phivault.records import consent_rules
from phivault.records.call import Call
from phivault.records.create import create
from phivault.records.read import read
from phivault.records.transaction import transaction
from phivault.records.update import update
from tests.support.consents import consent, purposes
from tests.support.records_fakes import BASE_URL, World, a_patient

FULL = 31_000


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def patient(world: World) -> str:
    return world.make("Patient", a_patient()).id


@pytest.fixture
def own(world: World, patient: str) -> Call:
    return world.call(Role.PATIENT, patient_id=patient)


def large(patient: str, status: str = "active") -> dict[str, Any]:
    """As large as one may be; it denies what nobody asks for."""
    said = consent(patient, status=status, type="deny", purpose=purposes("HPAYMT"))
    return said | {"sourceAttachment": {"title": "x" * FULL}}


def standing(world: World, patient: str) -> int:
    found = world.store.of_subjects("north", "Consent", [f"Patient/{patient}"])
    return sum(len(each.envelope or b"") for each in found)


@pytest.mark.parametrize("status", ["active", "draft"])
def test_they_are_bounded_together(world: World, patient: str, own: Call, status: str) -> None:
    body = json.dumps(large(patient, status)).encode()
    ids: list[str] = []

    def write() -> None:
        ids.extend(create(world.records, own, "Consent", body).id for _ in range(consent_rules.MAX_STANDING))

    with pytest.raises(Unprocessable, match="bytes"):
        write()
    assert len(ids) > consent_rules.MAX_STANDING_BYTES // consent_rules.MAX_BYTES // 2
    assert standing(world, patient) <= consent_rules.MAX_STANDING_BYTES + consent_rules.MAX_BYTES
    # Each of them can be withdrawn all the same, and what was small doesn't grow behind the bound.
    for id in ids:
        update(world.records, own, "Consent", id, json.dumps(large(patient, "inactive") | {"id": id}).encode())
    assert standing(world, patient) <= consent_rules.MAX_STANDING_BYTES + consent_rules.MAX_BYTES
    assert read(world.records, world.call(), "Patient", patient).version == 1


def test_small_ones_that_grow_are_bounded_too(world: World, patient: str, own: Call) -> None:
    small = json.dumps(consent(patient, status="draft")).encode()
    ids = [create(world.records, own, "Consent", small).id for _ in range(80)]
    grown = 0
    for id in ids:
        try:
            update(world.records, own, "Consent", id, json.dumps(large(patient, "draft") | {"id": id}).encode())
        except Unprocessable:
            break
        grown += 1
    assert 0 < grown < len(ids)
    assert standing(world, patient) <= 2 * consent_rules.MAX_STANDING_BYTES + consent_rules.MAX_BYTES


def test_one_transaction_is_bounded_too(world: World, patient: str, own: Call) -> None:
    entry = {"request": {"method": "POST", "url": "Consent"}, "resource": large(patient)}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry] * 40}
    with pytest.raises(Unprocessable, match="bytes"):
        transaction(world.records, own, json.dumps(bundle).encode(), base_url=BASE_URL)
    assert standing(world, patient) == 0
