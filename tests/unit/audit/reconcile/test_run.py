"""The run by the clock: windows, what is recorded, what isn't recorded twice, what is refused."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from phivault.audit.canonical import EventLine, Link, encode
from phivault.audit.event import Action, AuditEvent, RiskLevel
from phivault.audit.reconcile.claims import Kind, Mention
from phivault.audit.reconcile.mentions import of_line
from phivault.audit.reconcile.run import MAX_RECORDED, Outcome, run
from phivault.audit.reconcile.sealed import SealedLog
from phivault.audit.reconcile.window import OVERLAP, SETTLED, WINDOW, Window
from phivault.errors import InvalidInput, NotFound, Unavailable
from tests.support.audit import an_event
from tests.support.evidence import NOON, OPERATOR, ROLES, a_file, a_line, a_record, a_signature, stamp
from tests.support.memory_log import WITNESS, MemoryLog

NOW = datetime.fromtimestamp(NOON, UTC) + timedelta(hours=1)


class Evidence:
    """All three sources; what is recorded is sealed at once, which AWS's trail shows unless it is ``stopped``."""

    def __init__(self) -> None:
        self.records: list[dict[str, Any]] = []
        self.log: list[str] = []
        self.events: list[AuditEvent] = []
        self.until = NOW.timestamp()
        self.appended: list[int] = []
        self.stopped = False

    def files(self, _: datetime) -> Iterator[tuple[str, bytes]]:
        signed = [a_signature(datetime.fromisoformat(event.timestamp).timestamp()) for event in self.events]
        yield "f.json", a_file(*self.records, *([] if self.stopped else signed))

    def lines(self, since: datetime, until: datetime) -> Iterator[str]:
        yield from self.log

    def mentions(self, since: float) -> Iterator[Mention]:
        for event in self.events:
            found = of_line(encode(EventLine(event, Link(writer="ab" * 16, sequence=1, prev="0" * 64))))
            assert found is not None
            yield found

    def record(self, events: Sequence[AuditEvent]) -> None:
        self.appended.append(len(events))
        self.events += events

    def run(self, window: Window | None = None, roles: dict[str, str] = ROLES) -> list[AuditEvent]:
        before = len(self.events)
        run(window or Window.asked({}, NOW), self, self, lambda: self, self.record, roles=roles)
        return self.events[before:]


def test_without_a_finding_the_summary_alone_is_recorded() -> None:
    evidence = Evidence()
    evidence.records, evidence.log = [a_record()], [a_line()]
    evidence.events = [an_event(timestamp=stamp(NOON), patient="p1", request_id="r1")]
    (summary,) = evidence.run()
    assert (summary.action, summary.success, summary.risk) == (Action.AUDIT_RECONCILE, True, RiskLevel.LOW)
    assert summary.resource == "Reconciliation"


def test_each_finding_is_recorded_so_that_it_alerts() -> None:
    evidence = Evidence()
    evidence.records = [a_record(userIdentity=OPERATOR), a_record(subject="User/u9")]
    evidence.log = [a_line(id="r9")]
    *found, summary = evidence.run()
    assert {event.error for event in found} == {Kind.FOREIGN_UNWRAP, Kind.UNRECORDED_UNWRAP, Kind.UNRECORDED_REQUEST}
    assert all(event.risk in (RiskLevel.HIGH, RiskLevel.CRITICAL) and not event.success for event in found)
    foreign = next(event for event in found if event.error == Kind.FOREIGN_UNWRAP)
    assert foreign.resource_id == evidence.records[0]["eventID"]
    assert (foreign.tenant, foreign.patient) == ("north", "p1")
    assert foreign.user_id == "arn:aws:iam::123456789012:user:operator"
    assert (summary.success, summary.version) == (False, 3)


def test_a_finding_on_record_is_not_recorded_again() -> None:
    evidence = Evidence()
    evidence.records, evidence.log = [a_record(userIdentity=OPERATOR)], [a_line(id="r9")]
    assert len(evidence.run()) == 3
    (summary,) = evidence.run(Window.asked({}, NOW + timedelta(minutes=1)))
    assert (summary.resource, summary.version) == ("Reconciliation", 2)


def test_a_window_ends_before_what_may_still_be_on_its_way() -> None:
    window = Window.asked({}, NOW)
    assert (window.until, window.since) == (NOW - SETTLED, NOW - SETTLED - WINDOW)
    evidence = Evidence()
    late = NOW.timestamp() - SETTLED.total_seconds() + 1
    evidence.records, evidence.log = [a_record(late, userIdentity=OPERATOR)], [a_line(late)]
    assert len(evidence.run()) == 1


