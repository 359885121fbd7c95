"""Somebody goes on with what they were given after it ended, between two requests of one session."""

from __future__ import annotations

from dataclasses import dataclass, field

import pytest

from phivault.access.decide import Decider
from phivault.access.principal import Principal
from phivault.access.purpose import Purpose
from phivault.access.roles import Role
from phivault.phi.data_class import DataClass
from tests.support.facts import Given, MemoryFacts
from tests.support.people import EMERGENCY, OPERATIONS, PATIENT_REQUEST, RESEARCH, TREATMENT, principal

CLINICAL = frozenset({"clinical"})


@dataclass
class Sessions:
    """Requests one after another; ``at`` is the time of the next."""

    at: float = 1000
    decider: Decider = field(default_factory=Decider)
    facts: MemoryFacts = field(init=False)

    def __post_init__(self) -> None:
        self.facts = MemoryFacts(now=lambda: self.at)

    def reads(self, who: Principal, purpose: Purpose, patient: str = "p") -> frozenset[str]:
        facts = self.facts.load(who, purpose, [patient])[patient]
        project = self.facts.approved(who, "study")
        return self.decider.granted(who, purpose, "read", "Observation", facts, list(DataClass), project=project)


@pytest.fixture
def sessions() -> Sessions:
    return Sessions()


def test_an_expired_delegate(sessions: Sessions) -> None:
    parent = principal(Role.PATIENT, patient_id="parent")
    sessions.facts.given["t", "p", "user"] = [Given(CLINICAL, until=1500, delegated=True)]
    assert sessions.reads(parent, PATIENT_REQUEST) == CLINICAL
    assert sessions.reads(parent, TREATMENT) == frozenset(), "a delegation is for the patient's own requests"
    assert sessions.reads(parent, PATIENT_REQUEST, "q") == frozenset()
    sessions.at = 1500
    assert sessions.reads(parent, PATIENT_REQUEST) == frozenset()


def test_a_delegation_given_to_staff_is_none(sessions: Sessions) -> None:
    sessions.facts.given["t", "p", "user"] = [Given(CLINICAL, delegated=True)]
    for role in set(Role) - {Role.PATIENT}:
        for purpose in (PATIENT_REQUEST, TREATMENT):
            assert not sessions.reads(principal(role), purpose) & CLINICAL


def test_a_grant_before_it_starts_and_after_it_ended(sessions: Sessions) -> None:
    clinician = principal(Role.CLINICIAN)
    sessions.facts.given["t", "p", "user"] = [Given(CLINICAL, frozenset({"TREATMENT"}), starts=1200, until=1500)]
    seen = []
    for sessions.at in (1199, 1200, 1499, 1500):
        seen.append(bool(sessions.reads(clinician, TREATMENT)))
        assert not sessions.reads(clinician, OPERATIONS)
    assert seen == [False, True, True, False]


def test_a_grant_that_is_revoked_and_given_anew(sessions: Sessions) -> None:
    clinician, place = principal(Role.CLINICIAN), ("t", "p", "user")
    seen = []
    for given in ([Given(CLINICAL)], [], [Given(frozenset({"contact"}))], [Given(CLINICAL)], []):
        sessions.facts.given[place] = given
        seen.append(sessions.reads(clinician, TREATMENT))
    assert seen == [CLINICAL, frozenset(), frozenset({"contact"}), CLINICAL, frozenset()]


def test_a_restriction_that_begins_stops_those_who_saw_the_record(sessions: Sessions) -> None:
    clinician, coordinator = principal(Role.CLINICIAN), principal(Role.CARE_COORDINATOR, user_id="other")
    sessions.facts.members["t", "p", "user"] = Role.CLINICIAN
    assert sessions.reads(clinician, TREATMENT)
    assert sessions.reads(coordinator, TREATMENT)
    sessions.facts.restrictions["t", "p"] = frozenset({"TREATMENT"})
    assert not sessions.reads(clinician, TREATMENT)
    assert not sessions.reads(coordinator, TREATMENT)
    assert sessions.reads(coordinator, OPERATIONS), "it is for one purpose"
    own = principal(Role.PATIENT, patient_id="p")
    assert sessions.reads(own, PATIENT_REQUEST) == frozenset(DataClass)


def test_an_emergency_is_over_with_its_hour_and_with_an_overdue_review(sessions: Sessions) -> None:
    clinician = principal(Role.CLINICIAN)
    assert not sessions.reads(clinician, EMERGENCY)
    sessions.facts.glass["t", "p", "user"] = 4600
    assert sessions.reads(clinician, EMERGENCY) == frozenset(DataClass)
    assert not sessions.reads(clinician, EMERGENCY, "q"), "the glass was broken for another patient"
    assert not sessions.reads(clinician, TREATMENT), "and for an emergency"
    assert not sessions.reads(principal(Role.CLINICIAN, user_id="other"), EMERGENCY)
    for role in set(Role) - {Role.CLINICIAN, Role.CARE_COORDINATOR}:
        assert not sessions.reads(principal(role), EMERGENCY)
    sessions.facts.reviews["t", "user"] = [2000]
    sessions.at = 1999
    assert sessions.reads(clinician, EMERGENCY)
    sessions.at = 2000
    assert not sessions.reads(clinician, EMERGENCY)
    sessions.facts.reviews.clear()
    assert sessions.reads(clinician, EMERGENCY)
    sessions.at = 4600
    assert not sessions.reads(clinician, EMERGENCY)


def test_membership_alone_is_no_emergency(sessions: Sessions) -> None:
    sessions.facts.members["t", "p", "user"] = Role.CLINICIAN
    assert not sessions.reads(principal(Role.CLINICIAN), EMERGENCY)


def test_a_study_that_is_over(sessions: Sessions) -> None:
    researcher = principal(Role.RESEARCHER)
    sessions.facts.approved_for["t", "user"] = [("study", 0, 1500), ("another", 0, 9000)]
    assert sessions.reads(researcher, RESEARCH) == {DataClass.DEIDENTIFIED}
    sessions.at = 1500
    assert sessions.reads(researcher, RESEARCH) == frozenset()
