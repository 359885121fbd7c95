"""Functions by the clock: called soon, then on their period, whatever fails; and ended at once."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from functions.row import Function
from functions.table import TABLE
from local.schedule import Schedule, period
from local.workers import WorkerDied
from tests.support.bounded import HANGS, ends_by_itself


class Calls:
    def __init__(self, *ends: Exception | None) -> None:
        self.times: list[float] = []
        self.events: list[dict[str, Any]] = []
        self._ends = list(ends)

    def __call__(self, event: dict[str, Any]) -> None:
        self.times.append(time.monotonic())
        self.events.append(event)
        end = self._ends.pop(0) if self._ends else None
        if end is not None:
            raise end

    def wait(self, count: int) -> None:
        until = time.monotonic() + HANGS
        while len(self.times) < count and time.monotonic() < until:
            time.sleep(0.005)
        assert len(self.times) >= count


@pytest.fixture
def started() -> Iterator[list[Schedule]]:
    schedules: list[Schedule] = []
    yield schedules
    for schedule in schedules:
        schedule.stop()


def start(started: list[Schedule], calls: Any, seconds: float, first: float = 0.01) -> Schedule:
    schedule = Schedule("sealer", seconds, calls, first_seconds=first)
    schedule.start()
    started.append(schedule)
    return schedule


def test_first_soon_then_on_its_period(monkeypatch: pytest.MonkeyPatch):
    """By a clock that calls alone move: the second takes longer than the period."""
    events, pauses, clock = [], [], [1000.0]

    def call(event: dict[str, Any]) -> None:
        events.append(event)
        clock[0] += (0.5, 3.0)[len(events) - 1]

    def wait(pause: float) -> bool:
        pauses.append(pause)
        return len(pauses) > 2

    schedule = Schedule("sealer", 2.0, call, first_seconds=0.02)
    monkeypatch.setattr(schedule._stopped, "wait", wait)
    monkeypatch.setattr("local.schedule.time", SimpleNamespace(monotonic=lambda: clock[0]))
    schedule.run()
    assert pauses == [0.02, 1.5, 0.0]
    assert [event["detail-type"] for event in events] == ["Scheduled Event"] * 2


def test_a_period_passes_between_two_calls(started: list[Schedule]):
    calls = Calls()
    start(started, calls, 0.5)
    calls.wait(3)
    assert calls.times[2] - calls.times[0] > 0.5


def test_a_failure_is_logged_without_its_text_and_tried_again(
    started: list[Schedule], caplog: pytest.LogCaptureFixture
):
    calls = Calls(WorkerDied("IntegrityError"), ValueError("a value"), None)
    with caplog.at_level(logging.WARNING):
        start(started, calls, 0.02)
        calls.wait(4)
    assert [record.getMessage() for record in caplog.records] == [
        "sealer did not run by its schedule: IntegrityError",
        "sealer did not run by its schedule: ValueError",
    ]


def test_one_call_at_a_time(started: list[Schedule]):
    calls, under_way, most = Calls(), [0], [0]

    def slow(event: Any) -> None:
        under_way[0] += 1
        most[0] = max(most[0], under_way[0])
        time.sleep(0.05)
        under_way[0] -= 1
        calls(event)

    start(started, slow, 0.01)
    calls.wait(4)
    assert most == [1]


def test_a_stop_waits_for_nobody(started: list[Schedule], caplog: pytest.LogCaptureFixture):
    entered, go = threading.Event(), threading.Event()

    def stuck(_: Any) -> None:
        entered.set()
        go.wait(HANGS)
        raise WorkerDied("sealer")

    schedule = start(started, stuck, 0.01)
    assert entered.wait(HANGS)
    with ends_by_itself():
        schedule.stop()
    go.set()
    schedule.join(HANGS)
    assert not schedule.is_alive()
    assert not caplog.records


def test_nothing_is_called_after_a_stop(started: list[Schedule]):
    calls = Calls()
    schedule = start(started, calls, 0.01)
    calls.wait(2)
    schedule.stop()
    schedule.join(HANGS)
    assert not schedule.is_alive()
    count = len(calls.times)
    time.sleep(0.1)
    assert len(calls.times) == count


def test_periods_are_named_in_the_table():
    assert period(Function("a", "", (), trigger="schedule:60")) == 60
    assert period(Function("a", "", (), trigger="invoke")) is None
    for row in TABLE:
        period(row)


@pytest.mark.parametrize(
    "trigger", ["schedule:", "schedule:0", "schedule:-1", "schedule:1.5", "schedule:60s", "schedule:1 "]
)
def test_a_malformed_period_is_refused(trigger: str):
    with pytest.raises(ValueError, match="a: a schedule"):
        period(Function("a", "", (), trigger=trigger))
