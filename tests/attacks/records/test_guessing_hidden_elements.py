"""A caller who can't see an element tries to learn it by writing: a right guess and a wrong one are told apart by
nothing."""

from __future__ import annotations

import json
from typing import Any

import pytest

from phivault.access.roles import Role
from phivault.errors import AccessDenied
from phivault.records.read import read
from phivault.records.search import search
from phivault.records.transaction import transaction
from phivault.records.update import update
from tests.support.records_fakes import BASE_URL, World, an_observation

GUESSES: list[dict[str, Any]] = [
    {"note": [{"text": "Haemolysed-sample-remark"}]},
    {"note": [{"text": "a wrong guess"}]},
    {"note": []},
    {"note": None},
]


def attempt(world: World, id: str, guess: dict[str, Any], *, bundle: bool) -> tuple[str, list[tuple[Any, ...]]]:
    coordinator = world.call(Role.CARE_COORDINATOR)
    thinned = json.loads(read(world.records, coordinator, "Observation", id).body)
    world.forget()
    entry = {"request": {"method": "PUT", "url": f"Observation/{id}"}, "resource": thinned | guess}
    whole = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    with pytest.raises(AccessDenied) as caught:
        transaction(world.records, coordinator, json.dumps(whole).encode(), base_url=BASE_URL) if bundle else update(
            world.records, coordinator, "Observation", id, json.dumps(thinned | guess).encode()
        )
    events = [(event.action, event.error, event.risk, event.patient, event.classes) for event in world.events]
    return str(caught.value), events


@pytest.mark.parametrize("bundle", [False, True])
def test_every_guess_is_answered_and_recorded_alike(world: World, patient: str, bundle: bool) -> None:
    with_note = world.make("Observation", an_observation(patient)).id
    bare = an_observation(patient)
    del bare["note"]
    without_note = world.make("Observation", bare).id
    told = [attempt(world, id, guess, bundle=bundle) for id in (with_note, without_note) for guess in GUESSES]
    assert all(answer == told[0] for answer in told)
    assert world.store.read("north", "Observation", with_note).version == 1


def test_searching_does_not_tell_a_hidden_patient_from_none(world: World, patient: str) -> None:
    world.make("Observation", an_observation(patient))
    stranger = world.call(user_id="clinician-2")
    answers = []
    for who in (patient, "0199b3c2-0000-7000-8000-000000000009"):
        found = search(world.records, stranger, "Observation", [("patient", who)], base_url=BASE_URL)
        answers.append(found.body.replace(who.encode(), b"who"))
    assert answers[0] == answers[1]
