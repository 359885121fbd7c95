"""Explanations of real users and of roles: facts as a request would load them, recorded before anything is answered."""

from __future__ import annotations

import json
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from phivault.access.facts import ConsentFacts, PatientFacts
from phivault.access.principal import Principal
from phivault.access.purpose import Purpose
from phivault.access.roles import Role
from phivault.audit.event import Action, RiskLevel
from phivault.errors import AccessDenied, InvalidInput, NotFound, PhivaultError, Unavailable
from phivault.inputs import read
from phivault.permissions.call import Call
from phivault.permissions.explain import DIRECTORY, Explain, explain
from phivault.phi.data_class import DataClass
from phivault.records.types import TYPES
from tests.support.facts import MemoryFacts
from tests.support.two_people import NORTH, SOUTH, World

ABSENT = "0b0f8f1e-1111-4111-8111-0123456789ab"
ALLOWED = {Role.TENANT_ADMIN, Role.PRIVACY_OFFICER, Role.SECURITY_OFFICER, Role.AUDITOR}
TREATMENT: dict[str, Any] = {"action": "read", "purpose": "TREATMENT", "resource_type": "Observation"}


@dataclass
class Consents:
    """(purpose, patient, user) -> what the consents say."""

    said: dict[tuple[str, str, str], ConsentFacts] = field(default_factory=dict)
    down: bool = False

    def load(self, principal: Principal, purpose: Purpose, patients: Collection[str]) -> dict[str, ConsentFacts]:
        if self.down:
            raise Unavailable("Consents are out of reach")
        asked = {patient: (str(purpose.of_use), patient, principal.user_id) for patient in patients}
        return {patient: self.said[key] for patient, key in asked.items() if key in self.said}


@dataclass
class Clinic(World):
    consents: Consents = field(default_factory=Consents)

    def __post_init__(self) -> None:
        super().__post_init__()
        self.permissions = replace(self.permissions, consents=self.consents)

    @property
    def facts(self) -> MemoryFacts:
        assert isinstance(self.permissions.facts, MemoryFacts)
        return self.permissions.facts


@pytest.fixture
def clinic() -> Clinic:
    return Clinic()


@pytest.fixture
def auditor(clinic: Clinic) -> Call:
    return clinic.call(clinic.somebody(Role.AUDITOR))


def asked(**members: Any) -> Explain:
    return read(Explain, json.dumps(TREATMENT | members).encode())


def shown(call: Call, **members: Any) -> dict[str, Any]:
    """The decisions by their class, of what an API would answer."""
    answer: dict[str, Any] = json.loads(json.dumps(explain(call, asked(**members)).shown()))
    return answer | {"decisions": {decision["class"]: decision for decision in answer["decisions"]}}


def test_of_a_user_the_facts_are_those_that_stand_now(clinic: Clinic, auditor: Call) -> None:
    doctor, patient = clinic.somebody(Role.CLINICIAN), clinic.patient()
    before = shown(auditor, user_id=doctor, patient=patient, classes=["clinical"])
    assert (before["facts"], before["decisions"]["clinical"]["allowed"]) == ([], False)
    assert ["care-team"] in before["decisions"]["clinical"]["missing"]
    assert set(before["sentences"]) == {"care-team", "grant", "consent"}
    clinic.facts.join_care_team(NORTH, patient, doctor, Role.CLINICIAN)
    after = shown(auditor, user_id=doctor, patient=patient, classes=["clinical"])
    assert (after["facts"], after["role"]) == (["care-team", "sensitive-membership"], "clinician")
    assert after["decisions"]["clinical"] == {
        "class": "clinical",
        "allowed": True,
        "undecided": False,
        "policies": [{"id": "clinician-treats-patients-of-their-care-team", "tenants_own": False}],
        "missing": [],
    }


def test_without_classes_all_are_explained(clinic: Clinic, auditor: Call) -> None:
    assert list(shown(auditor, hypothetical={"role": "clinician"})["decisions"]) == list(DataClass)


def test_a_consent_that_denies_is_told_without_what_it_says(clinic: Clinic, auditor: Call) -> None:
    doctor, patient = clinic.somebody(Role.CLINICIAN), clinic.patient()
    clinic.facts.join_care_team(NORTH, patient, doctor, Role.CLINICIAN)
    clinic.consents.said["TREATMENT", patient, doctor] = ConsentFacts(denies=frozenset({"clinical"}))
    answer = shown(auditor, user_id=doctor, patient=patient)
    assert answer["decisions"]["clinical"]["policies"] == [{"id": "consent-withholds", "tenants_own": False}]
    assert answer["decisions"]["clinical"]["missing"] == [["withdrawn-denial"]]
    assert answer["sentences"] == {
        "withdrawn-denial": "A consent of the patient denies this: the patient would have to withdraw it."
    }
    assert answer["decisions"]["contact"]["allowed"]


