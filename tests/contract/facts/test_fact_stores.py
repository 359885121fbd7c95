"""What every FactStore keeps, asked of the fake that other tests use and of DynamoDB on this machine."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING

import pytest

from phivault.access.facts import FactStore, PatientFacts
from phivault.access.purpose import Purpose, PurposeOfUse
from phivault.access.roles import Role
from tests.support.people import EMERGENCY, OPERATIONS, PATIENT_REQUEST, TREATMENT, principal

if TYPE_CHECKING:
    from tests.contract.facts.conftest import Written

NOW = 1_700_000_000

CLINICIAN = principal(Role.CLINICIAN)


def test_what_is_not_on_record_is_false(facts: FactStore) -> None:
    assert facts.load(CLINICIAN, TREATMENT, ["p", "q"]) == {"p": PatientFacts("p", "t"), "q": PatientFacts("q", "t")}


def test_no_patients_no_facts(facts: FactStore) -> None:
    assert facts.load(CLINICIAN, TREATMENT, []) == {}


def test_a_membership_is_seen_at_once_and_only_where_it_is(facts: FactStore) -> None:
    facts.join_care_team("t", "p", "user", Role.CLINICIAN)
    assert facts.load(CLINICIAN, TREATMENT, ["p", "q"]) == {
        "p": PatientFacts("p", "t", in_care_team=True, team_sees_sensitive=True),
        "q": PatientFacts("q", "t"),
    }
    for other in (principal(Role.CLINICIAN, user_id="other"), principal(Role.CLINICIAN, tenant="u")):
        assert facts.load(other, TREATMENT, ["p"]) == {"p": PatientFacts("p", other.tenant)}


def test_joining_again_changes_nothing(facts: FactStore) -> None:
    for role in (Role.CLINICIAN, Role.CLINICIAN, Role.CARE_COORDINATOR):
        facts.join_care_team("t", "p", "user", role)
    assert facts.load(CLINICIAN, TREATMENT, ["p"])["p"].in_care_team


def test_many_may_join_at_once(facts: FactStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        joins = [pool.submit(facts.join_care_team, "t", "p", "user", Role.CLINICIAN) for _ in range(16)]
    assert [join.result() for join in joins] == [None] * 16
    assert facts.load(CLINICIAN, TREATMENT, ["p"])["p"].in_care_team


def test_more_patients_than_one_batch_holds(facts: FactStore) -> None:
    patients = [f"p{n}" for n in range(250)]
    for patient in patients[::50]:
        facts.join_care_team("t", patient, "user", Role.CLINICIAN)
    loaded = facts.load(CLINICIAN, TREATMENT, patients)
    assert list(loaded) == patients
    assert [patient for patient, known in loaded.items() if known.in_care_team] == patients[::50]


def test_a_patient_asked_for_twice_is_answered_once(facts: FactStore) -> None:
    assert facts.load(CLINICIAN, TREATMENT, ["p", "p"]) == {"p": PatientFacts("p", "t")}


def of(written: Written, purpose: Purpose = TREATMENT, patient: str = "p") -> PatientFacts:
    return written.store.load(CLINICIAN, purpose, [patient])[patient]


@pytest.mark.parametrize("sensitive", [False, True])
def test_a_membership_says_whether_it_names_the_sensitive_class(written: Written, sensitive: bool) -> None:
    written.membership("p", sensitive=sensitive)
    for of_use in PurposeOfUse:
        facts = of(written, Purpose(of_use, asserted=True))
        assert facts == PatientFacts("p", "t", in_care_team=True, team_sees_sensitive=sensitive)


def test_joining_does_not_widen_a_membership(written: Written) -> None:
    written.membership("p", sensitive=False)
    written.store.join_care_team("t", "p", "user", Role.CLINICIAN)
    assert of(written) == PatientFacts("p", "t", in_care_team=True)


@pytest.mark.parametrize(("kind", "field"), [("delegate", "delegated"), ("access", "granted")])
def test_what_is_given_is_given_by_kind_and_adds_up(written: Written, kind: str, field: str) -> None:
    written.given("p", kind, ["clinical"], id="1")
    written.given("p", kind, ["contact", "clinical"], id="2")
    both = frozenset({"clinical", "contact"})
    given = PatientFacts("p", "t", delegated=both) if field == "delegated" else PatientFacts("p", "t", granted=both)
    assert of(written) == given
    assert of(written, patient="q") == PatientFacts("q", "t")


@pytest.mark.parametrize(("starts", "until"), [(NOW, NOW + 10), (NOW - 10, NOW + 10)])
@pytest.mark.parametrize("kind", ["delegate", "access"])
def test_what_is_given_begins_and_ends_by_the_second(written: Written, kind: str, starts: int, until: int) -> None:
    written.given("p", kind, ["clinical"], starts=starts, until=until)
    seen = []
    for at in (starts - 1, starts, until - 0.5, until, until + 1):
        written.at = at
        seen.append(of(written) != PatientFacts("p", "t"))
    assert seen == [False, True, True, False, False]


@pytest.mark.parametrize("kind", ["delegate", "access"])
def test_what_is_given_for_some_purposes_is_given_for_no_other(written: Written, kind: str) -> None:
    written.given("p", kind, ["clinical"], purposes=["TREATMENT", "OPERATIONS"])
    nothing = PatientFacts("p", "t")
    assert of(written, TREATMENT) != nothing
    assert of(written, OPERATIONS) != nothing
    assert of(written, PATIENT_REQUEST) == of(written, EMERGENCY) == nothing


def test_grants_of_different_purposes_do_not_mix(written: Written) -> None:
    written.given("p", "access", ["clinical"], id="1", purposes=["TREATMENT"])
    written.given("p", "access", ["contact"], id="2", purposes=["OPERATIONS"])
    assert of(written, TREATMENT).granted == {"clinical"}
    assert of(written, OPERATIONS).granted == {"contact"}


def test_a_restriction_holds_for_everyone_and_its_purposes(written: Written) -> None:
    written.restricted("p", ["TREATMENT"])
    others = principal(Role.CARE_COORDINATOR, user_id="other")
    for who in (CLINICIAN, others):
        assert written.store.load(who, TREATMENT, ["p"])["p"] == PatientFacts("p", "t", restricted=True)
        assert written.store.load(who, OPERATIONS, ["p"])["p"] == PatientFacts("p", "t")
    assert of(written, patient="q") == PatientFacts("q", "t")
    elsewhere = principal(Role.CLINICIAN, tenant="u")
    assert written.store.load(elsewhere, TREATMENT, ["p"])["p"] == PatientFacts("p", "u")


def test_a_restriction_that_names_no_purpose_holds_for_all(written: Written) -> None:
    written.restricted("p", [])
    assert all(of(written, Purpose(of_use, asserted=True)).restricted for of_use in PurposeOfUse)


def test_broken_glass_is_for_one_patient_and_one_purpose_and_ends(written: Written) -> None:
    written.broken_glass("p", NOW + 3600)
    assert of(written, EMERGENCY) == PatientFacts("p", "t", emergency=True)
    assert of(written, EMERGENCY, "q") == PatientFacts("q", "t")
    assert not of(written, TREATMENT).emergency, "a glass is broken for emergencies"
    other = principal(Role.CLINICIAN, user_id="other")
    assert written.store.load(other, EMERGENCY, ["p"])["p"] == PatientFacts("p", "t")
    written.at = NOW + 3599
    assert of(written, EMERGENCY).emergency
    written.at = NOW + 3600
    assert of(written, EMERGENCY) == PatientFacts("p", "t")


def test_one_overdue_review_suspends_every_broken_glass_and_nothing_else(written: Written) -> None:
    written.broken_glass("p", NOW + 3600)
    written.membership("p", sensitive=False)
    written.review_due("later", NOW + 100)
    assert of(written, EMERGENCY).emergency
    written.review_due("overdue", NOW)
    assert of(written, EMERGENCY) == PatientFacts("p", "t", in_care_team=True)
    written.at = NOW - 1
    assert of(written, EMERGENCY).emergency, "not yet due then"


def test_a_project_is_approved_as_long_as_it_says(written: Written) -> None:
    written.approved("study", NOW, NOW + 10)
    written.approved("other", NOW + 10, NOW + 20)
    seen = []
    for at in (NOW - 1, NOW, NOW + 9.5, NOW + 10, NOW + 20):
        written.at = at
        projects = written.store.projects(CLINICIAN)
        assert all(
            written.store.approved(CLINICIAN, project) == (project in projects) for project in ("study", "other")
        )
        seen.append(projects)
    assert seen == [set(), {"study"}, {"study"}, {"other"}, set()]
    assert written.store.projects(principal(Role.RESEARCHER, user_id="other")) == set()
    assert written.store.projects(principal(Role.RESEARCHER, tenant="u")) == set()


def test_the_patients_of_a_user_are_those_of_every_relation_even_one_that_ended(written: Written) -> None:
    assert written.store.patients_of(CLINICIAN) == set()
    written.membership("p", sensitive=False)
    written.given("q", "access", ["clinical"], until=NOW - 1)
    written.broken_glass("r", NOW + 3600)
    written.store.join_care_team("t", "s", "user", Role.CLINICIAN)
    written.restricted("nobody", [])
    written.store.join_care_team("t", "theirs", "other", Role.CLINICIAN)
    assert written.store.patients_of(CLINICIAN) == {"p", "q", "r", "s"}
    written.ended("p")
    assert of(written) == PatientFacts("p", "t")
    assert "p" in written.store.patients_of(CLINICIAN)
    assert written.store.patients_of(principal(Role.CLINICIAN, tenant="u")) == set()


def test_many_patients_of_one_user_are_all_told(facts: FactStore) -> None:
    patients = {f"p{n}" for n in range(30)}
    for patient in patients:
        facts.join_care_team("t", patient, "user", Role.CLINICIAN)
    assert facts.patients_of(CLINICIAN) == patients
