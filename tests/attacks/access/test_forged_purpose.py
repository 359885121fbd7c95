"""A caller states a purpose to get what their own purpose doesn't give."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from phivault.access.facts import PatientFacts
from phivault.access.purpose import Purpose, PurposeOfUse, purpose_for
from phivault.access.roles import Role
from phivault.errors import InvalidInput, PurposeRequired
from phivault.phi.data_class import DataClass
from tests.support.people import EMERGENCY, principal

type Granted = Callable[..., set[tuple[str, str]]]
ANYONE = PatientFacts("p", "t")
TEAM = PatientFacts("p", "t", in_care_team=True, team_sees_sensitive=True)


@pytest.mark.parametrize("role", list(Role))
def test_emergency_opens_nothing_while_there_is_no_break_glass(granted: Granted, role: Role) -> None:
    who = principal(role, patient_id="p")
    for patient in (ANYONE, TEAM, PatientFacts("p", "t", is_new=True), None):
        assert granted(who, EMERGENCY, patient) == set()


@pytest.mark.parametrize("of_use", sorted(set(PurposeOfUse) - {PurposeOfUse.TREATMENT}))
def test_a_clinician_sees_patients_for_treatment_only(granted: Granted, of_use: PurposeOfUse) -> None:
    assert granted(principal(Role.CLINICIAN), Purpose(of_use, asserted=True), TEAM) == set()


@pytest.mark.parametrize("of_use", sorted(set(PurposeOfUse) - {PurposeOfUse.RESEARCH}))
def test_a_researcher_who_claims_another_purpose_gets_nothing(granted: Granted, of_use: PurposeOfUse) -> None:
    assert granted(principal(Role.RESEARCHER), Purpose(of_use, asserted=True), TEAM) == set()


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.PATIENT}))
def test_staff_who_claim_the_patients_request_get_nothing(granted: Granted, role: Role) -> None:
    asked = Purpose(PurposeOfUse.PATIENT_REQUEST, asserted=True)
    assert granted(principal(role, patient_id="p"), asked, TEAM) == set()


@pytest.mark.parametrize("of_use", list(PurposeOfUse))
def test_no_purpose_gives_a_researcher_more_than_deidentified_data(granted: Granted, of_use: PurposeOfUse) -> None:
    for patient in (ANYONE, TEAM):
        given = granted(principal(Role.RESEARCHER), Purpose(of_use, asserted=True), patient)
        assert {data_class for _, data_class in given} <= {DataClass.DEIDENTIFIED}


@pytest.mark.parametrize("header", ["treatment", "TREATMENT ", "TREAT", "", "*", 'TREATMENT" || true'])
def test_a_purpose_that_is_no_code_is_refused(header: str) -> None:
    with pytest.raises(InvalidInput) as refusal:
        purpose_for(Role.CLINICIAN, header)
    assert header == "" or header not in refusal.value.detail.replace("TREATMENT,", "")


def test_a_role_without_a_default_states_its_purpose() -> None:
    with pytest.raises(PurposeRequired):
        purpose_for(Role.RESEARCHER, None)