def test_another_purpose_brings_its_own_facts_and_consents(clinic: Clinic, auditor: Call) -> None:
    doctor, patient = clinic.somebody(Role.CLINICIAN), clinic.patient()
    clinic.consents.said["PAYMENT", patient, doctor] = ConsentFacts(permits=frozenset({"clinical"}))
    answer = shown(auditor, user_id=doctor, patient=patient, classes=["clinical"])
    purposes = [way for way in answer["decisions"]["clinical"]["missing"] if way[0].startswith("purpose:")]
    assert purposes == [["purpose:PAYMENT"]]


def test_broken_glass_counts_for_an_emergency_alone(clinic: Clinic, auditor: Call) -> None:
    doctor, patient = clinic.somebody(Role.CLINICIAN), clinic.patient()
    clinic.facts.standing[NORTH, patient, doctor] = PatientFacts(patient, NORTH, emergency=True)
    answer = shown(auditor, user_id=doctor, patient=patient, classes=["clinical"])
    assert ["purpose:EMERGENCY"] in answer["decisions"]["clinical"]["missing"]
    emergency = shown(auditor, user_id=doctor, patient=patient, classes=["clinical"], purpose="EMERGENCY")
    assert emergency["decisions"]["clinical"]["allowed"]


def test_a_patients_own_record_is_theirs(clinic: Clinic, auditor: Call) -> None:
    patient = clinic.patient()
    themself = clinic.somebody(Role.PATIENT, patient_id=patient)
    for_them: dict[str, Any] = {"user_id": themself, "purpose": "PATIENT_REQUEST", "classes": ["sensitive"]}
    own = shown(auditor, patient=patient, **for_them)["decisions"]["sensitive"]
    assert own["policies"] == [{"id": "patient-sees-their-own-record", "tenants_own": False}]
    assert not shown(auditor, patient=clinic.patient(), **for_them)["decisions"]["sensitive"]["allowed"]


def test_a_project_counts_where_it_is_approved_and_asked_for(clinic: Clinic, auditor: Call) -> None:
    researcher = clinic.somebody(Role.RESEARCHER)
    clinic.facts.approvals[NORTH, researcher] = frozenset({"sepsis"})
    for_them: dict[str, Any] = {"user_id": researcher, "purpose": "RESEARCH", "classes": ["deidentified"]}
    approved = shown(auditor, project="sepsis", **for_them)
    assert (approved["facts"], approved["decisions"]["deidentified"]["allowed"]) == (["project-approval"], True)
    for other in ({}, {"project": "heart"}):
        assert shown(auditor, **for_them, **other)["decisions"]["deidentified"]["missing"] == [["project-approval"]]
    elsewhere = shown(auditor, **for_them | {"purpose": "TREATMENT"}, project="sepsis")
    assert elsewhere["decisions"]["deidentified"]["missing"] == [["purpose:RESEARCH"]]


def test_the_tenants_policies_are_those_of_the_callers_session(clinic: Clinic) -> None:
    class Own:
        def text(self, tenant: str, version: int) -> str:
            assert (tenant, version) == (NORTH, 3)
            return '@id("ours") permit (principal, action == Action::"read", resource is PatientData);'

    clinic.permissions.decider._tenants = Own()
    auditor = clinic.call(clinic.somebody(Role.AUDITOR), policies=3)
    found = shown(auditor, hypothetical={"role": "clinician"}, classes=["clinical"])["decisions"]["clinical"]
    assert (found["allowed"], found["policies"]) == (True, [{"id": "ours", "tenants_own": True}])


def test_an_action_of_the_application_is_asked_without_a_recent_sign_in(clinic: Clinic, auditor: Call) -> None:
    body = {"hypothetical": {"role": "auditor"}, "action": "audit:export"}
    answer = explain(auditor, read(Explain, json.dumps(body).encode())).shown()
    [decision] = answer["decisions"]
    assert (decision["class"], decision["allowed"], decision["missing"]) == (None, False, [["recent-sign-in"]])
    assert decision["policies"] == [{"id": "sensitive-actions-need-a-recent-sign-in", "tenants_own": False}]


