"""What every FactStore keeps, asked of the fake that other tests use and of DynamoDB on this machine."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from phivault.access.facts import FactStore, PatientFacts
from phivault.access.roles import Role
from phivault.adapters.access_state_table import TABLE
from phivault.adapters.dynamodb_facts import DynamoFacts
from tests.support.facts import MemoryFacts
from tests.support.people import principal

CLINICIAN = principal(Role.CLINICIAN)


@pytest.fixture(params=["memory", "dynamodb"])
def facts(request: pytest.FixtureRequest) -> FactStore:
    if request.param == "memory":
        return MemoryFacts()
    new_table: Callable[[dict[str, Any]], str] = request.getfixturevalue("new_table")
    return DynamoFacts(new_table(TABLE))


def test_what_is_not_on_record_is_false(facts: FactStore) -> None:
    assert facts.load(CLINICIAN, ["p", "q"]) == {"p": PatientFacts("p", "t"), "q": PatientFacts("q", "t")}


def test_no_patients_no_facts(facts: FactStore) -> None:
    assert facts.load(CLINICIAN, []) == {}


def test_a_membership_is_seen_at_once_and_only_where_it_is(facts: FactStore) -> None:
    facts.join_care_team("t", "p", "user", Role.CLINICIAN)
    assert facts.load(CLINICIAN, ["p", "q"]) == {
        "p": PatientFacts("p", "t", in_care_team=True),
        "q": PatientFacts("q", "t"),
    }
    for other in (principal(Role.CLINICIAN, user_id="other"), principal(Role.CLINICIAN, tenant="u")):
        assert facts.load(other, ["p"]) == {"p": PatientFacts("p", other.tenant)}


def test_joining_again_changes_nothing(facts: FactStore) -> None:
    for role in (Role.CLINICIAN, Role.CLINICIAN, Role.CARE_COORDINATOR):
        facts.join_care_team("t", "p", "user", role)
    assert facts.load(CLINICIAN, ["p"])["p"].in_care_team


def test_many_may_join_at_once(facts: FactStore) -> None:
    with ThreadPoolExecutor(8) as pool:
        joins = [pool.submit(facts.join_care_team, "t", "p", "user", Role.CLINICIAN) for _ in range(16)]
    assert [join.result() for join in joins] == [None] * 16
    assert facts.load(CLINICIAN, ["p"])["p"].in_care_team


def test_more_patients_than_one_batch_holds(facts: FactStore) -> None:
    patients = [f"p{n}" for n in range(250)]
    for patient in patients[::50]:
        facts.join_care_team("t", patient, "user", Role.CLINICIAN)
    loaded = facts.load(CLINICIAN, patients)
    assert list(loaded) == patients
    assert [patient for patient, known in loaded.items() if known.in_care_team] == patients[::50]


def test_a_patient_asked_for_twice_is_answered_once(facts: FactStore) -> None:
    assert facts.load(CLINICIAN, ["p", "p"]) == {"p": PatientFacts("p", "t")}
