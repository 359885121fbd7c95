"""Who writes about their own patient tries ids of what others have, or is hidden from them: each leads to nothing."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any
from uuid import uuid4

import pytest

from phivault.errors import PhivaultError, Unprocessable
from phivault.records.create import create
from phivault.records.patch import patch
from phivault.records.transaction import transaction
from phivault.records.update import update
from phivault.records.validating import validating
from tests.support.records_fakes import BASE_URL, World, a_patient, an_observation

type Try = Callable[[World, str, str], object]


def _encounter(patient: str, **changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "Encounter",
        "status": "finished",
        "class": {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"},
        "subject": {"reference": f"Patient/{patient}"},
    } | changes


def _sensitive(patient: str) -> dict[str, Any]:
    code = {"coding": [{"system": "http://hl7.org/fhir/sid/icd-10-cm", "code": "F11.20"}]}
    return _encounter(patient, reasonCode=[code])


def _plain(patient: str, **changes: Any) -> dict[str, Any]:
    """Without a note, which not everybody may write."""
    return {name: value for name, value in an_observation(patient, **changes).items() if name != "note"}


def _observed(patient: str, reference: str, **changes: Any) -> dict[str, Any]:
    return _plain(patient, encounter={"reference": reference}, **changes)


def _by_create(world: World, patient: str, reference: str) -> object:
    return create(world.records, world.call(), "Observation", json.dumps(_observed(patient, reference)).encode())


def _by_update(world: World, patient: str, reference: str) -> object:
    made = world.make("Observation", _plain(patient)).id
    body = json.dumps(_observed(patient, reference, id=made)).encode()
    return update(world.records, world.call(), "Observation", made, body)


def _by_patch(world: World, patient: str, reference: str) -> object:
    made = world.make("Observation", _plain(patient)).id
    body = json.dumps([{"op": "add", "path": "/encounter", "value": {"reference": reference}}]).encode()
    return patch(world.records, world.call(), "Observation", made, body)


def _by_transaction(world: World, patient: str, reference: str) -> object:
    entry = {"request": {"method": "POST", "url": "Observation"}, "resource": _observed(patient, reference)}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    return transaction(world.records, world.call(), json.dumps(bundle).encode(), base_url=BASE_URL)


WAYS = [_by_create, _by_update, _by_patch, _by_transaction]


def _answer(attempt: Try, world: World, patient: str, reference: str) -> tuple[int, str]:
    with pytest.raises(PhivaultError) as refused:
        attempt(world, patient, reference)
    return refused.value.status, refused.value.detail


@pytest.mark.parametrize("attempt", WAYS)
def test_an_encounter_of_another_patient_is_nothing(world: World, patient: str, attempt: Try) -> None:
    other = world.make("Patient", a_patient()).id  # in whose care team the caller is, too
    theirs = world.make("Encounter", _encounter(other)).id
    found = _answer(attempt, world, patient, f"Encounter/{theirs}")
    assert found == _answer(attempt, world, patient, f"Encounter/{uuid4()}")
    assert found[0] == 422


@pytest.mark.parametrize("attempt", WAYS)
def test_a_patient_whom_nobody_knows_is_nothing(world: World, patient: str, attempt: Try) -> None:
    colleague = world.call(user_id="clinician-2")
    stranger = world.make("Patient", a_patient(), colleague).id
    theirs = world.make("Encounter", _encounter(stranger), colleague).id
    assert _answer(attempt, world, patient, f"Encounter/{theirs}") == _answer(
        attempt, world, patient, f"Encounter/{uuid4()}"
    )


@pytest.mark.parametrize("attempt", WAYS)
def test_what_is_hidden_of_the_own_patient_is_nothing(world: World, patient: str, attempt: Try) -> None:
    """That there is an encounter about opioids is the secret."""
    body = json.dumps(_sensitive(patient)).encode()
    hidden = create(world.records, world.call(), "Encounter", body).id
    place = ("north", patient, "clinician-1")
    del world.facts.members[place]
    world.facts.plain_members.add(place)
    found = _answer(attempt, world, patient, f"Encounter/{hidden}")
    assert found == _answer(attempt, world, patient, f"Encounter/{uuid4()}")


def _by_validation(world: World, patient: str, *texts: str) -> tuple[int, str]:
    body = json.dumps(_plain(patient, focus=[{"reference": text} for text in texts])).encode()
    return 200, validating(world.records, world.call(), "Observation", body).decode()


def _by_creation(world: World, patient: str, *texts: str) -> tuple[int, str]:
    body = json.dumps(_plain(patient, focus=[{"reference": text} for text in texts])).encode()
    with pytest.raises(PhivaultError) as refused:
        create(world.records, world.call(), "Observation", body)
    return refused.value.status, refused.value.detail


@pytest.mark.parametrize("ask", [_by_validation, _by_creation])
def test_the_next_reference_does_not_tell_of_the_one_before(world: World, patient: str, ask: Any) -> None:
    """The first one at fault is named by its type: what is hidden is at fault as early as what isn't there."""
    other = world.make("Patient", a_patient()).id
    body = json.dumps(_sensitive(patient)).encode()
    hidden = create(world.records, world.call(), "Encounter", body).id
    theirs = world.make("Observation", _plain(other)).id
    place = ("north", patient, "clinician-1")
    del world.facts.members[place]
    world.facts.plain_members.add(place)
    for kind, id in (("Encounter", hidden), ("Observation", theirs)):
        last = f"Condition/{uuid4()}"
        found = ask(world, patient, f"{kind}/{id}", last)
        assert found == ask(world, patient, f"{kind}/{uuid4()}", last)
        assert kind in found[1]
        assert "Condition" not in found[1]


