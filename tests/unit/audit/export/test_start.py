"""Where an export that leaves something out begins."""

from __future__ import annotations

from phivault.audit.export.layout import SEGMENT
from phivault.audit.export.start import Start, start_of

HOURLY = [(f"2026-03-04T{hour:02d}", hour * 10_000) for hour in range(24)]


def test_the_whole_log_is_read_from_its_beginning() -> None:
    assert start_of(0, 10, HOURLY) == start_of(SEGMENT - 1, 10**6, HOURLY) == Start(0)


def test_reading_begins_two_hours_before_the_segment() -> None:
    # Leaf 65,536 lies after the checkpoint of 06 hours; 04 is the third last before it.
    assert start_of(SEGMENT + 5, 240_000, HOURLY) == Start(SEGMENT, 39_936, "2026/03/04/03", "2026/03/04/06")


def test_across_midnight() -> None:
    hourly = [("2026-02-28T22", 1), ("2026-02-28T23", 2), ("2026-03-01T00", 3)]
    assert start_of(SEGMENT, 10**6, hourly) == Start(SEGMENT, 0, "2026/02/28/21", "2026/03/01/00")


def test_without_checkpoints_everything_is_read() -> None:
    assert start_of(SEGMENT, 10**6, HOURLY[:2]) == Start(SEGMENT)


def test_the_last_segment_is_never_left_out() -> None:
    assert start_of(2 * SEGMENT, 2 * SEGMENT, []).first == SEGMENT
