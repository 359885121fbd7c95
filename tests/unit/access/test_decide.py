from __future__ import annotations

import logging
from dataclasses import fields, replace

import pytest
from cedarpy import PolicySet
from hypothesis import given
from hypothesis import strategies as st

from phivault.access.decide import CACHED_DECISIONS, Asked, Decider
from phivault.access.facts import ConsentFacts, PatientFacts
from phivault.access.remembered import Remembered
from phivault.access.roles import Role
from phivault.phi.data_class import DataClass
from tests.support.people import PATIENT_REQUEST, TREATMENT, principal

CLINICIAN = principal(Role.CLINICIAN)
MEMBER = PatientFacts("p", "t", in_care_team=True, team_sees_sensitive=True)


class Counted(Decider):
    """Counts calls of Cedar, and the requests in them: what no memory answers."""

    evaluations = 0
    requests = 0

    def _ask(self, batch, held):  # type: ignore[no-untyped-def]  # the batch is the decider's own
        self.evaluations += 1
        self.requests += len(batch.requests)
        return super()._ask(batch, held)


def read(decider: Decider, who=CLINICIAN, facts=MEMBER, classes=DataClass):  # type: ignore[no-untyped-def]  # short
    return decider.granted(who, TREATMENT, "read", "Observation", facts, classes)


def test_only_asked_classes_are_answered_in_the_callers_own_type() -> None:
    assert read(Decider(), classes=[DataClass.CLINICAL]) == {DataClass.CLINICAL}
    assert all(type(data_class) is DataClass for data_class in read(Decider()))


def test_no_classes_no_grant() -> None:
    assert read(Decider(), classes=[]) == frozenset()


def test_an_equal_question_is_answered_from_memory() -> None:
    decider = Counted()
    assert read(decider) == read(decider, facts=replace(MEMBER))
    assert decider.evaluations == 1


def test_order_of_classes_is_no_other_question() -> None:
    decider = Counted()
    read(decider, classes=[DataClass.CLINICAL, DataClass.CONTACT])
    read(decider, classes=(DataClass.CONTACT, DataClass.CLINICAL, DataClass.CONTACT))
    assert decider.evaluations == 1


@pytest.mark.parametrize(
    "change",
    [{"user_id": "v"}, {"tenant": "u"}, {"role": Role.AUDITOR}, {"mfa": False}, {"patient_id": "p"}],
    ids=lambda change: next(iter(change)),
)
def test_each_fact_about_the_principal_makes_another_question(change: dict[str, object]) -> None:
    decider = Counted()
    read(decider)
    read(decider, who=replace(CLINICIAN, **change))  # type: ignore[arg-type]  # fields by name
    assert decider.evaluations == 2


@pytest.mark.parametrize(
    "change",
    [
        {"tenant": "u"},
        {"in_care_team": False},
        {"team_sees_sensitive": False},
        {"delegated": frozenset({"clinical"})},
        {"granted": frozenset({"clinical"})},
        {"emergency": True},
        {"restricted": True},
        {"consent": ConsentFacts(permits=frozenset({"clinical"}))},
        {"consent": ConsentFacts(denies=frozenset({"clinical"}))},
        {"consent": ConsentFacts(sensitive=True)},
        {"is_new": True},
    ],
    ids=str,
)
def test_each_fact_about_the_patient_makes_another_question(change: dict[str, object]) -> None:
    decider = Counted()
    read(decider)
    read(decider, facts=replace(MEMBER, **change))  # type: ignore[arg-type]  # fields by name
    assert decider.evaluations == 2


def test_every_fact_about_the_patient_is_in_the_list_above() -> None:
    """``called`` and the test above name the facts one by one: a new one must not be forgotten."""
    assert [field.name for field in fields(PatientFacts)] == [
        *("id", "tenant", "in_care_team", "team_sees_sensitive", "delegated", "granted", "emergency", "restricted"),
        *("consent", "is_new"),
    ]
    consent = ConsentFacts(frozenset({"contact"}), frozenset({"clinical"}), sensitive=True)
    facts = PatientFacts("p", "t", True, True, frozenset({"x"}), frozenset({"y"}), True, True, consent, True)
    assert facts.called("q") == replace(facts, id="q")


def test_whose_record_it_is_matters_only_where_it_is_the_askers_own() -> None:
    decider = Counted()
    me = principal(Role.PATIENT, patient_id="me")
    for id in ("p", "q", "me", "r"):
        seen = decider.granted(me, PATIENT_REQUEST, "read", "Patient", PatientFacts(id, "t"), DataClass)
        assert bool(seen) == (id == "me")
    assert decider.evaluations == 2


def test_many_questions_are_one_call_of_cedar() -> None:
    decider = Counted()
    asked = [
        Asked(action, type, patient, DataClass)
        for action in ("read", "search")
        for type in ("Observation", "Patient")
        for patient in (MEMBER, PatientFacts("q", "t"), replace(MEMBER, id="r", restricted=True), None)
    ]
    answers = decider.granted_all(CLINICIAN, TREATMENT, asked)
    assert (decider.evaluations, decider.requests) == (1, 16 * len(DataClass))
    assert answers == [
        Decider().granted(CLINICIAN, TREATMENT, one.action, one.resource_type, one.patient, one.classes)
        for one in asked
    ]
    assert answers[0] == frozenset(DataClass)
    assert decider.granted_all(CLINICIAN, TREATMENT, asked) == answers
    assert decider.evaluations == 1


