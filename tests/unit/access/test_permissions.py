from __future__ import annotations

import itertools
import time

import pytest

from phivault.access.decide import Decider
from phivault.access.facts import PatientFacts
from phivault.access.policy_files import application_actions
from phivault.access.purpose import PurposeOfUse
from phivault.access.roles import Role
from phivault.errors import AccessDenied, SignInAgain
from phivault.phi.data_class import DataClass
from tests.support.people import OPERATIONS, TREATMENT, principal
from tests.unit.access.permission_table import (
    ACTIONS,
    RELATIONS,
    Cell,
    document,
    documented,
    granted,
)

ADMINISTRATIVE, DEIDENTIFIED, CONTACT, IDENTIFYING, CLINICAL, SENSITIVE = DataClass
WHO_IT_IS = {ADMINISTRATIVE, IDENTIFYING, CONTACT}
CARE = {PurposeOfUse.TREATMENT, PurposeOfUse.OPERATIONS}
LOOKS = {"read", "search"}
OWN = {"their own record", "their own record, restricted", "a Consent of their own"}
TEAM = {relation for relation in RELATIONS if "care team" in relation}
OPEN_TEAM = {relation for relation in TEAM if "sensitive class" in relation or "withholds" in relation}
RESTRICTED = {relation for relation in RELATIONS if "restricted" in relation}
WITHHELD = {relation for relation in RELATIONS if "withholds clinical" in relation}
HELD_BACK = "a Consent, another withholds everything"
CONSENTS = {relation for relation, about in RELATIONS.items() if about.type == "Consent"}
GLASS = {relation for relation in RELATIONS if relation.startswith("broken glass")}
NAMED = {
    "grant of clinical": CLINICAL,
    "grant of sensitive": SENSITIVE,
    "a consent releases clinical to them": CLINICAL,
    "a consent releases sensitive to them": SENSITIVE,
    "restricted, a consent releases clinical to them": CLINICAL,
}
DELEGATED = {"delegate for clinical": CLINICAL, "delegate for sensitive": SENSITIVE}


def clinician(cell: Cell) -> bool:
    treats = cell.purpose is PurposeOfUse.TREATMENT and (
        (cell.relation in TEAM - RESTRICTED and (cell.data_class is not SENSITIVE or sees_sensitive(cell)))
        or (cell.relation == "new patient" and cell.action == "create")
    )
    return (treats and not keeps_consents(cell)) or keeps_the_directory(cell) or breaks_glass(cell) or was_named(cell)


def sees_sensitive(cell: Cell) -> bool:
    return cell.relation in OPEN_TEAM or cell.action == "create"


def care_coordinator(cell: Cell) -> bool:
    cares = cell.purpose in CARE and cell.relation not in RESTRICTED | {"directory"}
    organizes = cell.data_class in WHO_IT_IS and cell.action in {"read", "search", "update"}
    reads = cell.relation in TEAM and cell.data_class in {CLINICAL, DEIDENTIFIED} and cell.action == "read"
    return (
        (cares and (organizes or reads) and not keeps_consents(cell))
        or keeps_the_directory(cell)
        or breaks_glass(cell)
        or was_named(cell)
    )


def keeps_the_directory(cell: Cell) -> bool:
    return (
        cell.relation == "directory"
        and cell.purpose in CARE
        and cell.data_class in WHO_IT_IS
        and cell.action != "delete"
    )


def keeps_consents(cell: Cell) -> bool:
    """What care staff may not, in whose hands ever."""
    return cell.relation in CONSENTS and cell.action not in LOOKS


def breaks_glass(cell: Cell) -> bool:
    return cell.relation in GLASS and cell.purpose is PurposeOfUse.EMERGENCY and cell.action in {"create", *LOOKS}


def was_named(cell: Cell) -> bool:
    """By a grant or a consent: for any purpose but those that ask for more than a name."""
    asked = cell.purpose not in {PurposeOfUse.EMERGENCY, PurposeOfUse.PATIENT_REQUEST}
    return asked and NAMED.get(cell.relation) is cell.data_class and cell.action in LOOKS