def test_windows_leave_no_gap_between_hourly_runs() -> None:
    assert timedelta(hours=1) < WINDOW


def test_a_window_can_be_named() -> None:
    since, until = NOW - timedelta(hours=3), NOW
    assert Window.asked({"since": since.isoformat(), "until": until.isoformat()}, NOW) == Window(since, until)


@pytest.mark.parametrize(
    "event", [{"since": 1}, {"until": "noon"}, {"until": "2026-03-04T12:00:00"}, {"since": "2999-01-01T00:00:00Z"}]
)
def test_a_window_that_is_none_is_refused(event: dict[str, object]) -> None:
    with pytest.raises(InvalidInput):
        Window.asked(event, NOW)


def test_a_log_that_isnt_sealed_yet_accuses_nobody() -> None:
    evidence = Evidence()
    evidence.records, evidence.until = [a_record()], NOON - 3600
    with pytest.raises(Unavailable):
        evidence.run()
    (failed,) = evidence.events
    assert (failed.error, failed.success) == ("unavailable", False)


def test_before_the_first_checkpoint_there_is_nothing_to_compare_and_nothing_failed() -> None:
    evidence, empty = Evidence(), MemoryLog()
    evidence.records, evidence.log = [a_record(userIdentity=OPERATOR)], [a_line(id="r9")]
    newest = partial(SealedLog.newest, empty, WITNESS)
    outcome = run(Window.asked({}, NOW), evidence, evidence, newest, evidence.record, roles=ROLES)
    assert outcome == Outcome(begun=False)
    assert evidence.events == []


def test_a_checkpoint_that_is_gone_is_a_failure_on_record() -> None:
    """Whoever deletes the newest one would have silenced the comparison; the locked ones tell."""
    evidence, log = Evidence(), MemoryLog()
    log.append([encode(EventLine(an_event(), Link(writer="ab" * 16, sequence=1, prev="0" * 64)))])
    log.hourly.append(("2026-03-04T04", log.checkpoint()))
    assert SealedLog.newest(log, WITNESS) is not None
    log.note = None
    newest = partial(SealedLog.newest, log, WITNESS)
    with pytest.raises(NotFound):
        run(Window.asked({}, NOW), evidence, evidence, newest, evidence.record, roles=ROLES)
    assert [(event.error, event.success) for event in evidence.events] == [("not-found", False)]


def test_a_part_of_the_log_that_is_gone_is_no_beginning() -> None:
    log = MemoryLog()
    log.append([encode(EventLine(an_event(), Link(writer="ab" * 16, sequence=1, prev="0" * 64)))])
    log.files.clear()
    with pytest.raises(NotFound):
        SealedLog.newest(log, WITNESS)


def test_evidence_that_cant_be_read_is_recorded_and_raised() -> None:
    evidence = Evidence()
    evidence.log = ["{}"]
    with pytest.raises(InvalidInput):
        evidence.run()
    assert [event.error for event in evidence.events] == ["invalid"]


def test_without_roles_nothing_is_compared() -> None:
    with pytest.raises(InvalidInput):
        Evidence().run(roles={})


def test_a_flood_is_recorded_in_part_and_counted_whole() -> None:
    evidence = Evidence()
    evidence.log = [a_line(id=f"r{number}") for number in range(MAX_RECORDED + 50)]
    *found, summary = evidence.run()
    assert len(found) == MAX_RECORDED
    assert summary.version == MAX_RECORDED + 50
    assert max(evidence.appended) <= 100


def test_a_subject_that_no_event_can_name_is_recorded_all_the_same() -> None:
    evidence = Evidence()
    evidence.records = [a_record(tenant="a tenant", subject="Patient/" + "x" * 200, userIdentity=OPERATOR)]
    found, _ = evidence.run()
    assert (found.tenant, found.patient) == ("-", "")


def a_read(at: float) -> AuditEvent:
    return an_event(timestamp=stamp(at), patient="p1", request_id="r1")


def a_mark(until: datetime, **changes: Any) -> AuditEvent:
    """The summary of a run that compared all up to ``until``."""
    id = Window(until - WINDOW, until, by_clock=True).mark
    about: dict[str, Any] = {"action": Action.AUDIT_RECONCILE, "resource": "Reconciliation", "resource_id": id}
    return an_event(timestamp=stamp((until + SETTLED).timestamp()), **about | changes)


def test_a_trail_that_was_stopped_is_no_clean_hour() -> None:
    evidence = Evidence()
    evidence.events, evidence.log, evidence.stopped = [a_read(NOON)], [a_line()], True
    found, summary = evidence.run()
    assert (found.error, found.success, found.risk) == (Kind.SILENT_TRAIL, False, RiskLevel.HIGH)
    assert (summary.success, summary.resource_id) == (False, "")
    (again,) = evidence.run()
    assert not again.success


