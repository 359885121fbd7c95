"""A tenant administrator, who sees no PHI, asks why decisions fall, to learn who treats whom and who denies whom."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import replace

import pytest

from phivault.access.facts import ConsentFacts
from phivault.access.principal import Principal
from phivault.access.purpose import Purpose
from phivault.access.roles import Role
from phivault.audit.event import Action
from phivault.errors import AccessDenied
from phivault.inputs import read
from phivault.permissions.explain import Explain, explain
from tests.support.two_people import NORTH, SOUTH, World

ABSENT = "0b0f8f1e-1111-4111-8111-0123456789ab"


class NoConsents:
    def load(self, principal: Principal, purpose: Purpose, patients: Collection[str]) -> dict[str, ConsentFacts]:
        return {}


@pytest.fixture
def world() -> World:
    made = World()
    made.permissions = replace(made.permissions, consents=NoConsents())
    return made


def asked(**members: str | None) -> Explain:
    about = {"action": "read", "purpose": "TREATMENT", "resource_type": "Observation"}
    return read(Explain, json.dumps(about | members).encode())


def test_administrators_ask_about_no_patient(world: World) -> None:
    """The answer is one and the same for whoever is treated by this doctor, who isn't, and who doesn't exist."""
    doctor, treated = world.somebody(Role.CLINICIAN), world.patient()
    world.permissions.facts.join_care_team(NORTH, treated, doctor, Role.CLINICIAN)
    admin = world.call(world.somebody(Role.TENANT_ADMIN))
    said: set[tuple[str, str]] = set()
    for patient in (treated, world.patient(), world.patient(SOUTH), ABSENT):
        for user in (doctor, ABSENT):
            with pytest.raises(AccessDenied) as refused:
                explain(admin, asked(user_id=user, patient=patient))
            said.add((type(refused.value).__name__, refused.value.detail))
            event = world.last(Action.POLICY_EXPLAIN)
            assert (event.success, event.error, event.patient) == (False, "denied", patient)
    assert len(said) == 1


def test_they_still_ask_about_their_people_and_policies(world: World) -> None:
    doctor = world.somebody(Role.CLINICIAN)
    admin = world.call(world.somebody(Role.TENANT_ADMIN))
    assert explain(admin, asked(user_id=doctor)).shown()["facts"] == []


@pytest.mark.parametrize("role", [Role.PRIVACY_OFFICER, Role.SECURITY_OFFICER, Role.AUDITOR], ids=str)
def test_who_reads_the_audit_log_asks_about_patients(world: World, role: Role) -> None:
    doctor, treated = world.somebody(Role.CLINICIAN), world.patient()
    world.permissions.facts.join_care_team(NORTH, treated, doctor, Role.CLINICIAN)
    answer = explain(world.call(world.somebody(role)), asked(user_id=doctor, patient=treated)).shown()
    assert answer["facts"] == ["care-team", "sensitive-membership"]


@pytest.mark.parametrize("role", [Role.CLINICIAN, Role.CARE_COORDINATOR, Role.RESEARCHER, Role.PATIENT], ids=str)
def test_nobody_else_asks_at_all(world: World, role: Role) -> None:
    with pytest.raises(AccessDenied):
        explain(world.call(world.somebody(role)), asked(user_id=ABSENT, patient=ABSENT))