def test_a_relative_of_another_patient_is_nothing(world: World, patient: str) -> None:
    other = world.make("Patient", a_patient()).id
    relative = {"resourceType": "RelatedPerson", "patient": {"reference": f"Patient/{other}"}}
    theirs = world.make("RelatedPerson", relative).id
    with pytest.raises(Unprocessable) as refused:
        world.make("Observation", an_observation(patient, performer=[{"reference": f"RelatedPerson/{theirs}"}]))
    with pytest.raises(Unprocessable) as absent:
        world.make("Observation", an_observation(patient, performer=[{"reference": f"RelatedPerson/{uuid4()}"}]))
    assert str(refused.value) == str(absent.value)
    own = world.make("RelatedPerson", relative | {"patient": {"reference": f"Patient/{patient}"}}).id
    world.make("Observation", an_observation(patient, performer=[{"reference": f"RelatedPerson/{own}"}]))


@pytest.mark.parametrize("attempt", WAYS)
def test_an_encounter_of_the_same_patient_is_there(world: World, patient: str, attempt: Try) -> None:
    own = world.make("Encounter", _encounter(patient)).id
    assert attempt(world, patient, f"Encounter/{own}")


def test_resources_of_one_transaction_do_not_join_two_patients(world: World, patient: str) -> None:
    other = world.make("Patient", a_patient()).id
    full = f"urn:uuid:{uuid4()}"
    entries = [
        {"fullUrl": full, "request": {"method": "POST", "url": "Encounter"}, "resource": _encounter(other)},
        {"request": {"method": "POST", "url": "Observation"}, "resource": _observed(patient, full)},
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    with pytest.raises(Unprocessable):
        transaction(world.records, world.call(), json.dumps(bundle).encode(), base_url=BASE_URL)


def test_nothing_is_asked_where_references_stay_with_the_patient(world: World, patient: str) -> None:
    office = world.make("Organization", {"resourceType": "Organization", "active": True}).id
    world.forget()
    world.make("Observation", an_observation(patient, performer=[{"reference": f"Organization/{office}"}]))
    assert "owners_of" not in world.store.calls


def test_what_stood_before_may_stay(world: World, patient: str) -> None:
    """Whoever may no longer read what a resource refers to can still correct the resource."""
    own = world.make("Encounter", _encounter(patient)).id
    made = world.make("Observation", _observed(patient, f"Encounter/{own}")).id
    world.forget()
    body = json.dumps(_observed(patient, f"Encounter/{own}", id=made, status="amended")).encode()
    update(world.records, world.call(), "Observation", made, body)
    assert "owners_of" not in world.store.calls
