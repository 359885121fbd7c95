"""A proof that is handed out holds under the pinned keys; what can't be proven is told apart."""

from __future__ import annotations

import dataclasses
from datetime import UTC, datetime, timedelta

import pytest

from phivault.audit.canonical import EventLine, Link, encode
from phivault.audit.log import proof as proofs
from phivault.audit.log.checkpoint import verify
from phivault.audit.log.prove import prove, witnessed
from phivault.audit.log.tiles import encode_entries, entries_path
from phivault.errors import IntegrityError, Unavailable
from tests.support.audit import an_event
from tests.support.memory_log import WITNESS, MemoryLog

START = datetime(2026, 3, 4, 5, tzinfo=UTC)


def entry(number: int) -> EventLine:
    at = START + timedelta(seconds=number)
    event = an_event(timestamp=f"{at:%Y-%m-%dT%H:%M:%S}.000Z")
    return EventLine(event, Link(writer="a" * 32, sequence=number + 1, prev="0" * 64))


ENTRIES = [entry(number) for number in range(700)]


@pytest.fixture
def log() -> MemoryLog:
    log = MemoryLog()
    for start in range(0, len(ENTRIES), 90):
        log.append([encode(each) for each in ENTRIES[start : start + 90]])
    return log


def newest(log: MemoryLog) -> bytes:
    return witnessed(log, WITNESS, sleep=lambda _: None, now=lambda: START)


@pytest.mark.parametrize("leaf", [0, 255, 256, 300, 699])
def test_a_proof_verifies_offline(log: MemoryLog, leaf: int) -> None:
    text = prove(log, newest(log), ENTRIES[leaf]).encode()
    read = proofs.parse(text)
    assert read.index == leaf
    assert read.extra == encode(ENTRIES[leaf])
    assert read.verify(read.extra, log.log_key, log.witness_key).checkpoint.size == 700


def test_the_proof_of_an_altered_line_does_not_verify(log: MemoryLog) -> None:
    made = prove(log, newest(log), ENTRIES[300])
    altered = made.extra.replace(b'"success":true', b'"success":false')
    assert altered != made.extra
    with pytest.raises(IntegrityError):
        made.verify(altered, log.log_key, log.witness_key)


def test_an_event_that_is_not_sealed_yet_is_asked_for_again(log: MemoryLog) -> None:
    with pytest.raises(Unavailable) as refused:
        prove(log, newest(log), entry(701))
    assert refused.value.retry_after == 60


def test_an_event_of_an_older_checkpoint_s_future_is_not_sealed_in_it(log: MemoryLog) -> None:
    older = newest(log)
    log.append([encode(entry(number)) for number in range(700, 720)])
    with pytest.raises(Unavailable):
        prove(log, older, entry(710))


def test_an_event_that_the_index_made_up_is_an_alarm(log: MemoryLog) -> None:
    log.append([encode(entry(3600))])
    faked = EventLine(dataclasses.replace(ENTRIES[300].event, user_id="user-2"), ENTRIES[300].link)
    with pytest.raises(IntegrityError):
        prove(log, newest(log), faked)


def test_no_proof_is_made_from_altered_tiles(log: MemoryLog) -> None:
    path = entries_path(1)
    faked = EventLine(dataclasses.replace(ENTRIES[300].event, user_id="user-2"), ENTRIES[300].link)
    held = [encode(each) for each in ENTRIES[256:512]]
    held[300 - 256] = encode(faked)
    log.files[path] = encode_entries(held)
    with pytest.raises(IntegrityError):
        prove(log, newest(log), faked)


def test_a_checkpoint_without_cosignature_is_waited_for(log: MemoryLog) -> None:
    log.publish(witnessed=False)
    waits: list[float] = []

    def sleep(seconds: float) -> None:
        waits.append(seconds)
        if len(waits) == 2:
            log.publish(witnessed=True)

    note = witnessed(log, WITNESS, sleep=sleep, now=lambda: START)
    assert verify(note, log.log_key, log.witness_key).witnessed_at is not None
    assert sum(waits) < 1


def test_without_the_witness_the_last_hourly_checkpoint_counts(log: MemoryLog) -> None:
    kept = newest(log)
    log.hourly = [("2026-03-04T03", b""), ("2026-03-04T04", kept)]
    log.hourly.pop(0)
    log.append([encode(entry(701))], witnessed=False)
    assert newest(log) == kept
    log.hourly = [("2026-03-01T04", kept)]
    with pytest.raises(Unavailable):
        newest(log)


def test_a_log_without_a_checkpoint_is_not_available() -> None:
    with pytest.raises(Unavailable):
        newest(MemoryLog())