def patient(cell: Cell) -> bool:
    if cell.purpose is not PurposeOfUse.PATIENT_REQUEST:
        return False
    own = cell.relation in OWN and (cell.action in LOOKS or cell.relation == "a Consent of their own")
    return own or (DELEGATED.get(cell.relation) is cell.data_class and cell.action in LOOKS)


def researcher(cell: Cell) -> bool:
    return (
        cell.purpose is PurposeOfUse.RESEARCH
        and cell.relation == "approved project"
        and cell.data_class is DEIDENTIFIED
        and cell.action in LOOKS
    )


def privacy_officer(cell: Cell) -> bool:
    if cell.purpose is PurposeOfUse.OPERATIONS and cell.relation != "directory":
        if cell.relation in CONSENTS and cell.action != "delete":
            return True
        if cell.data_class in WHO_IT_IS and cell.action in LOOKS:
            return True
    return was_named(cell)


BASELINE = {
    Role.CLINICIAN: clinician,
    Role.CARE_COORDINATOR: care_coordinator,
    Role.PATIENT: patient,
    Role.RESEARCHER: researcher,
    Role.PRIVACY_OFFICER: privacy_officer,
}


def expected(cell: Cell) -> bool:
    withheld = cell.action != "create" and (
        (cell.relation in WITHHELD and cell.data_class is CLINICAL)
        or (cell.relation == HELD_BACK and cell.role is not Role.PRIVACY_OFFICER)
    )
    return not withheld and cell.role in BASELINE and BASELINE[cell.role](cell)


@pytest.fixture(scope="module")
def cells() -> frozenset[Cell]:
    return frozenset(granted(Decider()))


def test_every_cell_is_granted_as_the_baseline_says(cells: frozenset[Cell]) -> None:
    every = (Cell(*parts) for parts in itertools.product(Role, PurposeOfUse, RELATIONS, DataClass, ACTIONS))
    assert cells ^ {cell for cell in every if expected(cell)} == set()


def test_the_document_shows_what_the_policies_grant(cells: frozenset[Cell]) -> None:
    assert document(cells) == documented(), "run: python -m tests.unit.access.permission_table"


@pytest.mark.parametrize("resource_type", ["Patient", "RelatedPerson", "Consent", "Unheard"])
def test_the_type_of_a_patients_resource_changes_nothing(resource_type: str) -> None:
    facts = PatientFacts("p", "t", in_care_team=True, team_sees_sensitive=True)
    given = Decider().granted(principal(Role.CLINICIAN), TREATMENT, "read", resource_type, facts, DataClass)
    assert given == frozenset(DataClass)


@pytest.mark.parametrize("resource_type", ["Observation", "Patient", "Unheard", ""])
@pytest.mark.parametrize("role", list(Role))
def test_a_patients_resource_without_its_patient_is_closed_to_all(resource_type: str, role: Role) -> None:
    for purpose in (TREATMENT, OPERATIONS):
        assert not Decider().granted(principal(role), purpose, "read", resource_type, None, DataClass)


