"""A key is destroyed once, on record, by someone named; and not everybody's may be."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from phivault.audit.canonical import EventLine, parse
from phivault.audit.event import Action, AuditEvent, RiskLevel
from phivault.audit.recorder import Recorder
from phivault.audit.retention import Hold
from phivault.crypto.subject_keys import SubjectKeys
from phivault.errors import Gone, InvalidInput, NotFound, PhivaultError, Unavailable, Unprocessable
from phivault.privacy.destroy_key import BEFORE, Account, Destroyed, destroy_key
from tests.support.audit import MemoryEvents, MemoryIndex
from tests.support.subject_keys import MemoryStore, MemoryWrapper

TENANT, PATIENT = "north", "0199b3c2-0000-7000-8000-000000000001"
SUBJECT = f"Patient/{PATIENT}"
ACCOUNTS = {"own": Account(TENANT, PATIENT), "staff": Account(TENANT, ""), "elsewhere": Account("south", PATIENT)}

DESTROYED = Destroyed(1, before=False)


class Bench:
    def __init__(self) -> None:
        self.locked, self.store = MemoryEvents(), MemoryStore()
        self.recorder = Recorder(self.locked, MemoryIndex(), deadline_seconds=1)
        self.keys = SubjectKeys(self.store, MemoryWrapper())
        self.keys.for_sealing(TENANT, SUBJECT)

    def destroy(self, subject: str = SUBJECT, *holds: Hold, tenant: str = TENANT) -> Destroyed:
        return destroy_key(self.keys, self.recorder, tenant, subject, by="AKIA-1", accounts=ACCOUNTS.get, holds=holds)

    @property
    def stands(self) -> bool:
        return self.store.rows[TENANT, SUBJECT][1] is not None

    @property
    def events(self) -> list[AuditEvent]:
        lines = [parse(line) for chain in self.locked.chains().values() for line in chain]
        return [line.event for line in lines if isinstance(line, EventLine)]


@pytest.fixture
def bench() -> Bench:
    return Bench()


def test_it_is_recorded_and_the_key_is_gone(bench: Bench) -> None:
    assert bench.destroy() == DESTROYED
    with pytest.raises(Gone):
        bench.keys.for_unsealing(TENANT, SUBJECT, 1)
    (event,) = bench.events
    assert (event.action, event.success, event.risk) == (Action.KEY_DESTROY, True, RiskLevel.CRITICAL)
    assert (event.tenant, event.patient, event.user_id) == (TENANT, PATIENT, "AKIA-1")
    assert "gdpr:art17" in event.flags


def test_what_cannot_be_recorded_is_not_destroyed(bench: Bench) -> None:
    bench.locked.failures = ["before"]
    with pytest.raises(Unavailable):
        bench.destroy()
    assert bench.stands


def test_a_failure_on_the_way_is_recorded_too(bench: Bench) -> None:
    bench.store.down = True
    with pytest.raises(Unavailable):
        bench.destroy()
    assert [(event.error, event.success) for event in bench.events] == [("unavailable", False)]


def test_a_failure_in_the_middle_is_recorded_and_what_is_left_is_destroyed_by_a_repeat(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    bench.store.create(TENANT, SUBJECT, 2, b"wrapped")
    with monkeypatch.context() as outage:
        outage.setattr(bench.store, "destroy", failing_at(bench.store, 1))
        with pytest.raises(Unavailable):
            bench.destroy()
    assert bench.stands
    assert [event.error for event in bench.events] == ["", "unavailable"]
    assert bench.destroy() == Destroyed(2, before=False)
    assert not bench.stands


def failing_at(store: MemoryStore, version: int) -> Callable[[str, str, int], None]:
    destroy = store.destroy

    def fail(tenant: str, subject: str, at: int) -> None:
        if at == version:
            raise Unavailable("down")
        destroy(tenant, subject, at)

    return fail


def test_what_was_destroyed_before_is_told_and_recorded_as_that(bench: Bench) -> None:
    bench.destroy()
    assert bench.destroy() == Destroyed(1, before=True)
    first, second = bench.events
    assert BEFORE not in first.flags
    assert BEFORE in second.flags
    assert (second.action, second.success, second.error) == (Action.KEY_DESTROY, True, "")


@pytest.mark.parametrize("hold", [Hold(TENANT, "case-1"), Hold(TENANT, "case-1", PATIENT)])
def test_a_legal_hold_keeps_it(bench: Bench, hold: Hold) -> None:
    with pytest.raises(Unprocessable, match="hold"):
        bench.destroy(SUBJECT, hold)
    assert bench.stands
    assert [(event.error, event.success) for event in bench.events] == [("unprocessable", False)]


@pytest.mark.parametrize("hold", [Hold("south", "case-1"), Hold(TENANT, "case-1", "somebody-else")])
def test_anothers_hold_does_not(bench: Bench, hold: Hold) -> None:
    assert bench.destroy(SUBJECT, hold) == DESTROYED


@pytest.mark.parametrize("subject", ["User/staff", "User/elsewhere", "User/nobody", "Organization/x"])
def test_whose_key_has_to_stay_keeps_it(bench: Bench, subject: str) -> None:
    bench.keys.for_sealing(TENANT, subject)
    with pytest.raises(Unprocessable):
        bench.destroy(subject)
    assert bench.keys.for_unsealing(TENANT, subject, 1)


def test_the_end_of_a_study_ends_its_pseudonyms(bench: Bench) -> None:
    bench.keys.for_sealing(TENANT, "Project/study-7")
    assert bench.destroy("Project/study-7") == DESTROYED
    with pytest.raises(Gone):
        bench.keys.for_sealing(TENANT, "Project/study-7")
    assert [(event.resource_id, event.patient) for event in bench.events] == [("Project:study-7", "")]


def test_a_patients_own_account_goes_with_them_unless_held(bench: Bench) -> None:
    bench.keys.for_sealing(TENANT, "User/own")
    with pytest.raises(Unprocessable, match="hold"):
        bench.destroy("User/own", Hold(TENANT, "case-1", PATIENT))
    assert bench.destroy("User/own") == DESTROYED
    with pytest.raises(Gone):
        bench.keys.for_unsealing(TENANT, "User/own", 1)


def test_a_subject_that_never_had_a_key_is_told(bench: Bench) -> None:
    with pytest.raises(NotFound):
        bench.destroy("Patient/nobody")
    assert [event.error for event in bench.events] == ["", "not-found"]


@pytest.mark.parametrize(
    "subject", ["Tenant", "Patient", "Patient/", "Patient/a/b", "Patient/a b", "Patient/" + "x" * 65]
)
def test_what_names_nobody_is_refused(bench: Bench, subject: str) -> None:
    with pytest.raises(InvalidInput):
        bench.destroy(subject)
    with pytest.raises(PhivaultError):
        bench.destroy(tenant="a#b")
    assert bench.events == []
