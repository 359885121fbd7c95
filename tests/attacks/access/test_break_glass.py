"""Somebody wants more of the emergency access procedure than one patient for an hour under another's eyes."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from typing import Any

import pytest

from phivault.access.principal import Principal
from phivault.access.purpose import PurposeOfUse
from phivault.access.roles import Role
from phivault.adapters.access_state_table import TABLE
from phivault.audit.event import Action
from phivault.errors import AccessDenied, Conflict, NotFound, PhivaultError
from phivault.permissions.break_glass.end_glass import end_glass
from phivault.permissions.break_glass.glass import Glass, Verdict
from phivault.permissions.break_glass.list_glasses import list_glasses
from phivault.permissions.break_glass.review_glass import ReviewGlass, review_glass
from phivault.permissions.break_glass.show_glass import show_glass
from tests.support.ward import HOUR, NORTH, SOUTH, Ward

EMERGENCY = PurposeOfUse.EMERGENCY
JUSTIFIED, UNJUSTIFIED = ReviewGlass(verdict=Verdict.JUSTIFIED), ReviewGlass(verdict=Verdict.UNJUSTIFIED)
DAYS = 24 * HOUR


@pytest.fixture
def ward(new_table: Callable[[dict[str, Any]], str]) -> Ward:
    return Ward(new_table(TABLE), time=1_800_000_000.0)


@pytest.fixture
def doctor(ward: Ward) -> Principal:
    return ward.user(Role.CLINICIAN)


@pytest.fixture
def officer(ward: Ward) -> Principal:
    return ward.user(Role.PRIVACY_OFFICER)


def kept(ward: Ward, id: str) -> Glass:
    found = ward.permissions.glasses.glass(NORTH, id)
    assert found is not None
    return found


@pytest.mark.parametrize("verb", ["create", "read", "update", "delete", "search"])
def test_emergency_without_a_broken_glass_opens_nothing(ward: Ward, doctor: Principal, verb: str) -> None:
    patient = ward.patient()
    assert ward.sees(doctor, patient, EMERGENCY, verb) == set()
    ward.team(patient, doctor)  # not even to those who treat the patient
    assert ward.sees(doctor, patient, EMERGENCY, verb) == set()


def test_one_patients_glass_opens_no_other_patient(ward: Ward, doctor: Principal) -> None:
    ward.break_glass(doctor, ward.patient())
    assert ward.sees(doctor, ward.patient(), EMERGENCY) == set()


def test_one_users_glass_opens_nothing_for_another(ward: Ward, doctor: Principal) -> None:
    patient = ward.patient()
    ward.break_glass(doctor, patient)
    for role in Role:
        assert ward.sees(ward.user(role), patient, EMERGENCY) == set()
    namesake = replace(doctor, tenant=SOUTH)
    assert ward.sees(namesake, patient, EMERGENCY) == set()


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.CLINICIAN, Role.CARE_COORDINATOR}))
def test_who_changed_roles_loses_what_they_opened(ward: Ward, doctor: Principal, role: Role) -> None:
    patient = ward.patient()
    ward.break_glass(doctor, patient)
    assert ward.sees(replace(doctor, role=role), patient, EMERGENCY) == set()


@pytest.mark.parametrize("of_use", sorted(set(PurposeOfUse) - {EMERGENCY}))
def test_it_serves_no_other_purpose(ward: Ward, doctor: Principal, of_use: PurposeOfUse) -> None:
    patient = ward.patient()
    ward.break_glass(doctor, patient)
    assert ward.sees(doctor, patient, of_use) == set()


def test_after_its_end_and_after_its_hour_it_opens_nothing(ward: Ward, doctor: Principal) -> None:
    ended, over = ward.patient(), ward.patient()
    end_glass(ward.call(doctor), ward.break_glass(doctor, ended).id)
    ward.break_glass(doctor, over)
    assert (bool(ward.sees(doctor, ended, EMERGENCY)), bool(ward.sees(doctor, over, EMERGENCY))) == (False, True)
    ward.time += HOUR
    assert ward.sees(doctor, over, EMERGENCY) == set()


def test_nobody_reviews_their_own_whatever_role_they_have_by_then(ward: Ward, doctor: Principal) -> None:
    glass = ward.break_glass(doctor, ward.patient())
    end_glass(ward.call(doctor), glass.id)
    promoted = replace(doctor, role=Role.PRIVACY_OFFICER)
    for who in (doctor, promoted):
        with pytest.raises(AccessDenied):
            review_glass(ward.call(who), glass.id, JUSTIFIED)
    judged = replace(glass, verdict=Verdict.JUSTIFIED, reviewed=int(ward.time), reviewed_by=doctor.user_id)
    with pytest.raises(Conflict):  # nor past the verb
        ward.permissions.glasses.review(judged)
    assert kept(ward, glass.id).verdict is None
    assert [event.error for event in ward.events(Action.BREAK_GLASS_REVIEW)] == ["denied"] * 2


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.PRIVACY_OFFICER, Role.SECURITY_OFFICER}))
def test_colleagues_and_administrators_review_nothing(ward: Ward, doctor: Principal, role: Role) -> None:
    glass = ward.break_glass(doctor, ward.patient())
    end_glass(ward.call(doctor), glass.id)
    with pytest.raises(AccessDenied):
        review_glass(ward.call(ward.user(role)), glass.id, JUSTIFIED)
    assert kept(ward, glass.id).verdict is None


def test_an_active_one_is_not_reviewed(ward: Ward, doctor: Principal, officer: Principal) -> None:
    glass = ward.break_glass(doctor, ward.patient())
    with pytest.raises(Conflict):
        review_glass(ward.call(officer), glass.id, JUSTIFIED)
    judged = replace(glass, verdict=Verdict.JUSTIFIED, reviewed=int(ward.time), reviewed_by=officer.user_id)
    with pytest.raises(Conflict):  # nor past the verb
        ward.permissions.glasses.review(judged)
    assert kept(ward, glass.id).verdict is None


def test_a_verdict_stays(ward: Ward, doctor: Principal, officer: Principal) -> None:
    glass = ward.break_glass(doctor, ward.patient())
    end_glass(ward.call(doctor), glass.id)
    review_glass(ward.call(officer), glass.id, UNJUSTIFIED)
    for who in (officer, ward.user(Role.SECURITY_OFFICER)):
        with pytest.raises(Conflict):
            review_glass(ward.call(who), glass.id, JUSTIFIED)
    with pytest.raises(Conflict):
        ward.permissions.glasses.review(replace(kept(ward, glass.id), verdict=Verdict.JUSTIFIED, reviewed_by="x"))
    assert kept(ward, glass.id).verdict is Verdict.UNJUSTIFIED


def test_an_end_is_not_replayed_nor_undone(ward: Ward, doctor: Principal, officer: Principal) -> None:
    glass = ward.break_glass(doctor, ward.patient())
    ended = end_glass(ward.call(doctor), glass.id)
    ward.time += 60
    for who in (doctor, officer):
        with pytest.raises(Conflict):
            end_glass(ward.call(who), glass.id)
    with pytest.raises(Conflict):
        ward.permissions.glasses.end(replace(glass, ended=int(ward.time), ended_by=officer.user_id))
    with pytest.raises(Conflict):  # the same opening once more
        ward.permissions.glasses.open(glass, ward.permissions.glasses.openings(NORTH, doctor.user_id))
    assert kept(ward, glass.id) == ended
    assert ward.sees(doctor, glass.patient, EMERGENCY) == set()


def test_who_is_suspended_opens_nothing_old_or_new(ward: Ward, doctor: Principal, officer: Principal) -> None:
    first, patient = ward.break_glass(doctor, ward.patient()), ward.patient()
    ward.time += 3 * DAYS - 60
    ward.break_glass(doctor, patient)
    ward.time += 60
    assert ward.sees(doctor, patient, EMERGENCY) == set()
    for place in (ward.patient(), patient, str(uuid.uuid4())):  # and learns of no patient
        with pytest.raises(AccessDenied):
            ward.break_glass(doctor, place)
    with pytest.raises(AccessDenied):
        review_glass(ward.call(replace(doctor, role=Role.SECURITY_OFFICER)), first.id, JUSTIFIED)
    review_glass(ward.call(officer), first.id, JUSTIFIED)
    assert ward.sees(doctor, patient, EMERGENCY) != set()


def test_ending_early_does_not_put_the_review_off(ward: Ward, doctor: Principal) -> None:
    end_glass(ward.call(doctor), ward.break_glass(doctor, ward.patient()).id)
    ward.time += 3 * DAYS
    with pytest.raises(AccessDenied):
        ward.break_glass(doctor, ward.patient())


def test_others_and_other_tenants_learn_nothing_of_a_glass(ward: Ward, doctor: Principal) -> None:
    glass = ward.break_glass(doctor, ward.patient())
    strangers = [
        ward.user(Role.CLINICIAN),
        *(ward.user(role, SOUTH) for role in (Role.CLINICIAN, Role.PRIVACY_OFFICER)),
    ]
    told = set()
    for who in strangers:
        assert list_glasses(ward.call(who), {})["break_glass"] == []
        assert list_glasses(ward.call(who), {"cursor": glass.id})["break_glass"] == []
        for id in (glass.id, str(uuid.uuid4()), "../" + glass.id, f"{glass.id}#", ""):
            for verb in (show_glass, end_glass):
                with pytest.raises(NotFound) as refusal:
                    verb(ward.call(who), id)
                told.add(refusal.value.detail)
    with pytest.raises(NotFound):
        review_glass(ward.call(ward.user(Role.SECURITY_OFFICER, SOUTH)), glass.id, JUSTIFIED)
    assert told == {"There is no such broken glass"}
    assert ward.sees(doctor, glass.patient, EMERGENCY) != set()


def test_of_openings_at_once_for_one_patient_one_wins(ward: Ward, doctor: Principal) -> None:
    patient = ward.patient()
    outcomes = at_once(lambda _: ward.break_glass(doctor, patient), 6)
    assert sorted(type(one).__name__ for one in outcomes) == ["Conflict"] * 5 + ["Glass"]
    assert len(list_glasses(ward.call(doctor), {})["break_glass"]) == 1
    assert ward.permissions.glasses.openings(NORTH, doctor.user_id).active(ward.time) == 1


def test_openings_at_once_for_many_patients_never_pass_three(ward: Ward, doctor: Principal) -> None:
    patients = [ward.patient() for _ in range(8)]
    for _ in range(3):
        at_once(lambda number: ward.break_glass(doctor, patients[number]), len(patients))
    assert sum(bool(ward.sees(doctor, patient, EMERGENCY)) for patient in patients) == 3


def test_of_verdicts_at_once_one_stands(ward: Ward, doctor: Principal) -> None:
    glass = ward.break_glass(doctor, ward.patient())
    end_glass(ward.call(doctor), glass.id)
    officers = [ward.user(Role.PRIVACY_OFFICER) for _ in range(4)]
    verdicts = [JUSTIFIED, UNJUSTIFIED] * 2
    outcomes = at_once(lambda n: review_glass(ward.call(officers[n]), glass.id, verdicts[n]), 4)
    (judged,) = [one for one in outcomes if isinstance(one, Glass)]
    assert kept(ward, glass.id).reviewed_by == judged.reviewed_by
    assert kept(ward, glass.id).verdict is judged.verdict


def at_once(call: Callable[[int], Glass], times: int) -> list[Glass | PhivaultError]:
    def one(number: int) -> Glass | PhivaultError:
        try:
            return call(number)
        except PhivaultError as error:
            return error

    with ThreadPoolExecutor(times) as pool:
        return list(pool.map(one, range(times)))