ADMIN, PRIVACY, SECURITY, AUDITOR = Role.TENANT_ADMIN, Role.PRIVACY_OFFICER, Role.SECURITY_OFFICER, Role.AUDITOR
CARE_STAFF = {Role.CLINICIAN, Role.CARE_COORDINATOR}
APPLICATION = {
    "me:read": set(Role),
    "me:mfa-change": set(Role),
    "audit:search": {AUDITOR, SECURITY, PRIVACY},
    "audit:proof": {AUDITOR, SECURITY, PRIVACY},
    "audit:checkpoint": {AUDITOR, SECURITY, PRIVACY},
    "audit:export": {AUDITOR, SECURITY, PRIVACY},
    "audit:open": {SECURITY, PRIVACY},
    "admin:users": {ADMIN, SECURITY, PRIVACY},
    "admin:users-change": {ADMIN},
    "admin:users-export": {ADMIN},
    "admin:users-approve": {ADMIN, SECURITY, PRIVACY},
    "admin:sessions-end": {ADMIN, SECURITY},
    "admin:mfa-reset": {ADMIN, SECURITY},
    "admin:settings": {ADMIN},
    "admin:settings-change": {ADMIN},
    "admin:policies": {ADMIN, PRIVACY, SECURITY, AUDITOR},
    "admin:policies-propose": {ADMIN, PRIVACY},
    "admin:policies-approve": {ADMIN, PRIVACY, SECURITY},
    "admin:grants": {ADMIN, PRIVACY, SECURITY, AUDITOR, Role.CARE_COORDINATOR},
    "admin:grants-propose": {PRIVACY, Role.CARE_COORDINATOR},
    "admin:grants-approve": {PRIVACY, SECURITY},
    "admin:grants-revoke": {ADMIN, PRIVACY, SECURITY, Role.CARE_COORDINATOR},
    "admin:explain": {ADMIN, PRIVACY, SECURITY, AUDITOR},
    "care-team:read": {*CARE_STAFF, PRIVACY, Role.PATIENT},
    "care-team:change": {*CARE_STAFF, PRIVACY},
    "restriction:read": {PRIVACY},
    "restriction:change": {PRIVACY},
    "break-glass:read": {*CARE_STAFF, PRIVACY, SECURITY},
    "break-glass:oversee": {PRIVACY, SECURITY},
    "break-glass:open": CARE_STAFF,
    "break-glass:end": {*CARE_STAFF, PRIVACY, SECURITY},
    "break-glass:review": {PRIVACY, SECURITY},
}
LASTING = {
    "me:read",
    "audit:search",
    "audit:proof",
    "audit:checkpoint",
    "admin:users",
    "admin:settings",
    "admin:policies",
    "admin:grants",
    "admin:explain",
    "care-team:read",
    "restriction:read",
    "break-glass:read",
    "break-glass:oversee",
}
"""What a sign-in of any age permits."""


def test_the_applications_actions_are_those_of_the_schema() -> None:
    assert set(APPLICATION) == set(application_actions())


@pytest.mark.parametrize("action", [*APPLICATION, "admin:unheard-of", "read", "fhir", "sensitive", ""])
def test_actions_beyond_fhir(action: str) -> None:
    decider, now = Decider(), int(time.time())
    roles = APPLICATION.get(action, set())
    assert {role for role in Role if decider.permits(principal(role, auth_time=now), action)} == roles
    assert {role for role in Role if decider.permits(principal(role, auth_time=now - 400), action)} == (
        roles if action in LASTING else set()
    )


@pytest.mark.parametrize("action", ["audit:export", "audit:open"])
@pytest.mark.parametrize(("age", "recent"), [(0, True), (295, True), (-30, True), (305, False), (-90, False)])
def test_what_is_sensitive_needs_a_recent_sign_in(action: str, age: int, recent: bool) -> None:
    decider, who = Decider(), principal(Role.PRIVACY_OFFICER, auth_time=int(time.time()) - age)
    assert decider.permits(who, action) is recent
    assert decider.permits(who, "audit:search")


def test_a_refusal_says_whether_a_new_sign_in_would_help() -> None:
    decider, now = Decider(), int(time.time())
    decider.require(principal(Role.AUDITOR, auth_time=now), "audit:export")
    with pytest.raises(SignInAgain, match="sign in again"):
        decider.require(principal(Role.AUDITOR, auth_time=now - 400), "audit:export")
    for age in (0, 400):
        with pytest.raises(
            AccessDenied, match=r"^The role auditor does not have the permission audit:open; who has it: "
        ):
            decider.require(principal(Role.AUDITOR, auth_time=now - age), "audit:open")


@pytest.mark.parametrize("action", application_actions())
@pytest.mark.parametrize("role", Role)
def test_a_refusal_names_the_permission_and_every_role_that_has_it(role: Role, action: str) -> None:
    decider, who, having = Decider(), principal(role, auth_time=int(time.time())), APPLICATION.get(action, set())
    assert set(decider.roles(action)) == having
    if role in having:
        decider.require(who, action)
        return
    with pytest.raises(AccessDenied) as caught:
        decider.require(who, action)
    said, _, names = caught.value.detail.partition("; who has it: ")
    assert said == f"The role {role} does not have the permission {action}"
    assert set(names.split(", ")) == having


def test_a_refusal_for_want_of_a_second_factor_blames_no_role() -> None:
    who = principal(Role.TENANT_ADMIN, auth_time=int(time.time()), mfa=False)
    with pytest.raises(AccessDenied, match=r"^The permission admin:users needs a session with a second factor$"):
        Decider().require(who, "admin:users")