def test_no_questions_no_answers() -> None:
    assert Decider().granted_all(CLINICIAN, TREATMENT, []) == []


def test_only_classes_not_known_yet_are_asked_about() -> None:
    decider = Counted()
    read(decider, classes=[DataClass.CLINICAL])
    assert read(decider, classes=[DataClass.CONTACT, DataClass.CLINICAL]) == {DataClass.CONTACT, DataClass.CLINICAL}
    assert decider.requests == 2


def test_fifty_resources_of_one_patient_are_asked_about_once() -> None:
    decider = Counted()
    some = [list(DataClass)[n % 6 :] for n in range(50)]
    decider.granted_all(CLINICIAN, TREATMENT, [Asked("read", "Observation", MEMBER, classes) for classes in some])
    assert (decider.evaluations, decider.requests) == (1, len(DataClass))


def test_two_accounts_of_one_patient_are_not_mixed_up() -> None:
    me = principal(Role.PATIENT, patient_id="me")
    foreign = PatientFacts("me", "u")
    asked = [Asked("read", "Patient", facts, DataClass) for facts in (PatientFacts("me", "t"), foreign)]
    assert Decider().granted_all(me, PATIENT_REQUEST, asked) == [frozenset(DataClass), frozenset()]
    members = [Asked("read", "Patient", facts, DataClass) for facts in (PatientFacts("p", "t"), MEMBER)]
    assert Decider().granted_all(CLINICIAN, TREATMENT, members) == [frozenset(), frozenset(DataClass)]


def test_what_cannot_be_decided_denies_itself_and_nothing_beside_it(caplog: pytest.LogCaptureFixture) -> None:
    decider = Counted()
    asked = [
        Asked("read", "Observation", MEMBER, ["clinical"]),
        Asked("read", "Observation", MEMBER, ["unheard"]),
        Asked("unheard", "Observation", MEMBER, ["clinical"]),
        Asked("read", "Condition\ud800", MEMBER, ["clinical"]),
        Asked("read", "Condition", MEMBER, ["clinical"]),
    ]
    granted, nothing = frozenset({"clinical"}), frozenset[str]()
    expected = [nothing, nothing, nothing, nothing, granted]
    assert decider.granted_all(CLINICIAN, TREATMENT, asked) == expected
    assert len(caplog.records) == 2
    before = decider.evaluations
    assert decider.granted_all(CLINICIAN, TREATMENT, [asked[4], asked[0]]) == [granted, granted]
    assert decider.evaluations == before + 1, "what was decided in company is remembered"


def test_memory_is_bounded() -> None:
    decider = Decider()
    decider._memory = Remembered(8)
    for n in range(20):
        assert decider.granted(CLINICIAN, TREATMENT, "read", f"Type{n}", MEMBER, [DataClass.CLINICAL])
    assert len(decider._memory) == 8
    assert len(Remembered(CACHED_DECISIONS)) == 0


BROKEN = """
permit (principal, action, resource);
forbid (principal, action, resource) when { 9223372036854775807 + 1 > 0 };
"""


def test_a_policy_that_fails_denies_everything_and_says_so(caplog: pytest.LogCaptureFixture) -> None:
    """Cedar skips a forbid that fails; the permit beside it must not win."""
    decider = Decider(PolicySet.from_str(BROKEN))
    with caplog.at_level(logging.ERROR):
        assert read(decider) == frozenset()
        assert not decider.permits(CLINICIAN, "me:read")
    assert [record.levelname for record in caplog.records] == ["ERROR", "ERROR"]


def test_a_failure_names_no_one(caplog: pytest.LogCaptureFixture) -> None:
    read(
        Decider(PolicySet.from_str(BROKEN)),
        facts=PatientFacts("patient-17", "t", in_care_team=True),
    )
    assert "patient-17" not in caplog.text
    assert "Policies could not decide action 'read'" in caplog.text


def test_a_failure_is_not_remembered() -> None:
    decider = Counted(PolicySet.from_str(BROKEN))
    read(decider)
    read(decider)
    assert decider.evaluations == 2


@pytest.mark.parametrize("classes", [["clinical", "unheard"], [""], ["clinical\x00"]], ids=str)
def test_an_unknown_class_denies(classes: list[str]) -> None:
    assert read(Decider(), classes=classes) == frozenset()


def test_an_unknown_action_denies() -> None:
    assert not Decider().granted(CLINICIAN, TREATMENT, "export", "Observation", MEMBER, DataClass)


DECIDER = Decider()


@given(user=st.text(), patient=st.text(), other=st.text(), tenant=st.text(min_size=1), type=st.text())
def test_ids_of_any_text_decide_by_equality_alone(user: str, patient: str, other: str, tenant: str, type: str) -> None:
    who = principal(Role.PATIENT, user_id=user, tenant=tenant, patient_id=patient)
    facts = PatientFacts(other, tenant)
    seen = DECIDER.granted(who, PATIENT_REQUEST, "read", type, facts, [DataClass.CLINICAL])
    assert bool(seen) == (patient == other != "")
