"""A principal of one tenant reaches for what belongs to another."""

from __future__ import annotations

from collections.abc import Callable

import pytest
from cedarpy import is_authorized_batch

from phivault.access.facts import PatientFacts
from phivault.access.policy_files import policies, schema
from phivault.access.purpose import Purpose, PurposeOfUse
from phivault.access.question import ApplicationQuestion, Asker
from phivault.access.roles import Role
from phivault.adapters.dynamodb_facts import DynamoFacts
from phivault.errors import InvalidInput
from tests.support.people import TREATMENT, principal

type Granted = Callable[..., set[tuple[str, str]]]


@pytest.mark.parametrize("role", list(Role))
@pytest.mark.parametrize("of_use", list(PurposeOfUse))
def test_no_role_reaches_another_tenants_patient(granted: Granted, role: Role, of_use: PurposeOfUse) -> None:
    who = principal(role, patient_id="p")
    for foreign in (
        PatientFacts("p", "u", in_care_team=True),
        PatientFacts("p", "u", is_new=True),
    ):
        assert granted(who, Purpose(of_use, asserted=True), foreign) == set()


@pytest.mark.parametrize("tenant", ["T", "t ", " t", "t\x00", "t/", 't"', "Tenant::t", "ｔ"])
def test_a_tenant_that_looks_alike_is_another(granted: Granted, tenant: str) -> None:
    assert granted(principal(Role.CLINICIAN), TREATMENT, PatientFacts("p", tenant, in_care_team=True)) == set()


def test_no_tenant_matches_no_tenant(granted: Granted) -> None:
    nowhere = principal(Role.CLINICIAN, tenant="")
    assert granted(nowhere, TREATMENT, PatientFacts("p", "", in_care_team=True)) == set()
    assert granted(nowhere, TREATMENT, None) == set()


@pytest.mark.parametrize("action", ["audit:search", "audit:proof", "audit:checkpoint", "audit:export", "me:read"])
def test_the_policies_keep_an_auditor_in_their_tenant(action: str) -> None:
    """The decider asks about no other tenant; should it ever, the policies say no."""
    question = ApplicationQuestion(Asker("user", "t", "auditor", "", mfa=True), action, recent=True)
    [request] = question.requests()
    asked = [request, request | {"resource": {"type": "Tenant", "id": "u"}}]
    own, foreign = is_authorized_batch(asked, policies(), question.entities(), schema())
    assert own.allowed
    assert not foreign.allowed
    assert foreign.diagnostics.errors == []


@pytest.mark.parametrize(
    ("tenant", "patient", "user"),
    [("t#P#x", "p", "u"), ("t", "x#P#p", "u"), ("t", "p", "u#v"), ("", "p", "u"), ("t", "", "u"), ("t", "p", "")],
)
def test_ids_that_spell_another_tenants_row_are_refused(tenant: str, patient: str, user: str) -> None:
    who = principal(Role.CLINICIAN, tenant=tenant, user_id=user)
    with pytest.raises(InvalidInput):
        DynamoFacts("never-called").load(who, TREATMENT, [patient])
    with pytest.raises(InvalidInput):
        DynamoFacts("never-called").join_care_team(tenant, patient, user, Role.CLINICIAN)
