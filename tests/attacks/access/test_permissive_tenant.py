"""A tenant permits everything to everybody in policies of its own. What the guardrails withhold stays withheld.

The guardrails are written down a second time here, in Python, and compared with what Cedar decides.
"""

from __future__ import annotations

import itertools
from collections.abc import Iterator
from dataclasses import replace

import pytest

from phivault.access.decide import Asked, Decider
from phivault.access.facts import ConsentFacts, PatientFacts
from phivault.access.principal import Principal
from phivault.access.purpose import Purpose, PurposeOfUse
from phivault.access.roles import Role
from phivault.phi.data_class import DataClass
from tests.support.people import TREATMENT, principal
from tests.support.tenant_policies import MemoryTenantPolicies

ACTIONS = ("create", "read", "update", "delete", "search")
WRITES = {"create", "update", "delete"}
NO_PHI = {Role.TENANT_ADMIN, Role.SECURITY_OFFICER, Role.AUDITOR}
SOME = frozenset({DataClass.SENSITIVE, DataClass.CLINICAL})
PERMISSIVE = "permit (principal, action, resource);"
ANYONE = PatientFacts("p", "t")
PATIENTS = [
    ANYONE,
    PatientFacts("self", "t"),
    PatientFacts("self", "t", restricted=True),
    PatientFacts("p", "t", in_care_team=True),
    PatientFacts("p", "t", in_care_team=True, team_sees_sensitive=True),
    PatientFacts("p", "t", team_sees_sensitive=True),
    PatientFacts("p", "t", in_care_team=True, team_sees_sensitive=True, restricted=True),
    PatientFacts("p", "t", delegated=SOME),
    PatientFacts("p", "t", granted=SOME),
    PatientFacts("p", "t", granted=SOME, restricted=True),
    PatientFacts("p", "t", emergency=True),
    PatientFacts("p", "t", emergency=True, restricted=True),
    PatientFacts("p", "t", is_new=True),
    PatientFacts("p", "t", consent=ConsentFacts(permits=SOME)),
    PatientFacts("p", "t", consent=ConsentFacts(permits=SOME), restricted=True),
    PatientFacts("p", "t", consent=ConsentFacts(denies=SOME)),
    PatientFacts("p", "t", granted=SOME, consent=ConsentFacts(permits=SOME, denies=SOME)),
    PatientFacts("p", "t", consent=ConsentFacts(sensitive=True)),
]


@pytest.fixture(scope="module")
def decider() -> Decider:
    return Decider(tenants=MemoryTenantPolicies({("t", 1): PERMISSIVE, ("u", 1): PERMISSIVE}))


def may_leave(
    who: Principal, of_use: PurposeOfUse, action: str, type: str, facts: PatientFacts, name: DataClass, project: bool
) -> bool:
    """Whether no guardrail stands against it."""
    own = who.role is Role.PATIENT and facts.id == who.patient_id
    emergency = of_use is PurposeOfUse.EMERGENCY and facts.emergency
    keeps_consents = who.role is Role.PRIVACY_OFFICER and type == "Consent"
    return (
        who.role not in NO_PHI
        and (who.role is not Role.RESEARCHER or action not in WRITES)
        and (
            who.role is not Role.RESEARCHER
            or (name is DataClass.DEIDENTIFIED and of_use is PurposeOfUse.RESEARCH and project)
        )
        and (who.role is not Role.PATIENT or own or name in facts.delegated)
        and (of_use is not PurposeOfUse.PATIENT_REQUEST or who.role is Role.PATIENT)
        and (of_use is not PurposeOfUse.EMERGENCY or facts.emergency)
        and (
            name is not DataClass.SENSITIVE
            or action == "create"
            or own
            or (facts.in_care_team and facts.team_sees_sensitive)
            or name in facts.granted | facts.delegated | facts.consent.permits
            or facts.consent.sensitive
            or emergency
            or keeps_consents
        )
        and (
            not facts.restricted
            or own
            or who.role is Role.PRIVACY_OFFICER
            or name in facts.consent.permits
            or emergency
        )
        and (action == "create" or name not in facts.consent.denies or keeps_consents)
        and (type != "Consent" or action not in WRITES or own or who.role is Role.PRIVACY_OFFICER)
    )


def asked() -> Iterator[tuple[str, str, PatientFacts]]:
    yield from itertools.product(ACTIONS, ("Observation",), PATIENTS)
    yield from itertools.product(("read", "update"), ("Consent",), PATIENTS)


@pytest.mark.parametrize("of_use", list(PurposeOfUse))
@pytest.mark.parametrize("role", list(Role))
def test_nothing_beyond_the_guardrails_leaves(decider: Decider, role: Role, of_use: PurposeOfUse) -> None:
    who = principal(role, policies=1, patient_id="self" if role is Role.PATIENT else None)
    questions = [Asked(action, type, facts, DataClass) for action, type, facts in asked()]
    for project in (False, True) if role is Role.RESEARCHER else (True,):
        answers = decider.granted_all(who, Purpose(of_use, asserted=True), questions, project=project)
        for one, granted in zip(questions, answers, strict=True):
            assert one.patient is not None
            expected = {
                name
                for name in DataClass
                if may_leave(who, of_use, one.action, one.resource_type, one.patient, name, project)
            }
            assert granted == expected, one


def test_the_tenants_policy_did_permit_something(decider: Decider) -> None:
    """Else nothing would have been tried above."""
    stranger = Asked("read", "Observation", ANYONE, [DataClass.CLINICAL])
    who = principal(Role.CLINICIAN)
    assert decider.granted_all(who, TREATMENT, [stranger]) == [frozenset()]
    assert decider.granted_all(replace(who, policies=1), TREATMENT, [stranger]) == [{DataClass.CLINICAL}]


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("of_use", list(PurposeOfUse))
def test_neither_another_tenant_nor_a_missing_factor_is_let_through(
    decider: Decider, role: Role, of_use: PurposeOfUse
) -> None:
    who, purpose = principal(role, policies=1, patient_id="self"), Purpose(of_use, asserted=True)
    foreign = [replace(facts, tenant="u") for facts in PATIENTS]
    for facts in foreign:
        assert not decider.granted(who, purpose, "read", "Observation", facts, DataClass, project=True)
    for one in (*PATIENTS, None):
        without = replace(who, mfa=False)
        assert not decider.granted(without, purpose, "read", "Organization", one, DataClass, project=True)


def test_a_tenants_policies_are_not_anothers_nor_for_the_application(decider: Decider) -> None:
    other = Decider(tenants=MemoryTenantPolicies({("u", 1): PERMISSIVE, ("t", 1): ""}))
    assert not other.granted(principal(Role.CLINICIAN, policies=1), TREATMENT, "read", "Observation", ANYONE, DataClass)
    assert not decider.permits(principal(Role.PATIENT, policies=1), "admin:users")
