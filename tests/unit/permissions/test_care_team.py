"""Care teams: who changes them, what strangers learn, and that a change holds at once."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from phivault.access.principal import Principal
from phivault.access.purpose import PurposeOfUse
from phivault.access.roles import Role
from phivault.adapters.access_state_table import TABLE
from phivault.audit.event import Action, RiskLevel
from phivault.errors import AccessDenied, Conflict, NotFound, PhivaultError, SignInAgain, Unavailable
from phivault.permissions.care_team_join import CareTeamMember, join_care_team
from phivault.permissions.care_team_leave import leave_care_team
from phivault.permissions.care_team_show import show_care_team
from phivault.phi.data_class import DataClass
from tests.support.ward import NORTH, SOUTH, Ward

PLAIN, SENSITIVE = CareTeamMember(sensitive=False), CareTeamMember(sensitive=True)


@pytest.fixture
def ward(new_table: Callable[[dict[str, Any]], str]) -> Ward:
    return Ward(new_table(TABLE))


@pytest.fixture
def doctor(ward: Ward) -> Principal:
    return ward.user(Role.CLINICIAN)


@pytest.fixture
def patient(ward: Ward, doctor: Principal) -> str:
    """In whose care team the doctor is."""
    id = ward.patient()
    ward.team(id, doctor)
    return id


def members(ward: Ward, patient: str, asker: Principal) -> dict[str, bool]:
    shown = show_care_team(ward.call(asker), patient)
    return {member["user_id"]: member["sensitive"] for member in shown["members"]}


def test_a_member_adds_a_colleague_and_it_holds_at_once(ward: Ward, doctor: Principal, patient: str) -> None:
    nurse = ward.user(Role.CLINICIAN)
    assert ward.sees(nurse, patient, PurposeOfUse.TREATMENT) == set()
    made = join_care_team(ward.call(doctor), patient, nurse.user_id, PLAIN)
    assert (made.role, made.by, made.sensitive) == (Role.CLINICIAN, doctor.user_id, False)
    assert ward.sees(nurse, patient, PurposeOfUse.TREATMENT) == set(DataClass) - {DataClass.SENSITIVE}
    assert patient in ward.permissions.facts.patients_of(nurse)
    leave_care_team(ward.call(doctor), patient, nurse.user_id)
    assert ward.sees(nurse, patient, PurposeOfUse.TREATMENT) == set()
    joined, left = ward.events()
    assert (joined.action, joined.patient, joined.resource) == (Action.CARE_TEAM_JOIN, patient, "CareTeam")
    assert f"for:{nurse.user_id}" in joined.flags
    assert "sensitive" not in joined.flags
    assert (left.action, left.success, left.risk) == (Action.CARE_TEAM_LEAVE, True, RiskLevel.MEDIUM)


def test_a_membership_is_changed_and_keeps_since_when(ward: Ward, doctor: Principal, patient: str) -> None:
    nurse = ward.user(Role.CLINICIAN)
    first = join_care_team(ward.call(doctor), patient, nurse.user_id, SENSITIVE)
    assert DataClass.SENSITIVE in ward.sees(nurse, patient, PurposeOfUse.TREATMENT)
    assert "sensitive" in ward.events(Action.CARE_TEAM_JOIN)[0].flags
    ward.time += 60
    second = join_care_team(ward.call(doctor), patient, nurse.user_id, PLAIN)
    assert (second.since, second.sensitive) == (first.since, False)
    assert DataClass.SENSITIVE not in ward.sees(nurse, patient, PurposeOfUse.TREATMENT)
    assert members(ward, patient, doctor) == {doctor.user_id: True, nurse.user_id: False}


@pytest.mark.parametrize("role", [Role.CARE_COORDINATOR, Role.PRIVACY_OFFICER])
def test_who_keeps_teams_of_any_patient_adds_others_and_never_themself(ward: Ward, patient: str, role: Role) -> None:
    keeper, nurse = ward.user(role), ward.user(Role.CLINICIAN)
    with pytest.raises(AccessDenied):
        join_care_team(ward.call(keeper), patient, keeper.user_id, PLAIN)
    join_care_team(ward.call(keeper), patient, nurse.user_id, PLAIN)
    assert nurse.user_id in members(ward, patient, keeper)
    refused = ward.events(Action.CARE_TEAM_JOIN)[0]
    assert (refused.error, refused.risk, refused.patient) == ("denied", RiskLevel.HIGH, patient)


def test_the_sensitive_class_is_given_by_who_has_it_or_a_privacy_officer(
    ward: Ward, doctor: Principal, patient: str
) -> None:
    coordinator, nurse, other = ward.user(Role.CARE_COORDINATOR), ward.user(Role.CLINICIAN), ward.user(Role.CLINICIAN)
    join_care_team(ward.call(doctor), patient, nurse.user_id, PLAIN)
    for who in (nurse, coordinator):
        with pytest.raises(AccessDenied):
            join_care_team(ward.call(who), patient, other.user_id, SENSITIVE)
    assert other.user_id not in members(ward, patient, doctor)
    join_care_team(ward.call(ward.user(Role.PRIVACY_OFFICER)), patient, other.user_id, SENSITIVE)
    join_care_team(ward.call(other), patient, nurse.user_id, SENSITIVE)
    assert members(ward, patient, doctor) == dict.fromkeys((doctor.user_id, nurse.user_id, other.user_id), True)


def test_a_member_gives_themself_nothing(ward: Ward, doctor: Principal, patient: str) -> None:
    nurse = ward.user(Role.CLINICIAN)
    join_care_team(ward.call(doctor), patient, nurse.user_id, PLAIN)
    for asked in (PLAIN, SENSITIVE):
        with pytest.raises(AccessDenied):
            join_care_team(ward.call(nurse), patient, nurse.user_id, asked)
    assert members(ward, patient, doctor)[nurse.user_id] is False


def test_to_a_stranger_a_patient_is_as_unknown_as_nobody(ward: Ward, doctor: Principal, patient: str) -> None:
    stranger, far = ward.user(Role.CLINICIAN), ward.user(Role.CLINICIAN, SOUTH)
    told = set()
    for who in (stranger, far):
        for place in (patient, str(uuid.uuid4()), "Bobby Tables"):
            for verb in (
                lambda c, p: show_care_team(c, p),
                lambda c, p: join_care_team(c, p, c.principal.user_id, PLAIN),
                lambda c, p: leave_care_team(c, p, doctor.user_id),
            ):
                with pytest.raises(PhivaultError) as refusal:
                    verb(ward.call(who), place)
                told.add((refusal.value.status, refusal.value.detail))
    assert told == {(404, "There is no such patient")}
    assert members(ward, patient, doctor) == {doctor.user_id: True}
    assert "Bobby" not in str(ward.events())


def test_who_sees_the_patient_otherwise_may_look_and_not_change(ward: Ward, doctor: Principal, patient: str) -> None:
    stranger = ward.user(Role.CLINICIAN)
    ward.break_glass(stranger, patient)
    assert members(ward, patient, stranger) == {doctor.user_id: True}
    with pytest.raises(AccessDenied):
        join_care_team(ward.call(stranger), patient, stranger.user_id, PLAIN)


def test_only_active_clinicians_and_coordinators_stand_in_a_team(ward: Ward, doctor: Principal, patient: str) -> None:
    for role in set(Role) - {Role.CLINICIAN, Role.CARE_COORDINATOR}:
        with pytest.raises(Conflict):
            join_care_team(ward.call(doctor), patient, ward.user(role).user_id, PLAIN)
    suspended = ward.user(Role.CLINICIAN)
    del ward.users.known[NORTH, suspended.user_id]
    for nobody in (suspended.user_id, ward.user(Role.CLINICIAN, SOUTH).user_id, str(uuid.uuid4()), "x#USER#y"):
        with pytest.raises(NotFound):
            join_care_team(ward.call(doctor), patient, nobody, PLAIN)
    assert members(ward, patient, doctor) == {doctor.user_id: True}


def test_one_may_leave_also_as_the_last(ward: Ward, doctor: Principal, patient: str) -> None:
    leave_care_team(ward.call(doctor), patient, doctor.user_id)
    assert ward.sees(doctor, patient, PurposeOfUse.TREATMENT) == set()
    coordinator = ward.user(Role.CARE_COORDINATOR)
    assert members(ward, patient, coordinator) == {}
    with pytest.raises(NotFound):
        leave_care_team(ward.call(coordinator), patient, doctor.user_id)


def test_who_was_suspended_can_be_taken_out(ward: Ward, doctor: Principal, patient: str) -> None:
    nurse = ward.user(Role.CLINICIAN)
    join_care_team(ward.call(doctor), patient, nurse.user_id, PLAIN)
    del ward.users.known[NORTH, nurse.user_id]
    leave_care_team(ward.call(doctor), patient, nurse.user_id)
    assert members(ward, patient, doctor) == {doctor.user_id: True}


def test_patients_see_their_own_team_and_no_other(ward: Ward, doctor: Principal, patient: str) -> None:
    themself = ward.user(Role.PATIENT, patient_id=patient)
    assert members(ward, patient, themself) == {doctor.user_id: True}
    for who in (ward.user(Role.PATIENT, patient_id=ward.patient()), ward.user(Role.PATIENT)):
        with pytest.raises(NotFound):
            show_care_team(ward.call(who), patient)
    with pytest.raises(AccessDenied):
        leave_care_team(ward.call(themself), patient, doctor.user_id)


@pytest.mark.parametrize(
    "role", sorted(set(Role) - {Role.CLINICIAN, Role.CARE_COORDINATOR, Role.PRIVACY_OFFICER, Role.PATIENT})
)
def test_other_roles_neither_see_nor_change_one(ward: Ward, doctor: Principal, patient: str, role: Role) -> None:
    who = ward.user(role)
    for verb in (
        lambda: show_care_team(ward.call(who), patient),
        lambda: join_care_team(ward.call(who), patient, doctor.user_id, PLAIN),
        lambda: leave_care_team(ward.call(who), patient, doctor.user_id),
    ):
        with pytest.raises(AccessDenied):
            verb()
    assert [event.success for event in ward.events()] == [False] * 3


def test_a_change_needs_a_recent_sign_in_and_a_look_does_not(ward: Ward, doctor: Principal, patient: str) -> None:
    assert show_care_team(ward.stale(doctor), patient)
    with pytest.raises(SignInAgain):
        join_care_team(ward.stale(doctor), patient, ward.user(Role.CLINICIAN).user_id, PLAIN)


def test_nothing_changes_that_was_not_recorded(ward: Ward, doctor: Principal, patient: str) -> None:
    nurse = ward.user(Role.CLINICIAN)
    ward.locked.failures = [Unavailable("down")] * 9
    for verb in (
        lambda: join_care_team(ward.call(doctor), patient, nurse.user_id, PLAIN),
        lambda: leave_care_team(ward.call(doctor), patient, doctor.user_id),
        lambda: show_care_team(ward.call(doctor), patient),
    ):
        with pytest.raises(Unavailable):
            verb()
    ward.locked.failures = []
    assert members(ward, patient, doctor) == {doctor.user_id: True}
