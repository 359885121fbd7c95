"""The leaf of a line is found in the log alone, wherever it stands, in a bounded number of reads."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from phivault.audit.canonical import EventLine, Genesis, Link, encode
from phivault.audit.log import locate as subject
from phivault.audit.log.locate import Bundles, locate
from phivault.audit.log.tiles import encode_entries, entries_path
from phivault.errors import IntegrityError
from tests.support.audit import an_event

if TYPE_CHECKING:
    from collections.abc import Callable

START = datetime(2026, 3, 4, 5, tzinfo=UTC)


def stamp(seconds: float) -> str:
    at = START + timedelta(seconds=seconds)
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


def an_entry(seconds: float, writer: int = 0, sequence: int = 1) -> EventLine:
    return EventLine(
        an_event(timestamp=stamp(seconds)), Link(writer=f"{writer:032x}", sequence=sequence, prev="0" * 64)
    )


class Log:
    """Entry bundles made on demand; counts those that were read."""

    def __init__(self, entries: Sequence[EventLine | Genesis]) -> None:
        self.lines = [encode(entry) for entry in entries]
        held = [self.lines[start : start + 256] for start in range(0, len(entries), 256)]
        self.files = {entries_path(at, len(lines)): encode_entries(lines) for at, lines in enumerate(held)}
        self.read: set[str] = set()

    def __call__(self, path: str) -> bytes:
        self.read.add(path)
        return self.files[path]

    def find(self, entry: EventLine) -> int | None:
        return locate(Bundles(self, len(self.lines)), entry, encode(entry))


def in_order(count: int, *, writers: int = 5, gap: float = 1.0) -> list[EventLine]:
    return [an_entry(number * gap, number % writers, 1 + number // writers) for number in range(count)]


@pytest.mark.parametrize("size", [1, 2, 255, 256, 257, 1000])
def test_every_line_of_a_small_log_is_found(size: int) -> None:
    entries = in_order(size)
    log = Log(entries)
    for leaf in {*range(0, size, 17), size - 1}:
        assert log.find(entries[leaf]) == leaf


def test_an_empty_log_holds_nothing() -> None:
    assert Log([]).find(an_entry(0)) is None


def test_a_genesis_at_a_bundle_s_beginning_has_a_time_too() -> None:
    entries: list[EventLine | Genesis] = [*in_order(600)]
    entries[256] = Genesis(writer="f" * 32, timestamp=stamp(256))
    log = Log(entries)
    found = entries[300]
    assert isinstance(found, EventLine)
    assert log.find(found) == 300


def a_minute_at_a_time(entries: Sequence[EventLine]) -> list[EventLine]:
    """As a sealer that takes each minute writer by writer."""
    return sorted(entries, key=lambda each: (each.event.timestamp[:16], each.link.writer, each.link.sequence))


def skewed(entries: Sequence[EventLine]) -> list[EventLine]:
    """One writer's clock is four minutes ahead."""
    late = timedelta(minutes=4)

    def shifted(each: EventLine) -> EventLine:
        if each.link.writer != f"{2:032x}":
            return each
        at = datetime.fromisoformat(each.event.timestamp) + late
        event = dataclasses.replace(each.event, timestamp=f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z")
        return EventLine(event, each.link)

    return [shifted(each) for each in entries]


def after_an_outage(entries: Sequence[EventLine]) -> list[EventLine]:
    """The middle third is sealed in one pass, writer by writer."""
    third = len(entries) // 3
    middle = sorted(entries[third : 2 * third], key=lambda each: (each.link.writer, each.link.sequence))
    return [*entries[:third], *middle, *entries[2 * third :]]


@pytest.mark.parametrize("disorder", [a_minute_at_a_time, skewed, after_an_outage])
def test_lines_out_of_order_are_found(disorder: Callable[[Sequence[EventLine]], list[EventLine]]) -> None:
    entries = disorder(in_order(6000, gap=0.2))
    log = Log(entries)
    for leaf in random.Random(7).sample(range(len(entries)), 60):
        log.read.clear()
        assert log.find(entries[leaf]) == leaf


@pytest.fixture(scope="module")
def large() -> tuple[list[EventLine], Log]:
    entries = in_order(20_000, gap=0.1)
    return entries, Log(entries)


def test_a_large_log_is_read_at_few_places(large: tuple[list[EventLine], Log]) -> None:
    entries, log = large
    for leaf in (0, 1, 17_000, 19_999):
        log.read.clear()
        assert log.find(entries[leaf]) == leaf
        assert len(log.read) <= 12


@pytest.mark.parametrize("seconds", [-3600, 0, 1000, 1999.9, 2500])
def test_what_is_not_there_is_said_soon(large: tuple[list[EventLine], Log], seconds: float) -> None:
    _, log = large
    log.read.clear()
    absent = an_entry(seconds, writer=3, sequence=1 + max(0, int(seconds * 10 / 5)))
    assert log.find(absent) is None
    assert len(log.read) <= 15


def test_a_changed_line_is_not_there() -> None:
    entries = in_order(1000)
    changed = dataclasses.replace(entries[500].event, user_id="user-2")
    assert Log(entries).find(EventLine(changed, entries[500].link)) is None


def test_the_search_ends_where_too_much_lies_around_that_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "MAX_NEAR", 3)
    entries = [an_entry(0, writer=number) for number in range(5000)]
    log = Log(entries)
    assert log.find(an_entry(0, writer=9999)) is None
    assert len(log.read) <= 10


def test_a_bundle_with_fewer_lines_than_it_should_have_is_refused() -> None:
    entries = in_order(3)
    with pytest.raises(IntegrityError):
        Bundles(lambda _: encode_entries([encode(entries[0])]), 3)[0]


def test_the_time_of_a_leaf() -> None:
    bundles = Bundles(Log(in_order(300)), 300)
    assert bundles.time_of(299) == START + timedelta(seconds=299)
