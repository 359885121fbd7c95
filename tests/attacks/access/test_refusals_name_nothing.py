"""Somebody reads refusals: what they say of a resource that the caller can't see, and what they leave in the log."""

from __future__ import annotations

import json
from contextlib import suppress

import pytest

from phivault.access.roles import Role
from phivault.errors import AccessDenied, PhivaultError
from phivault.records.delete import delete
from phivault.records.read import read
from phivault.records.search import search
from phivault.records.transaction import transaction
from tests.support.people import OPERATIONS, PATIENT_REQUEST, RESEARCH, TREATMENT
from tests.support.records_fakes import BASE_URL, PROJECT, World, a_patient

PURPOSES = (TREATMENT, OPERATIONS, PATIENT_REQUEST, RESEARCH)
FORGED = "jane-doe-of-springfield"


@pytest.fixture
def world() -> World:
    return World()


@pytest.mark.parametrize("role", [role for role in Role if role is not Role.CLINICIAN], ids=str)
def test_a_refused_deletion_does_not_list_what_a_record_holds(world: World, role: Role) -> None:
    """That somebody has a date of death, or is one of twins, is told by the name of the element alone."""
    plain = world.make("Patient", a_patient()).id
    dead = world.make("Patient", a_patient(deceasedDateTime="2026-02-03", multipleBirthInteger=2)).id
    for purpose in PURPOSES:
        caller, said = world.call(role, purpose), set()
        for id in (plain, dead):
            with pytest.raises(AccessDenied) as refused:
                delete(world.records, caller, "Patient", id)
            said.add(refused.value.detail)
            entry = {"request": {"method": "DELETE", "url": f"Patient/{id}"}}
            bundle = json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": [entry]}).encode()
            with pytest.raises(AccessDenied) as refused:
                transaction(world.records, caller, bundle, base_url=BASE_URL)
            said.add(refused.value.detail.removeprefix("Bundle.entry[0]: "))
        assert said == {"Patient: the caller may not delete it"}


@pytest.mark.parametrize("role", list(Role), ids=str)
def test_a_project_that_one_is_not_approved_for_does_not_stand_in_the_log(world: World, role: Role) -> None:
    """Its name is any text of the caller's; and a line that names a project accounts for every use of its key."""
    patient = world.make("Patient", a_patient()).id
    for project in (FORGED, PROJECT):
        world.forget()
        who = {"user_id": "somebody-else"}
        caller = world.call(role, RESEARCH, project=project, **who)
        for attempt in (
            lambda caller=caller: read(world.records, caller, "Patient", patient),
            lambda caller=caller: delete(world.records, caller, "Patient", patient),
            lambda caller=caller: search(world.records, caller, "Patient", [("patient", patient)], base_url=BASE_URL),
        ):
            with suppress(PhivaultError):  # to some a list is empty instead
                attempt()
        assert len(world.events) >= 3
        assert not any(flag.startswith("project:") for event in world.events for flag in event.flags)
