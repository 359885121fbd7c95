"""Search: every filter, any combination of them, page by page, finds exactly what matches, newest first."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest

from phivault.audit.canonical import Genesis, encode
from phivault.audit.event import Action, AuditEvent, RiskLevel
from phivault.audit.query import MAX_READS, Page, Partition, search
from phivault.audit.store import RecordedEvent
from phivault.errors import IntegrityError, InvalidInput
from tests.support.audit import an_event
from tests.support.audit_lines import a_line
from tests.support.event_rows import MemoryRows

NOW = datetime(2026, 3, 4, 12, tzinfo=UTC)


def at(hours_ago: float) -> str:
    return (NOW - timedelta(hours=hours_ago)).strftime("%Y-%m-%dT%H:%M:%S.000Z")


def events_of_a_month() -> list[AuditEvent]:
    """700 events over 29 days, two tenants, every mix of patient, user, action and risk."""
    mixes = itertools.cycle(
        itertools.product(
            ("north", "south"),
            ("p1", "p2", ""),
            ("u1", "u2"),
            (Action.READ, Action.SEARCH),
            (RiskLevel.LOW, RiskLevel.HIGH, RiskLevel.CRITICAL),
        )
    )
    return [
        an_event(timestamp=at(number), tenant=tenant, patient=patient, user_id=user, action=action, risk=risk)
        for number, (tenant, patient, user, action, risk) in zip(range(700), mixes, strict=False)
    ]


EVENTS = events_of_a_month()


def all_pages(rows: MemoryRows, limit: int = 50, **filters: str) -> list[AuditEvent]:
    found: list[AuditEvent] = []
    cursor = None
    for _ in range(1000):
        page = search(rows, "north", cursor=cursor, limit=limit, now=NOW, **filters)
        assert len(page.found) <= limit
        found += [each.entry.event for each in page.found]
        cursor = page.cursor
        if cursor is None:
            return found
    raise AssertionError("the cursor makes no headway")


@pytest.mark.parametrize(
    "chosen", list(itertools.product((None, "p1"), (None, "u2"), (None, "fhir.read"), (None, "HIGH")))
)
@pytest.mark.parametrize("limit", [7, 200])
def test_filters_combine_and_pages_neither_repeat_nor_skip(chosen, limit):
    patient, user, action, risk = chosen
    filters = {"patient": patient, "user": user, "action": action, "risk": risk}
    expected = [
        event
        for event in EVENTS
        if event.tenant == "north"
        and patient in (None, event.patient)
        and user in (None, event.user_id)
        and action in (None, event.action)
        and risk in (None, event.risk)
    ]
    assert all_pages(MemoryRows(EVENTS), limit, **{k: v for k, v in filters.items() if v}) == expected


@pytest.mark.parametrize("filters", [{}, {"patient": "p1"}, {"user": "u1"}, {"risk": "CRITICAL"}])
def test_since_is_inclusive_and_until_exclusive(filters):
    everything = all_pages(MemoryRows(EVENTS), **filters)
    found = all_pages(MemoryRows(EVENTS), since=at(300), until=at(100), **filters)
    assert found == [event for event in everything if at(300) <= event.timestamp < at(100)]
    assert found


@pytest.mark.parametrize("days", [1, 40, 800])
@pytest.mark.parametrize("filters", [{}, {"user": "u1"}, {"risk": "CRITICAL"}, {"patient": "p1"}])
def test_an_end_in_the_future_hides_nothing_that_has_happened(filters, days):
    until = (NOW + timedelta(days=days)).isoformat()
    assert all_pages(MemoryRows(EVENTS), until=until, **filters) == all_pages(MemoryRows(EVENTS), **filters) != []


def test_times_in_other_offsets_mean_the_same_moment():
    rows = MemoryRows(EVENTS)
    shifted = search(rows, "north", since="2026-03-04T13:00:00+02:00", now=NOW)
    assert shifted == search(rows, "north", since="2026-03-04T11:00:00Z", now=NOW)
    assert shifted.found


def test_events_of_the_same_millisecond_survive_a_page_break():
    twins = [an_event(timestamp=at(1)) for _ in range(5)]
    found = all_pages(MemoryRows(twins), limit=2)
    assert {event.id for event in found} == {event.id for event in twins}
    assert len(found) == 5


def test_one_search_reads_a_bounded_number_of_partitions_and_its_cursor_goes_on():
    old = an_event(timestamp="2025-01-02T03:04:05.678Z")
    rows = MemoryRows([old])
    page = search(rows, "north", since="2025-01-01T00:00:00Z", now=NOW)
    assert page.found == ()
    assert page.cursor
    assert rows.reads == MAX_READS
    assert all_pages(rows, since="2025-01-01T00:00:00Z") == [old]


def test_nothing_is_an_empty_page_without_a_cursor():
    assert search(MemoryRows([]), "north", patient="p9", now=NOW) == Page((), None)


@pytest.mark.parametrize(
    ("parameter", "value"),
    [
        ("limit", 0),
        ("limit", 201),
        ("patient", "Zaphod Beeblebrox"),
        ("patient", ""),
        ("user", "a#b"),
        ("action", "fhir.Zaphod"),
        ("risk", "low"),
        ("since", "Zaphod"),
        ("since", "2026-01-01"),
        ("until", "2026-01-01T00:00:00"),
        ("until", "0001-01-01T00:00:00+14:00"),
        ("cursor", "Zaphod"),
        ("cursor", "MjAyNi05OS05OVQwMDowMDowMC4wMDBaIw"),
        ("cursor", "ü"),
    ],
)
def test_malformed_parameters_are_named_and_not_repeated(parameter, value):
    with pytest.raises(InvalidInput, match=parameter) as caught:
        search(MemoryRows([]), "north", **{parameter: value})
    assert "Zaphod" not in str(caught.value)


@pytest.mark.parametrize("since", ["0001-01-01T00:00:00Z", "9999-12-31T23:59:59Z"])
def test_times_at_the_ends_of_the_calendar_are_only_times(since):
    search(MemoryRows([]), "north", since=since, now=NOW)
    search(MemoryRows([]), "north", until=since, now=NOW)


def test_a_row_that_is_no_canonical_event_is_never_shown():
    class Tampered(MemoryRows):
        def newest(self, *_: object, **__: object) -> list[RecordedEvent]:
            return [RecordedEvent(self.line, "object", 1)]

    rows = Tampered([])
    for line in (
        encode(a_line()).replace(b'"success":true', b'"success": false'),
        encode(Genesis(writer="0" * 32, timestamp=at(0))),
    ):
        rows.line = line
        with pytest.raises(IntegrityError):
            search(rows, "north", now=NOW)


def test_a_row_of_another_tenant_in_this_tenants_partition_is_never_shown():
    class Misplaced(MemoryRows):
        def holds(self, partition: Partition, event: AuditEvent) -> bool:
            return True

    assert search(Misplaced([an_event(tenant="south", timestamp=at(1))]), "north", now=NOW).found == ()


def test_a_period_that_ends_before_it_begins_is_empty_without_a_read() -> None:
    rows = MemoryRows([an_event(timestamp=at(1))])
    assert search(rows, "north", patient="patient-1", since=at(1), until=at(2), now=NOW) == Page((), None)
    assert rows.reads == 0


def test_a_page_without_further_filters_reads_no_more_rows_than_it_shows() -> None:
    rows = MemoryRows([an_event(timestamp=at(hours)) for hours in range(200)])
    search(rows, "north", patient="patient-1", limit=7, now=NOW)
    assert rows.rows == 7
