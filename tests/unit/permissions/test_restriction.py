"""Restriction of processing: who sets it, for which purposes, and that it holds at once."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest

from phivault.access.principal import Principal
from phivault.access.purpose import PurposeOfUse
from phivault.access.roles import Role
from phivault.adapters.access_state_table import TABLE
from phivault.audit.event import Action, RiskLevel
from phivault.errors import AccessDenied, InvalidInput, NotFound, SignInAgain, Unavailable
from phivault.inputs import read
from phivault.permissions.restriction import Ground
from phivault.permissions.restriction_lift import lift_restriction
from phivault.permissions.restriction_set import Restrict, restrict
from phivault.permissions.restriction_show import show_restriction
from phivault.phi.data_class import DataClass
from tests.support.ward import SOUTH, Ward

CONTESTED = Restrict(ground=Ground.ACCURACY_CONTESTED, purposes=[])


@pytest.fixture
def ward(new_table: Callable[[dict[str, Any]], str]) -> Ward:
    return Ward(new_table(TABLE))


@pytest.fixture
def officer(ward: Ward) -> Principal:
    return ward.user(Role.PRIVACY_OFFICER)


@pytest.mark.parametrize("verb", ["create", "read", "update", "delete", "search"])
def test_the_record_rests_for_everybody_but_the_patient_until_it_is_lifted(
    ward: Ward, officer: Principal, verb: str
) -> None:
    patient, doctor = ward.patient(), ward.user(Role.CLINICIAN)
    themself = ward.user(Role.PATIENT, patient_id=patient)
    ward.team(patient, doctor)
    before = ward.sees(doctor, patient, PurposeOfUse.TREATMENT, verb)
    assert before == set(DataClass)
    restrict(ward.call(officer), patient, CONTESTED)
    assert ward.sees(doctor, patient, PurposeOfUse.TREATMENT, verb) == set()
    assert bool(ward.sees(themself, patient, PurposeOfUse.PATIENT_REQUEST, verb)) == (verb in ("read", "search"))
    assert ward.sees(doctor, ward.patient(), PurposeOfUse.TREATMENT, verb) == set()
    lift_restriction(ward.call(officer), patient)
    assert ward.sees(doctor, patient, PurposeOfUse.TREATMENT, verb) == before


def test_an_agreed_request_may_be_about_some_purposes(ward: Ward, officer: Principal) -> None:
    patient, coordinator = ward.patient(), ward.user(Role.CARE_COORDINATOR)
    agreed = Restrict(ground=Ground.AGREED_REQUEST, purposes=["PAYMENT", "OPERATIONS"])
    restrict(ward.call(officer), patient, agreed)
    assert ward.sees(coordinator, patient, PurposeOfUse.OPERATIONS) == set()
    assert ward.sees(coordinator, patient, PurposeOfUse.TREATMENT) != set()
    (event,) = ward.events()
    assert {"purpose:payment", "purpose:operations", "hipaa:164.522.a", "gdpr:art18"} <= set(event.flags)
    assert (event.action, event.patient, event.risk) == (Action.RESTRICTION_SET, patient, RiskLevel.HIGH)


def test_it_is_shown_and_replaced(ward: Ward, officer: Principal) -> None:
    patient = ward.patient()
    assert show_restriction(ward.call(officer), patient) == {"patient": patient, "restriction": None}
    restrict(ward.call(officer), patient, Restrict(ground=Ground.AGREED_REQUEST, purposes=["PAYMENT"]))
    restrict(ward.call(officer), patient, CONTESTED)
    shown = show_restriction(ward.call(officer), patient)["restriction"]
    assert (shown["ground"], shown["purposes"], shown["by"]) == ("accuracy-contested", [], officer.user_id)
    assert json.dumps(shown)


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.PRIVACY_OFFICER}))
def test_nobody_else_sees_sets_or_lifts_it(ward: Ward, officer: Principal, role: Role) -> None:
    patient = ward.patient()
    restrict(ward.call(officer), patient, CONTESTED)
    who = ward.user(role, **({"patient_id": patient} if role is Role.PATIENT else {}))
    for verb in (
        lambda: show_restriction(ward.call(who), patient),
        lambda: restrict(ward.call(who), patient, CONTESTED),
        lambda: lift_restriction(ward.call(who), patient),
    ):
        with pytest.raises(AccessDenied):
            verb()
    assert [event.error for event in ward.events()][1:] == ["denied"] * 3
    assert show_restriction(ward.call(officer), patient)["restriction"]


def test_only_of_patients_of_the_tenant_and_only_once(ward: Ward, officer: Principal) -> None:
    patient = ward.patient()
    for who, place in ((ward.user(Role.PRIVACY_OFFICER, SOUTH), patient), (officer, "nobody")):
        with pytest.raises(NotFound):
            restrict(ward.call(who), place, CONTESTED)
    with pytest.raises(NotFound):
        lift_restriction(ward.call(officer), patient)


def test_a_change_needs_a_recent_sign_in(ward: Ward, officer: Principal) -> None:
    patient = ward.patient()
    assert show_restriction(ward.stale(officer), patient)
    with pytest.raises(SignInAgain):
        restrict(ward.stale(officer), patient, CONTESTED)
    with pytest.raises(SignInAgain):
        lift_restriction(ward.stale(officer), patient)


def test_nothing_changes_that_was_not_recorded(ward: Ward, officer: Principal) -> None:
    patient = ward.patient()
    ward.locked.failures = [Unavailable("down")] * 3
    with pytest.raises(Unavailable):
        restrict(ward.call(officer), patient, CONTESTED)
    ward.locked.failures = []
    assert show_restriction(ward.call(officer), patient)["restriction"] is None


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"ground": "because", "purposes": []}',
        b'{"ground": "objection"}',
        b'{"ground": "objection", "purposes": ["PAYMENT"]}',
        b'{"ground": "agreed-request", "purposes": ["TREATMENT"]}',
        b'{"ground": "agreed-request", "purposes": ["PAYMENT", "PAYMENT"]}',
        b'{"ground": "unlawful", "purposes": [], "note": "of Mrs Plover"}',
        b'{"ground": "unlawful", "ground": "objection", "purposes": []}',
    ],
)
def test_a_body_says_a_ground_and_purposes_that_fit_it(body: bytes) -> None:
    with pytest.raises(InvalidInput) as refusal:
        read(Restrict, body)
    assert "Plover" not in refusal.value.detail
    assert "because" not in refusal.value.detail
