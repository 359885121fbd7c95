"""Why a decision falls as it does: the policies that decide it, and what would turn a denial."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phivault.access.decide import Decider
from phivault.access.explain import SENTENCES, Explained, asker_of, explain, held, is_tenants_own
from phivault.access.facts import ConsentFacts, PatientFacts
from phivault.access.principal import Principal
from phivault.access.purpose import Purpose, PurposeOfUse
from phivault.access.question import ApplicationQuestion, DataQuestion
from phivault.access.roles import Role
from phivault.access.validate import our_ids
from phivault.phi.data_class import DataClass
from tests.support.people import principal

DECIDER = Decider()
STRANGER = PatientFacts("p", "t")
CLASSES = st.frozensets(st.sampled_from(list(DataClass)))
FACTS = st.builds(
    PatientFacts,
    st.just("p"),
    st.sampled_from(["t", "other"]),
    st.booleans(),
    st.booleans(),
    CLASSES,
    CLASSES,
    st.booleans(),
    st.booleans(),
    st.builds(ConsentFacts, CLASSES, CLASSES, st.booleans()),
)


def asked(who: Principal, purpose: str, facts: PatientFacts | None, *classes: str, **changes: Any) -> DataQuestion:
    question = DataQuestion(asker_of(who), purpose, "read", "Observation", facts, classes or ("clinical",))
    return replace(question, policies=who.policies, **changes)


def one(role: Role, purpose: str, facts: PatientFacts | None, *classes: str, **changes: Any) -> Explained:
    [explained] = explain(DECIDER, asked(principal(role), purpose, facts, *classes, **changes))
    return explained


def test_a_release_names_the_policies_that_permit_it() -> None:
    both = replace(STRANGER, in_care_team=True, granted=frozenset({"clinical"}))
    assert one(Role.CLINICIAN, "TREATMENT", both) == Explained(
        "clinical",
        allowed=True,
        policies=("a-grant-shows-what-it-names", "clinician-treats-patients-of-their-care-team"),
    )


MISSING: dict[str, tuple[Role, str, PatientFacts | None, str, tuple[str, ...], set[tuple[str, ...]]]] = {
    "a stranger": (
        Role.CLINICIAN,
        "TREATMENT",
        STRANGER,
        "clinical",
        (),
        {("care-team",), ("grant",), ("consent",)},
    ),
    "another purpose": (
        Role.CLINICIAN,
        "PAYMENT",
        replace(STRANGER, in_care_team=True),
        "clinical",
        (),
        {("purpose:TREATMENT",), ("grant",), ("consent",)},
    ),
    "the sensitive class": (
        Role.CLINICIAN,
        "TREATMENT",
        replace(STRANGER, in_care_team=True),
        "sensitive",
        ("sensitive-data-needs-a-grant-or-consent",),
        {("sensitive-membership",), ("grant",), ("delegation",), ("consent",), ("consent-for-sensitive",)},
    ),
    "an emergency": (
        Role.CLINICIAN,
        "EMERGENCY",
        STRANGER,
        "clinical",
        ("an-emergency-needs-broken-glass",),
        {("broken-glass",)},
    ),
    "a restriction": (
        Role.CLINICIAN,
        "TREATMENT",
        replace(STRANGER, in_care_team=True, restricted=True),
        "clinical",
        ("a-restricted-record-rests",),
        {("lifted-restriction",), ("consent",)},
    ),
    "a denial by consent": (
        Role.CLINICIAN,
        "TREATMENT",
        replace(STRANGER, in_care_team=True, consent=ConsentFacts(denies=frozenset({"clinical"}))),
        "clinical",
        ("consent-withholds",),
        {("withdrawn-denial",)},
    ),
    "a denial and a restriction": (
        Role.CLINICIAN,
        "TREATMENT",
        replace(STRANGER, in_care_team=True, restricted=True, consent=ConsentFacts(denies=frozenset({"clinical"}))),
        "clinical",
        ("a-restricted-record-rests", "consent-withholds"),
        {("withdrawn-denial", "lifted-restriction"), ("consent", "withdrawn-denial")},
    ),
    "a project": (
        Role.RESEARCHER,
        "RESEARCH",
        STRANGER,
        "deidentified",
        ("researchers-see-deidentified-data-of-their-projects-only",),
        {("project-approval",)},
    ),
    "a project for another purpose": (
        Role.RESEARCHER,
        "TREATMENT",
        STRANGER,
        "deidentified",
        ("researchers-see-deidentified-data-of-their-projects-only",),
        {("purpose:RESEARCH", "project-approval")},
    ),
    "what researchers never see": (
        Role.RESEARCHER,
        "RESEARCH",
        STRANGER,
        "clinical",
        ("researchers-see-deidentified-data-of-their-projects-only",),
        set(),
    ),
    "what administration never sees": (
        Role.TENANT_ADMIN,
        "OPERATIONS",
        replace(STRANGER, in_care_team=True, granted=frozenset({"contact"})),
        "contact",
        ("administration-sees-no-phi",),
        set(),
    ),
    "a delegate": (
        Role.PATIENT,
        "PATIENT_REQUEST",
        STRANGER,
        "clinical",
        ("patients-see-their-own-and-delegated-records-only",),
        {("delegation",)},
    ),
    "the directory for another purpose": (
        Role.CLINICIAN,
        "RESEARCH",
        None,
        "contact",
        (),
        {("purpose:TREATMENT",), ("purpose:OPERATIONS",)},
    ),
}


@pytest.mark.parametrize("name", MISSING)
def test_a_denial_names_what_forbids_it_and_what_would_turn_it(name: str) -> None:
    role, purpose, facts, data_class, policies, missing = MISSING[name]
    found = one(role, purpose, facts, data_class, resource_type="Observation" if facts else "Organization")
    assert (found.allowed, found.policies, set(found.missing)) == (False, policies, missing)


def test_a_second_factor_may_be_all_that_is_missing() -> None:
    who = principal(Role.CLINICIAN, mfa=False)
    [found] = explain(DECIDER, asked(who, "TREATMENT", replace(STRANGER, in_care_team=True)))
    assert found.policies == ("every-request-needs-a-second-factor",)
    assert found.missing == (("second-factor",),)
    assert one(Role.CLINICIAN, "TREATMENT", replace(STRANGER, in_care_team=True)).allowed


def test_an_action_of_the_application_may_miss_a_recent_sign_in() -> None:
    def asks(role: Role, *, recent: bool, mfa: bool = True) -> Explained:
        question = ApplicationQuestion(asker_of(principal(role, mfa=mfa)), "audit:export", recent)
        [found] = explain(DECIDER, question)
        return found

    assert asks(Role.AUDITOR, recent=True) == Explained("", allowed=True, policies=("officers-export-the-audit-log",))
    assert asks(Role.AUDITOR, recent=False).missing == (("recent-sign-in",),)
    assert asks(Role.AUDITOR, recent=False, mfa=False).missing == (("second-factor", "recent-sign-in"),)
    assert asks(Role.CLINICIAN, recent=True).missing == ()


def test_facts_of_another_purpose_are_those_that_hold_for_it() -> None:
    """A grant for OPERATIONS alone is none for TREATMENT, and there it isn't said that TREATMENT would help."""
    granted = asked(principal(Role.CLINICIAN), "TREATMENT", replace(STRANGER, granted=frozenset({"clinical"})))
    question = replace(granted, patient=STRANGER)
    [found] = explain(
        DECIDER, question, lambda purpose: replace(granted if purpose == "OPERATIONS" else question, purpose=purpose)
    )
    assert {way for way in found.missing if way[0].startswith("purpose:")} == {("purpose:OPERATIONS",)}