def test_an_access_log_that_was_stopped_is_no_clean_hour() -> None:
    evidence = Evidence()
    evidence.events = [a_read(NOON)]
    found, summary = evidence.run()
    assert (found.error, found.success, found.risk) == (Kind.SILENT_GATEWAY, False, RiskLevel.HIGH)
    assert not summary.success


def test_a_trail_that_stops_within_a_window_is_named_by_its_hour() -> None:
    evidence = Evidence()
    evidence.events = [a_read(NOON - 1800), a_read(NOON)]
    evidence.log, evidence.stopped = [a_line(NOON - 1800), a_line()], True
    evidence.records = [a_signature(NOON - 1780)]
    found, _ = evidence.run()
    assert found.resource_id == "silent-trail:2026-03-04T12"


def test_a_stacks_first_minutes_and_a_quiet_log_are_no_silence() -> None:
    evidence = Evidence()
    evidence.stopped = True
    assert [event.success for event in evidence.run()] == [True]
    evidence.events = [a_read(NOON + 16 * 60)]  # half an hour before the window's end is not over
    assert [event.success for event in evidence.run()] == [True]


def test_a_client_cant_silence_a_finding_by_its_requests_id() -> None:
    evidence = Evidence()
    evidence.events, evidence.stopped = [a_read(NOON)], True
    evidence.log = [a_line(id="silent-trail:2026-03-04T12")]
    assert {event.error for event in evidence.run()} == {Kind.SILENT_TRAIL, Kind.UNRECORDED_REQUEST, "findings"}
    assert len(evidence.run()) == 1


def test_what_failed_runs_left_out_is_compared_by_the_next() -> None:
    """Without the mark of a run that went before, the same operator's unwrap five hours ago stays unseen."""
    five = NOON - 5 * 3600
    evidence = Evidence()
    evidence.records = [a_record(five, userIdentity=OPERATOR)]
    assert len(evidence.run()) == 1
    evidence.events = [a_mark(datetime.fromtimestamp(five - 60, UTC))]
    found, summary = evidence.run()
    assert found.error == Kind.FOREIGN_UNWRAP
    assert summary.resource_id == Window.asked({}, NOW).mark


def test_late_delivery_is_looked_for_behind_the_last_mark() -> None:
    until = datetime.fromtimestamp(NOON - 2 * 3600, UTC)
    evidence = Evidence()
    evidence.events = [a_mark(until)]
    evidence.records = [a_record((until - OVERLAP).timestamp() + 1, userIdentity=OPERATOR)]
    assert len(evidence.run()) == 2


def test_a_window_that_somebody_names_neither_marks_nor_reaches_back() -> None:
    evidence = Evidence()
    evidence.events = [a_mark(NOW - timedelta(hours=5))]
    evidence.records = [a_record(NOON - 3 * 3600, userIdentity=OPERATOR)]
    (summary,) = evidence.run(Window.asked({"since": (NOW - timedelta(minutes=20)).isoformat()}, NOW))
    assert summary.resource_id == ""


@pytest.mark.parametrize(
    "changes", [{"resource": "Request"}, {"resource_id": Window(NOW, NOW + timedelta(days=1), by_clock=True).mark}]
)
def test_a_mark_that_is_none_or_of_the_future_hides_nothing(changes: dict[str, Any]) -> None:
    evidence = Evidence()
    evidence.events = [a_mark(NOW - timedelta(hours=5)), a_mark(NOW - timedelta(hours=1), **changes)]
    evidence.records = [a_record(NOON - 3 * 3600, userIdentity=OPERATOR)]
    assert Kind.FOREIGN_UNWRAP in {event.error for event in evidence.run()}


def test_time_that_is_out_of_reach_is_named_once_a_day() -> None:
    evidence = Evidence()
    evidence.events = [a_mark(NOW - timedelta(days=2))]
    found, _ = evidence.run()
    assert (found.error, found.risk) == (Kind.MISSED_TIME, RiskLevel.HIGH)
    evidence.events = evidence.events[:2]  # the run's own mark is lost
    assert [event.success for event in evidence.run()] == [False]


def test_a_log_without_a_mark_is_compared_from_its_beginning() -> None:
    ten = NOON - 10 * 3600
    evidence = Evidence()
    evidence.events, evidence.log = [a_read(ten)], [a_line(ten), a_line(ten + 60, id="r9")]
    assert [event.error for event in evidence.run()] == [Kind.UNRECORDED_REQUEST, "findings"]
