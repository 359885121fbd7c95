"""Whatever is shared between questions changes none of their answers."""

from __future__ import annotations

from dataclasses import replace

import pytest
from cedarpy import PolicySet, is_authorized_batch
from hypothesis import given, settings
from hypothesis import strategies as st

from phivault.access.batch import reaches_for_others
from phivault.access.decide import Asked, Decider
from phivault.access.facts import ConsentFacts, PatientFacts
from phivault.access.policy_files import policy_text, schema
from phivault.access.principal import Principal
from phivault.access.purpose import Purpose, PurposeOfUse
from phivault.access.question import Asker, DataQuestion
from phivault.access.roles import Role
from phivault.errors import Unavailable
from phivault.phi.data_class import DataClass
from tests.support.people import TREATMENT, principal
from tests.support.tenant_policies import MemoryTenantPolicies

CLASSES = st.frozensets(st.sampled_from([name.value for name in DataClass]))
CONSENTS = st.builds(ConsentFacts, CLASSES, CLASSES, st.booleans())
PATIENTS = st.builds(
    PatientFacts,
    id=st.sampled_from(["p", "q", "self", "vip"]),
    tenant=st.sampled_from(["t", "t", "t", "u"]),
    in_care_team=st.booleans(),
    team_sees_sensitive=st.booleans(),
    delegated=CLASSES,
    granted=CLASSES,
    emergency=st.booleans(),
    restricted=st.booleans(),
    consent=CONSENTS,
    is_new=st.booleans(),
)
ASKED = st.builds(
    Asked[DataClass],
    st.sampled_from(["create", "read", "update", "delete", "search"]),
    st.sampled_from(["Patient", "Observation", "Consent", "Organization"]),
    st.none() | PATIENTS,
    st.lists(st.sampled_from(DataClass), max_size=6),
)
PERMIT = 'permit (principal, action in Action::"fhir", resource is PatientData) when '
TENANTS = {
    1: "",
    2: PERMIT + '{ resource.patient == Patient::"vip" };',
    3: PERMIT + '{ principal in CareTeam::"p" };',
    4: 'forbid (principal, action, resource) when { resource.type == "Observation" };',
    5: PERMIT + "{ principal has self && principal.self has restricted && !principal.self.restricted };",
}
DECIDER = Decider(tenants=MemoryTenantPolicies({("t", number): text for number, text in TENANTS.items()}))
SETS = {number: PolicySet.from_str(policy_text() + text) for number, text in TENANTS.items()}


def alone(who: Principal, purpose: Purpose, one: Asked[DataClass], project: bool) -> frozenset[DataClass]:
    """The same from Cedar itself, by the patient's own id and one question at a time."""
    classes = tuple(sorted(set(one.classes)))
    if not classes:
        return frozenset()
    asker = Asker(who.user_id, who.tenant, str(who.role), who.patient_id or "", mfa=True)
    question = DataQuestion(
        asker, str(purpose.of_use), one.action, one.resource_type, one.patient, classes, project, who.policies
    )
    results = is_authorized_batch(question.requests(), SETS[who.policies], question.entities(), schema())
    if any(result.diagnostics.errors for result in results):
        return frozenset()
    return frozenset(name for name, result in zip(classes, results, strict=True) if result.allowed)


@settings(max_examples=150, deadline=None)
@given(
    role=st.sampled_from(Role),
    of_use=st.sampled_from(PurposeOfUse),
    asked=st.lists(ASKED, max_size=8),
    version=st.sampled_from(list(TENANTS)),
    project=st.booleans(),
)
def test_decided_together_and_from_memory_as_alone(
    role: Role, of_use: PurposeOfUse, asked: list[Asked[DataClass]], version: int, project: bool
) -> None:
    who = principal(role, policies=version, patient_id="self" if role is Role.PATIENT else None)
    purpose = Purpose(of_use, asserted=True)
    expected = [alone(who, purpose, one, project) for one in asked]
    assert DECIDER.granted_all(who, purpose, asked, project=project) == expected
    assert DECIDER.granted_all(who, purpose, asked, project=project) == expected


def test_our_own_policies_reach_for_nobody() -> None:
    assert not reaches_for_others(policy_text())


@pytest.mark.parametrize(
    ("condition", "reaches"),
    [
        ("true", False),
        ('principal == User::"x"', False),
        ("resource.patient.restricted", False),
        ("principal has self && principal.self == resource.patient", False),
        ('resource.patient == Patient::"x"', True),
        ('resource.patient == Patient // a comment\n :: "x"', True),
        ('[Patient::"x", Patient::"y"].contains(resource.patient)', True),
        ('principal in CareTeam::"x"', True),
        ('resource == PatientData::"x"', True),
        ('resource in [TenantData::"x"]', True),
        ("principal has self && principal.self.restricted", True),
        ("principal has self && principal.self has restricted", True),
    ],
)
def test_who_reaches_for_others_is_asked_apart(condition: str, reaches: bool) -> None:
    assert reaches_for_others(f"permit (principal, action, resource) when {{ {condition} }};") is reaches


@pytest.mark.parametrize(
    "scope", ['principal in CareTeam::"x", action, resource', 'principal, action, resource == PatientData::"x"']
)
def test_a_scope_may_reach_too(scope: str) -> None:
    assert reaches_for_others(f"permit ({scope});")


def test_a_patient_whom_a_tenants_policy_names_is_known_by_their_id() -> None:
    who = principal(Role.CLINICIAN, policies=2)
    ask = [Asked("read", "Observation", PatientFacts(id, "t"), [DataClass.CLINICAL]) for id in ("p", "vip", "q")]
    assert DECIDER.granted_all(who, TREATMENT, ask) == [frozenset(), {DataClass.CLINICAL}, frozenset()]


def test_a_membership_that_a_tenants_policy_names_shows_no_other_patient_and_ends() -> None:
    who = principal(Role.CARE_COORDINATOR, policies=3)
    member, other = PatientFacts("p", "t", in_care_team=True), PatientFacts("q", "t", in_care_team=True)
    ask = [Asked("update", "Observation", facts, [DataClass.CLINICAL]) for facts in (member, other)]
    assert DECIDER.granted_all(who, TREATMENT, ask) == [{DataClass.CLINICAL}, frozenset()]
    ended = [replace(ask[0], patient=replace(member, in_care_team=False)), ask[1]]
    assert DECIDER.granted_all(who, TREATMENT, ended) == [frozenset(), frozenset()]


def test_policies_that_cannot_be_read_are_no_denial_but_unavailable() -> None:
    with pytest.raises(Unavailable):
        DECIDER.granted(principal(Role.CLINICIAN, policies=99), TREATMENT, "read", "Patient", None, DataClass)


def test_policies_that_nobody_can_parse_or_read_deny() -> None:
    broken = Decider(tenants=MemoryTenantPolicies({("t", 1): "permit (principal"}))
    member = PatientFacts("p", "t", in_care_team=True)
    for decider in (broken, Decider()):
        who = principal(Role.CLINICIAN, policies=1)
        assert decider.granted(who, TREATMENT, "read", "Patient", member, DataClass) == frozenset()
