from __future__ import annotations

import logging
from dataclasses import replace

import pytest
from cedarpy import PolicySet
from hypothesis import given
from hypothesis import strategies as st

from phivault.access.decide import CACHED_DECISIONS, Decider
from phivault.access.facts import PatientFacts
from phivault.access.roles import Role
from phivault.phi.data_class import DataClass
from tests.support.people import PATIENT_REQUEST, TREATMENT, principal

CLINICIAN = principal(Role.CLINICIAN)
MEMBER = PatientFacts("p", "t", in_care_team=True)


class Counted(Decider):
    """Counts evaluations, those that no cache answers."""

    evaluations = 0

    def _evaluate(self, question):  # type: ignore[no-untyped-def]  # the question's type is the decider's own
        self.evaluations += 1
        return super()._evaluate(question)


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


@pytest.mark.parametrize("change", [{"id": "q"}, {"tenant": "u"}, {"in_care_team": False}, {"is_new": True}], ids=str)
def test_each_fact_about_the_patient_makes_another_question(change: dict[str, object]) -> None:
    decider = Counted()
    read(decider)
    read(decider, facts=replace(MEMBER, **change))  # type: ignore[arg-type]  # fields by name
    assert decider.evaluations == 2


def test_memory_is_bounded() -> None:
    assert Decider()._decide.cache_info().maxsize == CACHED_DECISIONS


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
    read(Decider(PolicySet.from_str(BROKEN)), facts=PatientFacts("patient-17", "t", in_care_team=True))
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
