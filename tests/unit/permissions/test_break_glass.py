"""The emergency access procedure: one patient, one hour, one other person's verdict."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from phivault.access.principal import Principal
from phivault.access.purpose import PurposeOfUse
from phivault.access.roles import Role
from phivault.adapters.access_state_table import TABLE
from phivault.adapters.aws import client
from phivault.audit.event import Action, RiskLevel
from phivault.errors import AccessDenied, Conflict, Gone, InvalidInput, NotFound, SignInAgain, Unavailable
from phivault.inputs import read
from phivault.permissions.break_glass.end_glass import end_glass
from phivault.permissions.break_glass.glass import Reason, Verdict
from phivault.permissions.break_glass.list_glasses import list_glasses
from phivault.permissions.break_glass.open_glass import OpenGlass, open_glass
from phivault.permissions.break_glass.review_glass import ReviewGlass, review_glass
from phivault.permissions.break_glass.show_glass import show_glass
from phivault.permissions.break_glass.tell_overdue import tell_overdue
from phivault.permissions.restriction import Ground
from phivault.permissions.restriction_set import Restrict, restrict
from phivault.phi.data_class import DataClass
from tests.support.ward import HOUR, SOUTH, Ward

EMERGENCY, TREATMENT = PurposeOfUse.EMERGENCY, PurposeOfUse.TREATMENT
DAYS = 24 * HOUR
NOTE = "Found by Quentin Plover, 17 Plover Row, no pulse"
JUSTIFIED = ReviewGlass(verdict=Verdict.JUSTIFIED)


@pytest.fixture
def ward(new_table: Callable[[dict[str, Any]], str]) -> Ward:
    return Ward(new_table(TABLE), time=1_800_000_000.0)


@pytest.fixture
def doctor(ward: Ward) -> Principal:
    return ward.user(Role.CLINICIAN)


@pytest.fixture
def officer(ward: Ward) -> Principal:
    return ward.user(Role.PRIVACY_OFFICER)


def states(ward: Ward, who: Principal) -> list[tuple[str, bool]]:
    found = list_glasses(ward.call(who), {})["break_glass"]
    return [(glass["state"], glass["overdue"]) for glass in found]


def rows(ward: Ward) -> list[dict[str, Any]]:
    return list(client("dynamodb").scan(TableName=ward.table)["Items"])


@pytest.mark.parametrize("role", [Role.CLINICIAN, Role.CARE_COORDINATOR])
def test_it_opens_one_patient_for_an_hour(ward: Ward, role: Role) -> None:
    who, patient, other = ward.user(role), ward.patient(), ward.patient()
    assert ward.sees(who, patient, EMERGENCY) == set()
    glass = ward.break_glass(who, patient)
    assert (glass.until - glass.opened, glass.review_due - glass.opened) == (HOUR, 3 * DAYS)
    for verb in ("create", "read", "search"):
        assert ward.sees(who, patient, EMERGENCY, verb) == set(DataClass)
    for verb in ("update", "delete"):
        assert ward.sees(who, patient, EMERGENCY, verb) == set()
    assert ward.sees(who, other, EMERGENCY) == set()
    assert DataClass.CLINICAL not in ward.sees(who, patient, TREATMENT)
    assert patient in ward.permissions.facts.patients_of(who)
    ward.time += HOUR - 1
    assert ward.sees(who, patient, EMERGENCY) == set(DataClass)
    ward.time += 1
    assert ward.sees(who, patient, EMERGENCY) == set()


def test_the_opening_is_a_critical_event_before_anything_opens(ward: Ward, doctor: Principal) -> None:
    patient = ward.patient()
    glass = ward.break_glass(doctor, patient, NOTE)
    (event,) = ward.events()
    assert (event.action, event.risk, event.success) == (Action.BREAK_GLASS_OPEN, RiskLevel.CRITICAL, True)
    assert (event.purpose, event.purpose_asserted, event.patient) == ("EMERGENCY", True, patient)
    assert (event.resource, event.resource_id) == ("BreakGlass", glass.id)
    assert {"reason:transfer", "hipaa:164.312.a.2.ii", "decision:permit"} <= set(event.flags)
    ward.locked.failures = [Unavailable("down")] * 3
    with pytest.raises(Unavailable):
        ward.break_glass(doctor, another := ward.patient())
    assert ward.sees(doctor, another, EMERGENCY) == set()


def test_it_opens_a_restricted_record_and_the_sensitive_class(ward: Ward, doctor: Principal) -> None:
    patient = ward.patient()
    restrict(ward.call(ward.user(Role.PRIVACY_OFFICER)), patient, Restrict(ground=Ground.UNLAWFUL, purposes=[]))
    ward.break_glass(doctor, patient)
    assert DataClass.SENSITIVE in ward.sees(doctor, patient, EMERGENCY)


def test_ended_early_by_its_user_or_an_officer_it_opens_nothing(
    ward: Ward, doctor: Principal, officer: Principal
) -> None:
    for by in (doctor, officer):
        patient = ward.patient()
        glass = ward.break_glass(doctor, patient)
        ended = end_glass(ward.call(by), glass.id)
        assert (ended.ended, ended.ended_by) == (int(ward.time), by.user_id)
        assert ward.sees(doctor, patient, EMERGENCY) == set()
    assert states(ward, doctor) == [("ended", False)] * 2


def test_a_glass_broken_again_after_its_end_is_another(ward: Ward, doctor: Principal) -> None:
    patient = ward.patient()
    first = ward.break_glass(doctor, patient)
    end_glass(ward.call(doctor), first.id)
    second = ward.break_glass(doctor, patient)
    with pytest.raises(Conflict):
        end_glass(ward.call(doctor), first.id)
    assert ward.sees(doctor, patient, EMERGENCY) == set(DataClass)
    ward.time += HOUR
    third = ward.break_glass(doctor, patient)
    assert len({first.id, second.id, third.id}) == 3
    assert states(ward, doctor) == [("active", False), ("ended", False), ("ended", False)]


def test_three_at_a_time_and_an_end_makes_room(ward: Ward, doctor: Principal) -> None:
    glasses = [ward.break_glass(doctor, ward.patient()) for _ in range(3)]
    with pytest.raises(Conflict):
        ward.break_glass(doctor, ward.patient())
    end_glass(ward.call(doctor), glasses[0].id)
    ward.break_glass(doctor, ward.patient())
    ward.time += HOUR
    ward.break_glass(doctor, ward.patient())


def test_another_person_judges_what_has_ended_and_the_verdict_is_seen(
    ward: Ward, doctor: Principal, officer: Principal
) -> None:
    glass = ward.break_glass(doctor, ward.patient())
    ward.time += HOUR
    review_glass(ward.call(officer), glass.id, JUSTIFIED)
    shown = show_glass(ward.call(doctor), glass.id)
    assert (shown["state"], shown["verdict"], shown["reviewed_by"]) == ("reviewed", "justified", officer.user_id)
    (event,) = ward.events(Action.BREAK_GLASS_REVIEW)
    assert (event.risk, event.patient) == (RiskLevel.HIGH, glass.patient)
    assert {"verdict:justified", f"for:{doctor.user_id}", "reason:transfer"} <= set(event.flags)


def test_an_unjustified_one_is_critical(ward: Ward, doctor: Principal) -> None:
    glass = ward.break_glass(doctor, ward.patient())
    end_glass(ward.call(doctor), glass.id)
    review_glass(ward.call(ward.user(Role.SECURITY_OFFICER)), glass.id, ReviewGlass(verdict=Verdict.UNJUSTIFIED))
    (event,) = ward.events(Action.BREAK_GLASS_REVIEW)
    assert (event.risk, event.success) == (RiskLevel.CRITICAL, True)
    assert "verdict:unjustified" in event.flags


def test_an_overdue_review_suspends_by_the_clock_alone_until_the_verdict(
    ward: Ward, doctor: Principal, officer: Principal
) -> None:
    first, patient = ward.break_glass(doctor, ward.patient()), ward.patient()
    ward.time += 3 * DAYS - 600
    late = ward.break_glass(doctor, patient)
    ward.time += 600
    assert ward.sees(doctor, patient, EMERGENCY) == set()  # what is open opens nothing
    with pytest.raises(AccessDenied):
        ward.break_glass(doctor, ward.patient())
    refused = ward.events(Action.BREAK_GLASS_OPEN)[-1]
    assert (refused.error, refused.risk) == ("denied", RiskLevel.HIGH)
    assert states(ward, officer) == [("active", False), ("ended", True)]
    review_glass(ward.call(officer), first.id, JUSTIFIED)
    assert ward.sees(doctor, patient, EMERGENCY) == set(DataClass)
    assert late.until > ward.time
    ward.break_glass(doctor, ward.patient())


def test_another_users_overdue_review_suspends_nobody_else(ward: Ward, doctor: Principal) -> None:
    ward.break_glass(doctor, ward.patient())
    ward.time += 4 * DAYS
    ward.break_glass(ward.user(Role.CLINICIAN), ward.patient())


def test_the_sweep_says_of_each_overdue_one_that_it_is_once(ward: Ward, doctor: Principal, officer: Principal) -> None:
    glasses, recorder = ward.permissions.glasses, ward.permissions.recorder
    reviewed, left = (ward.break_glass(doctor, ward.patient()) for _ in range(2))
    far = ward.break_glass(ward.user(Role.CLINICIAN, SOUTH), ward.patient(SOUTH))
    ward.time += HOUR
    later = ward.break_glass(doctor, ward.patient())
    review_glass(ward.call(officer), reviewed.id, JUSTIFIED)
    assert tell_overdue(glasses, recorder, left.review_due - 1) == 0
    assert tell_overdue(glasses, recorder, left.review_due) == 2
    assert tell_overdue(glasses, recorder, left.review_due) == 0
    assert tell_overdue(glasses, recorder, later.review_due) == 1
    events = ward.events(Action.BREAK_GLASS_OVERDUE)
    assert {(event.tenant, event.resource_id) for event in events} == {
        ("north", left.id),
        ("south", far.id),
        ("north", later.id),
    }
    for event in events:
        assert (event.risk, event.user_id, event.success) == (RiskLevel.CRITICAL, "", True)
    assert f"for:{doctor.user_id}" in events[-1].flags
    ward.time = later.review_due
    review_glass(ward.call(officer), left.id, JUSTIFIED)
    review_glass(ward.call(officer), later.id, JUSTIFIED)
    assert [row["tenant"]["S"] for row in rows(ward) if row["pk"]["S"] == "BREAK-GLASS-DUE"] == ["south"]


def test_what_could_not_be_recorded_is_told_the_next_time(ward: Ward, doctor: Principal) -> None:
    glass = ward.break_glass(doctor, ward.patient())
    ward.locked.failures = [Unavailable("down")] * 3
    with pytest.raises(Unavailable):
        tell_overdue(ward.permissions.glasses, ward.permissions.recorder, glass.review_due)
    ward.locked.failures = []
    assert tell_overdue(ward.permissions.glasses, ward.permissions.recorder, glass.review_due) == 1


def test_one_reviewed_during_the_sweep_leaves_no_row(ward: Ward, doctor: Principal, officer: Principal) -> None:
    glass = ward.break_glass(doctor, ward.patient())
    ward.time = glass.review_due
    (due,) = ward.permissions.glasses.due(ward.time)
    review_glass(ward.call(officer), glass.id, JUSTIFIED)
    ward.permissions.glasses.told(due)
    assert not [row for row in rows(ward) if row["pk"]["S"] == "BREAK-GLASS-DUE"]


def test_notes_are_sealed_and_open_for_officers_alone(ward: Ward, doctor: Principal, officer: Principal) -> None:
    glass = ward.break_glass(doctor, ward.patient(), NOTE)
    end_glass(ward.call(doctor), glass.id)
    review_glass(ward.call(officer), glass.id, ReviewGlass(verdict=Verdict.JUSTIFIED, note="Asked Quentin Plover"))
    assert "note" not in show_glass(ward.call(doctor), glass.id)
    shown = show_glass(ward.call(officer), glass.id)
    assert (shown["note"], shown["review_note"]) == (NOTE, "Asked Quentin Plover")
    own, released = ward.events(Action.BREAK_GLASS_READ)
    assert (own.classes, released.classes) == ((), ("sensitive",))
    for place in (rows(ward), ward.events(), ward.locked.objects, glass):
        assert "Plover" not in str(place)


def test_notes_of_an_erased_patient_are_gone_and_the_procedure_goes_on(
    ward: Ward, doctor: Principal, officer: Principal
) -> None:
    glass = ward.break_glass(doctor, ward.patient(), NOTE)
    end_glass(ward.call(doctor), glass.id)
    ward.key_store.destroy("north", f"Patient/{glass.patient}", 1)
    assert show_glass(ward.call(officer), glass.id)["note"] is None
    with pytest.raises(Gone):
        review_glass(ward.call(officer), glass.id, ReviewGlass(verdict=Verdict.JUSTIFIED, note="late"))
    review_glass(ward.call(officer), glass.id, JUSTIFIED)


def test_a_list_goes_on_where_its_page_ended(ward: Ward, doctor: Principal, officer: Principal) -> None:
    people = (doctor, ward.user(Role.CLINICIAN), doctor, ward.user(Role.CARE_COORDINATOR), doctor)
    made = [ward.break_glass(who, ward.patient()).id for who in people]
    for asker, wanted in ((officer, made), (doctor, made[::2])):
        found: list[str] = []
        page = list_glasses(ward.call(asker), {"limit": "2"})
        while True:
            found += [glass["id"] for glass in page["break_glass"]]
            if page["cursor"] is None:
                break
            page = list_glasses(ward.call(asker), {"limit": "2", "cursor": page["cursor"]})
        assert found == wanted[::-1]


@pytest.mark.parametrize("role", sorted(set(Role) - {Role.CLINICIAN, Role.CARE_COORDINATOR}))
def test_other_roles_break_no_glass(ward: Ward, role: Role) -> None:
    with pytest.raises(AccessDenied):
        ward.break_glass(ward.user(role), ward.patient())
    (event,) = ward.events()
    assert (event.action, event.error) == (Action.BREAK_GLASS_OPEN, "denied")


def test_opening_needs_a_recent_sign_in_and_a_patient(ward: Ward, doctor: Principal) -> None:
    with pytest.raises(SignInAgain):
        open_glass(ward.stale(doctor), OpenGlass(patient=ward.patient(), reason=Reason.DISASTER))
    with pytest.raises(NotFound):
        ward.break_glass(doctor, ward.patient(SOUTH))


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b'{"patient": "Quentin Plover", "reason": "transfer"}',
        b'{"patient": "0b0f8f1e-1111-4111-8111-0123456789ab", "reason": "Plover fell"}',
        b'{"patient": "0b0f8f1e-1111-4111-8111-0123456789ab", "reason": "transfer", "note": ""}',
        b'{"patient": "0b0f8f1e-1111-4111-8111-0123456789ab", "reason": "transfer", "hours": 9}',
        b'{"patient": "0b0f8f1e-1111-4111-8111-0123456789ab", "reason": "transfer", "note": "' + b"P" * 501 + b'"}',
    ],
)
def test_a_body_says_who_and_a_reason_of_the_list(body: bytes) -> None:
    with pytest.raises(InvalidInput) as refusal:
        read(OpenGlass, body)
    assert "Plover" not in refusal.value.detail
