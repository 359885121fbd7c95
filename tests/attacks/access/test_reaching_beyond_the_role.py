"""Insiders with a proper session ask for what their role doesn't give."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from phivault.access.decide import Decider
from phivault.access.facts import PatientFacts
from phivault.access.purpose import Purpose, PurposeOfUse
from phivault.access.roles import Role
from phivault.phi.data_class import DataClass
from tests.support.people import OPERATIONS, PATIENT_REQUEST, RESEARCH, TREATMENT, principal

type Granted = Callable[..., set[tuple[str, str]]]
ANYONE = PatientFacts("p", "t")
TEAM = PatientFacts("p", "t", in_care_team=True, team_sees_sensitive=True)
NEW = PatientFacts("p", "t", is_new=True)


@pytest.mark.parametrize("role", [Role.TENANT_ADMIN, Role.SECURITY_OFFICER, Role.AUDITOR])
@pytest.mark.parametrize("of_use", list(PurposeOfUse))
def test_administrators_and_auditors_see_no_phi_whatever_stands_in_the_facts(
    granted: Granted, role: Role, of_use: PurposeOfUse
) -> None:
    for patient in (ANYONE, TEAM, NEW, None):
        assert granted(principal(role, patient_id="p"), Purpose(of_use, asserted=True), patient) == set()


def test_a_patient_does_not_see_another_patient(granted: Granted) -> None:
    me = principal(Role.PATIENT, patient_id="me")
    for other in (ANYONE, TEAM, NEW, PatientFacts("ME", "t"), PatientFacts("", "t")):
        assert granted(me, PATIENT_REQUEST, other) == set()


@pytest.mark.parametrize("patient_id", [None, ""])
def test_a_patient_user_without_a_record_sees_none(granted: Granted, patient_id: str | None) -> None:
    nobody = principal(Role.PATIENT, patient_id=patient_id)
    for patient in (ANYONE, PatientFacts("", "t"), PatientFacts("None", "t")):
        assert granted(nobody, PATIENT_REQUEST, patient) == set()


def test_a_patient_writes_nothing_not_even_in_their_own_record(granted: Granted) -> None:
    given = granted(principal(Role.PATIENT, patient_id="p"), PATIENT_REQUEST, ANYONE)
    assert {action for action, _ in given} == {"read", "search"}


def test_staff_get_nothing_from_a_patient_id_of_their_own(granted: Granted) -> None:
    assert granted(principal(Role.CLINICIAN, patient_id="p"), PATIENT_REQUEST, ANYONE) == set()
    assert granted(principal(Role.CLINICIAN, patient_id="p"), TREATMENT, ANYONE) == set()


def test_a_researcher_does_not_identify(decider: Decider, granted: Granted) -> None:
    researcher = principal(Role.RESEARCHER)
    assert granted(researcher, RESEARCH, TEAM) == set(), "without an approved project"
    for action in ("create", "read", "update", "delete", "search"):
        seen = decider.granted(researcher, RESEARCH, action, "Observation", TEAM, DataClass, project=True)
        assert seen == ({DataClass.DEIDENTIFIED} if action in ("read", "search") else set())


def test_a_coordinator_gets_neither_sensitive_nor_written_clinical_data(granted: Granted) -> None:
    for purpose in (TREATMENT, OPERATIONS):
        for patient in (ANYONE, TEAM, NEW):
            given = granted(principal(Role.CARE_COORDINATOR), purpose, patient)
            assert DataClass.SENSITIVE not in {data_class for _, data_class in given}
            assert ("update", DataClass.CLINICAL) not in given
            assert ("search", DataClass.CLINICAL) not in given


def test_a_clinician_outside_the_care_team_gets_nothing(granted: Granted) -> None:
    assert granted(principal(Role.CLINICIAN), TREATMENT, ANYONE) == set()


def test_calling_a_patient_new_opens_nothing_that_exists(granted: Granted) -> None:
    assert {action for action, _ in granted(principal(Role.CLINICIAN), TREATMENT, NEW)} == {"create"}


def test_the_directory_is_no_way_to_patients(granted: Granted) -> None:
    for role in Role:
        for purpose in (TREATMENT, OPERATIONS, RESEARCH):
            classes = {data_class for _, data_class in granted(principal(role), purpose, None)}
            assert not classes & {DataClass.CLINICAL, DataClass.SENSITIVE, DataClass.DEIDENTIFIED}
