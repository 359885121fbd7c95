"""After an outage of the sealer its backlog lies in the log by hour and by writer: all of it is proven, and what the
log hasn't got is told from what isn't there yet."""

from __future__ import annotations

import dataclasses
import random
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta

import pytest

from phivault.audit.canonical import EventLine, Link, encode
from phivault.audit.log import bracket as subject
from phivault.audit.log.bracket import Bracket, search
from phivault.audit.log.locate import Bundles, locate
from phivault.audit.log.note import cosign, parse, witnessed_at
from phivault.audit.log.note import sign as sign_note
from phivault.audit.log.prove import prove, witnessed
from phivault.errors import IntegrityError, Unavailable
from tests.support.audit import an_event
from tests.support.log_signer import LocalSigner
from tests.support.memory_log import WITNESS, MemoryLog

START = datetime(2026, 3, 4, 5, tzinfo=UTC)
WRITERS, GAP = 5, 20.0
OUTAGE = (3 * 3600, 7 * 3600)
END = 11 * 3600


def an_entry(seconds: float, writer: int, sequence: int) -> EventLine:
    at = START + timedelta(seconds=seconds)
    event = an_event(timestamp=f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z")
    return EventLine(event, Link(writer=f"{writer:032x}", sequence=sequence, prev="0" * 64))


def written() -> list[tuple[float, EventLine]]:
    """By time, a line of each writer every 20 seconds."""
    times = [(turn * GAP + writer, turn, writer) for turn in range(int(END / GAP)) for writer in range(WRITERS)]
    return [(at, an_entry(at, writer, 1 + turn)) for at, turn, writer in times]


def of_the_sealer(entries: Sequence[tuple[float, EventLine]]) -> list[EventLine]:
    """In the order of a pass: by hour, writer, sequence."""
    ordered = sorted(entries, key=lambda each: (each[0] // 3600, each[1].link.writer, each[1].link.sequence))
    return [entry for _, entry in ordered]


class Sealed:
    """A log of eleven hours; the sealer, which has a pass each ten minutes, rests for four of them. Each hour's first
    checkpoint is kept. ``most`` bounds a pass, ``until`` the last one."""

    def __init__(self, *, most: int = 1300, until: float = END) -> None:
        self.log, self.entries = MemoryLog(), []
        pending, kept = written(), set[str]()
        self.left: list[EventLine] = []
        for now in range(0, int(until) + 1, 600):
            if OUTAGE[0] < now < OUTAGE[1]:
                continue
            taken = of_the_sealer([each for each in pending if each[0] < now])[:most]
            at = START + timedelta(seconds=now)
            self.log.append([encode(each) for each in taken], at=int(at.timestamp()))
            self.entries += taken
            gone = {(each.link.writer, each.link.sequence) for each in taken}
            pending = [each for each in pending if (each[1].link.writer, each[1].link.sequence) not in gone]
            self.left = [entry for at, entry in pending if at < now]
            if f"{at:%Y-%m-%dT%H}" not in kept and self.log.note is not None:
                kept.add(f"{at:%Y-%m-%dT%H}")
                self.log.hourly.append((f"{at:%Y-%m-%dT%H}", self.log.note))

    @property
    def note(self) -> bytes:
        return witnessed(self.log, WITNESS, sleep=lambda _: None, now=lambda: START)

    def prove(self, entry: EventLine) -> int:
        return prove(self.log, self.note, entry).index


@pytest.fixture(scope="module")
def sealed() -> Sealed:
    return Sealed()


def in_the_outage(entry: EventLine) -> bool:
    at = (datetime.fromisoformat(entry.event.timestamp) - START).total_seconds()
    return OUTAGE[0] < at < OUTAGE[1]


def test_every_line_of_a_backlog_is_proven(sealed: Sealed) -> None:
    sampled = random.Random(4).sample(range(len(sealed.entries)), 30)
    sampled += [leaf for leaf, entry in enumerate(sealed.entries) if in_the_outage(entry)][::80]
    missed = 0
    for leaf in sampled:
        entry, bundles = sealed.entries[leaf], Bundles(sealed.log.tile, len(sealed.entries))
        missed += locate(bundles, entry, encode(entry)) is None
        assert sealed.prove(entry) == leaf
    assert missed > 20  # by time alone they aren't found: it is the backlog that is tested


def test_few_bundles_are_read_of_a_backlog(sealed: Sealed) -> None:
    backlog = [entry for entry in sealed.entries if in_the_outage(entry)]
    for entry in backlog[::200]:
        sealed.log.reads = 0
        sealed.prove(entry)
        assert sealed.log.reads <= 45


def altered(entry: EventLine) -> EventLine:
    return EventLine(dataclasses.replace(entry.event, user_id="user-2"), entry.link)


def by_nobody(seconds: float) -> EventLine:
    return an_entry(seconds, writer=0xFFFF, sequence=3)


@pytest.mark.parametrize("seconds", [600, 4.5 * 3600, 6.9 * 3600, 7.5 * 3600])
def test_what_the_log_does_not_hold_is_an_alarm_once_all_of_its_place_was_read(sealed: Sealed, seconds: float) -> None:
    (entry,) = [each for each in sealed.entries if each.link.writer[-1] == "3" and _at(each) == seconds + 3]
    with pytest.raises(IntegrityError):
        sealed.prove(altered(entry))
    with pytest.raises(IntegrityError):
        sealed.prove(by_nobody(seconds))


def _at(entry: EventLine) -> float:
    return (datetime.fromisoformat(entry.event.timestamp) - START).total_seconds()


@pytest.mark.parametrize("until", [7 * 3600, 7 * 3600 + 600, 7 * 3600 + 1200])
def test_a_backlog_that_is_being_sealed_is_no_alarm(until: float) -> None:
    sealed = Sealed(most=700, until=until)
    assert len(sealed.left) > 200
    for entry in sealed.left[::120]:
        with pytest.raises(Unavailable, match="not sealed yet"):
            sealed.prove(entry)


def test_an_unknown_writer_s_line_is_no_alarm_while_it_may_be_sealed(sealed: Sealed) -> None:
    with pytest.raises(Unavailable, match="not sealed yet"):
        sealed.prove(by_nobody(END - 3600))


def test_a_line_behind_a_gap_is_found_in_the_checkpoint_after() -> None:
    late = Sealed(until=OUTAGE[1] + 1800)
    behind = an_entry(OUTAGE[0] + 60, writer=0xAB, sequence=9)
    note = late.note
    with pytest.raises(Unavailable, match="not sealed yet"):
        prove(late.log, note, behind)
    late.log.append([encode(behind)], at=int((START + timedelta(hours=7, minutes=35)).timestamp()))
    assert late.prove(behind) == len(late.entries)


def test_without_an_earlier_checkpoint_it_is_looked_for_from_the_log_s_beginning() -> None:
    only = Sealed(until=OUTAGE[1] + 3000)
    only.log.hourly = []
    leaf = next(leaf for leaf, entry in enumerate(only.entries) if _at(entry) == 5 * 3600 + 2)
    assert only.prove(only.entries[leaf]) == leaf


def test_more_than_may_be_read_is_said_to_be_so(sealed: Sealed, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(subject, "MAX_BUNDLES", 3)
    with pytest.raises(Unavailable, match="more of the log than the 3 bundles"):
        sealed.prove(by_nobody(5 * 3600))


def test_a_bracket_that_was_read_to_its_end_within_the_bound_is_decided(
    sealed: Sealed, monkeypatch: pytest.MonkeyPatch
) -> None:
    bundles = Bundles(sealed.log.tile, len(sealed.entries))
    absent = by_nobody(5 * 3600)
    monkeypatch.setattr(subject, "MAX_BUNDLES", 3)
    with pytest.raises(IntegrityError):
        search(bundles, Bracket(0, 3 * 256, closed=True), absent, encode(absent))
    with pytest.raises(Unavailable, match="not sealed yet"):
        search(bundles, Bracket(0, 3 * 256, closed=False), absent, encode(absent))
    with pytest.raises(Unavailable, match="export"):
        search(bundles, Bracket(0, 3 * 256 + 1, closed=True), absent, encode(absent))


def test_the_time_of_a_cosignature_is_read_from_the_note() -> None:
    text, signer = f"log.example\n0\n{'A' * 43}=\n", LocalSigner("witness")
    signed = sign_note(text, "log.example", LocalSigner("log"))
    cosigned = cosign(text, WITNESS, signer, 1_772_600_007)
    assert witnessed_at(parse(f"{text}\n{signed.line()}{cosigned.line()}".encode())) == 1_772_600_007
    assert witnessed_at(parse(f"{text}\n{signed.line()}".encode())) is None
