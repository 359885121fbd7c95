"""An event is found by its id: its time stands in it."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from phivault.audit.event import AuditEvent
from phivault.audit.lookup import MAX_READS, find
from phivault.errors import NotFound, Unavailable
from tests.support.audit import an_event
from tests.support.event_rows import MemoryRows

AT = datetime(2026, 3, 4, 0, 0, 0, 5000, tzinfo=UTC)


def drawn(at: datetime, number: int = 0) -> str:
    milliseconds = int(at.timestamp() * 1000)
    return str(uuid.UUID(int=milliseconds << 80 | 0x7 << 76 | 0x2 << 62 | number))


def event(at: datetime, number: int = 0, *, began: float = 0.0, **more: Any) -> AuditEvent:
    """Built at ``at``, in a request that began so many seconds before."""
    start = at - timedelta(seconds=began)
    return an_event(
        id=drawn(at, number), timestamp=f"{start:%Y-%m-%dT%H:%M:%S}.{start.microsecond // 1000:03d}Z", **more
    )


@pytest.mark.parametrize("began", [0.0, -0.001, 0.004, 0.3, 2.0, 29.0])
def test_found_by_id_also_over_midnight(began: float) -> None:
    wanted = event(AT, 7, began=began)
    others = [event(AT + timedelta(milliseconds=number), 1000 + number) for number in range(-300, 300)]
    rows = MemoryRows([wanted, *others])
    assert find(rows, "north", wanted.id).entry.event == wanted
    assert rows.reads <= 16  # a thousand events a second


def test_another_tenant_s_event_is_absent() -> None:
    theirs = event(AT, tenant="south")
    rows = MemoryRows([theirs, event(AT, 1)])
    assert find(rows, "south", theirs.id).entry.event == theirs
    with pytest.raises(NotFound):
        find(rows, "north", theirs.id)


@pytest.mark.parametrize(
    "id",
    [
        "",
        "x",
        "../../etc/passwd",
        str(uuid.UUID(int=0x4 << 76)),
        drawn(AT).upper(),
        drawn(AT).replace("-", ""),
        "{" + drawn(AT) + "}",
        str(uuid.UUID(int=(2**48 - 1) << 80 | 0x7 << 76 | 0x2 << 62)),
        str(uuid.UUID(int=0x7 << 76 | 0x2 << 62)),
        "٣" * 32,
    ],
)
def test_no_id_of_ours_is_absent_without_a_read(id: str) -> None:
    rows = MemoryRows([event(AT)])
    with pytest.raises(NotFound):
        find(rows, "north", id)
    assert rows.reads == 0


def test_reads_are_bounded() -> None:
    crowd = [event(AT - timedelta(milliseconds=number // 10), number) for number in range(12_000)]
    rows = MemoryRows(crowd)
    with pytest.raises(Unavailable):
        find(rows, "north", drawn(AT, 99_999))
    assert rows.reads == MAX_READS