class _Tenants:
    def __init__(self, *texts: str) -> None:
        self._texts = texts

    def text(self, tenant: str, version: int) -> str:
        return self._texts[version - 1]


OWN = """
@id("ward-reads-all")
permit (principal in Role::"clinician", action == Action::"read", resource is PatientData)
when { context.purpose == Purpose::"OPERATIONS" };
@id("no-weights")
forbid (principal, action == Action::"read", resource) when { resource.type == "Observation" };
"""
FAILING = '@id("fails") forbid (principal, action, resource) when { 9223372036854775807 + 1 > 0 };'


def test_a_tenants_own_policies_are_named_and_told_apart() -> None:
    decider = Decider(tenants=_Tenants(OWN))
    question = asked(principal(Role.CLINICIAN, policies=1), "OPERATIONS", STRANGER)
    [denied] = explain(decider, question)
    assert (denied.policies, denied.missing) == (("no-weights",), ())
    [allowed] = explain(decider, replace(question, resource_type="Encounter"))
    assert (allowed.allowed, allowed.policies) == (True, ("ward-reads-all",))
    assert is_tenants_own("ward-reads-all")
    assert not any(map(is_tenants_own, our_ids()))


@pytest.mark.parametrize("tenants", [None, _Tenants(FAILING), _Tenants("not Cedar")], ids=["nobody", "fails", "text"])
def test_what_cannot_be_decided_is_a_denial_that_says_so(tenants: _Tenants | None) -> None:
    who = principal(Role.CLINICIAN, policies=1)
    [found] = explain(Decider(tenants=tenants), asked(who, "TREATMENT", replace(STRANGER, in_care_team=True)))
    assert found == Explained("clinical", allowed=False, undecided=True)


def test_facts_are_told_by_name_alone() -> None:
    every = frozenset(DataClass)
    facts = PatientFacts(
        "p", "t", True, True, every, every, True, True, ConsentFacts(every, every, True)
    )  # all that can be so
    names = held(asked(principal(Role.CLINICIAN), "TREATMENT", facts, project=True))
    assert len(names) == 10
    assert held(asked(principal(Role.CLINICIAN), "TREATMENT", None)) == ()
    assert held(asked(principal(Role.CLINICIAN), "TREATMENT", STRANGER)) == ()


def test_every_way_has_a_sentence() -> None:
    for _, _, _, _, _, missing in MISSING.values():
        for way in missing:
            assert all(SENTENCES[name].endswith(".") for name in way)


@settings(max_examples=25, deadline=None)  # each asks Cedar some hundred times
@given(st.sampled_from(list(Role)), st.sampled_from(list(PurposeOfUse)), FACTS, st.booleans(), st.booleans())
def test_an_explanation_is_of_the_decision_itself(
    role: Role, of_use: PurposeOfUse, facts: PatientFacts, project: bool, mfa: bool
) -> None:
    who = principal(role, mfa=mfa, patient_id="p" if project and role is Role.PATIENT else None)
    for action in ("read", "update"):
        question = asked(who, of_use, facts, *DataClass, action=action, project=project)
        purpose = Purpose(of_use, asserted=True)
        granted = DECIDER.granted(who, purpose, action, "Observation", facts, DataClass, project=project)
        found = explain(DECIDER, question)
        assert {each.data_class for each in found if each.allowed} == granted
        for each in found:
            assert bool(each.missing) <= (not each.allowed)
            assert each.policies or not each.allowed