def test_it_is_recorded_with_whom_it_is_about_before_facts_are_loaded(clinic: Clinic, auditor: Call) -> None:
    doctor, patient = clinic.somebody(Role.CLINICIAN), clinic.patient()
    shown(auditor, user_id=doctor, patient=patient)
    event = clinic.last(Action.POLICY_EXPLAIN)
    assert (event.success, event.risk, event.resource, event.patient) == (True, RiskLevel.LOW, "Policies", patient)
    assert f"for:{doctor}" in event.flags
    shown(auditor, hypothetical={"role": "care_coordinator"})
    assert "for:care-coordinator" in clinic.last(Action.POLICY_EXPLAIN).flags
    clinic.consents.down = True
    with pytest.raises(Unavailable):
        shown(auditor, user_id=doctor, patient=patient)
    assert [event.success for event in clinic.events[-2:]] == [True, False]


def test_what_cannot_be_recorded_is_not_explained(clinic: Clinic, auditor: Call) -> None:
    clinic.locked.failures = ["before"] * 20
    loads = clinic.facts.loads
    with pytest.raises(Unavailable):
        shown(auditor, user_id=clinic.somebody(Role.CLINICIAN), patient=clinic.patient())
    assert clinic.facts.loads == loads


@pytest.mark.parametrize("role", list(Role))
def test_who_oversees_access_may_ask_and_nobody_else(clinic: Clinic, role: Role) -> None:
    call = clinic.call(clinic.somebody(role), age=4000)
    if role in ALLOWED:
        assert shown(call, hypothetical={"role": "clinician"})
        return
    with pytest.raises(AccessDenied):
        shown(call, hypothetical={"role": "clinician"})
    event = clinic.last(Action.POLICY_EXPLAIN)
    assert (event.success, event.error) == (False, "denied")


@pytest.mark.parametrize("tenant", [NORTH, SOUTH])
def test_another_tenants_people_and_patients_are_as_unknown_as_nobody(clinic: Clinic, tenant: str) -> None:
    auditor = clinic.call(clinic.somebody(Role.AUDITOR))
    user = ABSENT if tenant == NORTH else clinic.somebody(Role.CLINICIAN, SOUTH)
    patient = ABSENT if tenant == NORTH else clinic.patient(SOUTH)
    refusals: list[PhivaultError] = []
    for members in ({"user_id": user}, {"hypothetical": {"role": "clinician"}, "patient": patient}):
        with pytest.raises(NotFound) as refused:
            shown(auditor, **members)
        refusals.append(refused.value)
        assert clinic.last(Action.POLICY_EXPLAIN).error == "not-found"
    assert [str(each) for each in refusals] == ["There is no such user", "There is no such patient"]


WRONG: dict[str, dict[str, Any]] = {
    "nobody": {},
    "two people": {"user_id": ABSENT, "hypothetical": {"role": "clinician"}},
    "unknown role": {"hypothetical": {"role": "Zyxwvuts"}},
    "unknown action": {"hypothetical": {"role": "clinician"}, "action": "Zyxwvuts"},
    "group of actions": {"hypothetical": {"role": "clinician"}, "action": "fhir"},
    "no purpose": {"hypothetical": {"role": "clinician"}, "purpose": None},
    "no type": {"hypothetical": {"role": "clinician"}, "resource_type": None},
    "unknown type": {"hypothetical": {"role": "clinician"}, "resource_type": "Zyxwvuts"},
    "unknown class": {"hypothetical": {"role": "clinician"}, "classes": ["Zyxwvuts"]},
    "no classes": {"hypothetical": {"role": "clinician"}, "classes": []},
    "a patient's name": {"hypothetical": {"role": "clinician"}, "patient": "Zyxwvuts"},
    "directory of a patient": {"hypothetical": {"role": "clinician"}, "resource_type": "Location", "patient": ABSENT},
    "application with data": {"hypothetical": {"role": "clinician"}, "action": "audit:export"},
    "unknown member": {"hypothetical": {"role": "clinician"}, "Zyxwvuts": 1},
}


@pytest.mark.parametrize("name", WRONG)
def test_a_body_that_says_too_little_or_too_much_is_invalid(name: str) -> None:
    with pytest.raises(InvalidInput) as refused:
        asked(**WRONG[name])
    assert "Zyxwvuts" not in str(refused.value)


def test_the_directory_is_of_no_patient_as_records_know_it() -> None:
    assert {row.name for row in TYPES.values() if row.patient_element is None and not row.own_subject} == DIRECTORY
