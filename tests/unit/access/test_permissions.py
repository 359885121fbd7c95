from __future__ import annotations

import itertools
import time

import pytest

from phivault.access.decide import Decider
from phivault.access.facts import PatientFacts
from phivault.access.purpose import PurposeOfUse
from phivault.access.roles import Role
from phivault.errors import AccessDenied, SignInAgain
from phivault.phi.data_class import DataClass
from tests.support.people import OPERATIONS, TREATMENT, principal
from tests.unit.access.permission_table import ACTIONS, RELATIONS, Cell, documented, granted, table

ADMINISTRATIVE, DEIDENTIFIED, CONTACT, IDENTIFYING, CLINICAL, _ = DataClass
WHO_IT_IS = {ADMINISTRATIVE, IDENTIFYING, CONTACT}
CARE = {PurposeOfUse.TREATMENT, PurposeOfUse.OPERATIONS}
ABOUT_A_PATIENT = set(RELATIONS) - {"directory"}


def clinician(cell: Cell) -> bool:
    treats = cell.purpose is PurposeOfUse.TREATMENT and (
        cell.relation == "care team" or (cell.relation == "new patient" and cell.action == "create")
    )
    return treats or keeps_the_directory(cell)


def care_coordinator(cell: Cell) -> bool:
    if cell.purpose not in CARE:
        return False
    organizes = (
        cell.relation in ABOUT_A_PATIENT
        and cell.data_class in WHO_IT_IS
        and cell.action in {"read", "search", "update"}
    )
    reads = cell.relation == "care team" and cell.data_class in {CLINICAL, DEIDENTIFIED} and cell.action == "read"
    return organizes or reads or keeps_the_directory(cell)


def keeps_the_directory(cell: Cell) -> bool:
    return (
        cell.relation == "directory"
        and cell.purpose in CARE
        and cell.data_class in WHO_IT_IS
        and cell.action != "delete"
    )


def patient(cell: Cell) -> bool:
    return (
        cell.purpose is PurposeOfUse.PATIENT_REQUEST
        and cell.relation == "their own"
        and cell.action in {"read", "search"}
    )


def researcher(cell: Cell) -> bool:
    return (
        cell.purpose is PurposeOfUse.RESEARCH
        and cell.relation in ABOUT_A_PATIENT
        and cell.data_class is DEIDENTIFIED
        and cell.action in {"read", "search"}
    )


def privacy_officer(cell: Cell) -> bool:
    return (
        cell.purpose is PurposeOfUse.OPERATIONS
        and cell.relation in ABOUT_A_PATIENT
        and cell.data_class in WHO_IT_IS
        and cell.action in {"read", "search"}
    )


BASELINE = {
    Role.CLINICIAN: clinician,
    Role.CARE_COORDINATOR: care_coordinator,
    Role.PATIENT: patient,
    Role.RESEARCHER: researcher,
    Role.PRIVACY_OFFICER: privacy_officer,
}


@pytest.fixture(scope="module")
def cells() -> frozenset[Cell]:
    return frozenset(granted(Decider()))


def test_every_cell_is_granted_as_the_baseline_says(cells: frozenset[Cell]) -> None:
    every = (Cell(*parts) for parts in itertools.product(Role, PurposeOfUse, RELATIONS, DataClass, ACTIONS))
    expected = {cell for cell in every if cell.role in BASELINE and BASELINE[cell.role](cell)}
    assert cells ^ expected == set()


def test_the_document_shows_what_the_policies_grant(cells: frozenset[Cell]) -> None:
    assert table(cells) == documented(), "run: python -m tests.unit.access.permission_table"


@pytest.mark.parametrize("resource_type", ["Patient", "RelatedPerson", "Consent", "Unheard"])
def test_the_type_of_a_patients_resource_changes_nothing(resource_type: str) -> None:
    facts = PatientFacts("p", "t", in_care_team=True)
    given = Decider().granted(principal(Role.CLINICIAN), TREATMENT, "read", resource_type, facts, DataClass)
    assert given == frozenset(DataClass)


@pytest.mark.parametrize("resource_type", ["Observation", "Patient", "Unheard", ""])
@pytest.mark.parametrize("role", list(Role))
def test_a_patients_resource_without_its_patient_is_closed_to_all(resource_type: str, role: Role) -> None:
    for purpose in (TREATMENT, OPERATIONS):
        assert not Decider().granted(principal(role), purpose, "read", resource_type, None, DataClass)


@pytest.mark.parametrize(
    ("action", "roles"),
    [
        ("me:read", set(Role)),
        ("audit:search", {Role.AUDITOR, Role.SECURITY_OFFICER, Role.PRIVACY_OFFICER}),
        ("audit:proof", {Role.AUDITOR, Role.SECURITY_OFFICER, Role.PRIVACY_OFFICER}),
        ("audit:checkpoint", {Role.AUDITOR, Role.SECURITY_OFFICER, Role.PRIVACY_OFFICER}),
        ("audit:export", {Role.AUDITOR, Role.SECURITY_OFFICER, Role.PRIVACY_OFFICER}),
        ("audit:open", {Role.SECURITY_OFFICER, Role.PRIVACY_OFFICER}),
        ("me:mfa-change", set(Role)),
        ("admin:users", {Role.TENANT_ADMIN, Role.SECURITY_OFFICER}),
        ("admin:users-change", {Role.TENANT_ADMIN}),
        ("admin:users-export", {Role.TENANT_ADMIN}),
        ("admin:sessions-end", {Role.TENANT_ADMIN, Role.SECURITY_OFFICER}),
        ("admin:mfa-reset", {Role.TENANT_ADMIN, Role.SECURITY_OFFICER}),
        ("admin:settings", {Role.TENANT_ADMIN}),
        ("admin:settings-change", {Role.TENANT_ADMIN}),
        ("admin:unheard-of", set()),
        ("read", set()),
        ("", set()),
    ],
)
def test_actions_beyond_fhir(action: str, roles: set[Role]) -> None:
    decider, now = Decider(), int(time.time())
    assert {role for role in Role if decider.permits(principal(role, auth_time=now), action)} == roles


@pytest.mark.parametrize("action", ["audit:export", "audit:open"])
@pytest.mark.parametrize(("age", "recent"), [(0, True), (295, True), (-30, True), (305, False), (-90, False)])
def test_what_is_sensitive_needs_a_recent_sign_in(action: str, age: int, recent: bool) -> None:
    decider, who = Decider(), principal(Role.PRIVACY_OFFICER, auth_time=int(time.time()) - age)
    assert decider.permits(who, action) is recent
    assert decider.permits(who, "audit:search")


def test_a_refusal_says_whether_a_new_sign_in_would_help() -> None:
    decider, now = Decider(), int(time.time())
    decider.require(principal(Role.AUDITOR, auth_time=now), "audit:export", "no")
    with pytest.raises(SignInAgain, match="sign in again"):
        decider.require(principal(Role.AUDITOR, auth_time=now - 400), "audit:export", "no")
    for age in (0, 400):
        with pytest.raises(AccessDenied, match=r"^no$"):
            decider.require(principal(Role.AUDITOR, auth_time=now - age), "audit:open", "no")
