"""The recorder: chains are unbroken, nothing is acknowledged that isn't stored, a lost answer ends a writer."""

from __future__ import annotations

import logging
import os
import re
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest

from phivault.audit.canonical import NO_HASH, EventLine, Genesis, line_hash, parse
from phivault.audit.recorder import LONGEST_SILENCE, Recorder, object_key
from phivault.audit.seal.progress import REMEMBERED
from phivault.errors import Conflict, IntegrityError, Unavailable
from tests.support.audit import MemoryEvents, MemoryIndex, an_event
from tests.support.bounded import ends_by_itself

NOON = datetime(2026, 3, 4, 12, 0, 0, 5000, tzinfo=UTC)


def a_recorder(store: MemoryEvents, index: MemoryIndex | None = None, deadline: float = 1.0) -> Recorder:
    return Recorder(store, index or MemoryIndex(), deadline_seconds=deadline, now=lambda: NOON)


def assert_unbroken(lines: list[bytes]) -> Genesis:
    """Each line names its writer, the next sequence and the hash of the line before."""
    genesis = parse(lines[0])
    assert isinstance(genesis, Genesis)
    for sequence, line in enumerate(lines[1:], start=1):
        entry = parse(line)
        assert isinstance(entry, EventLine)
        assert (entry.link.writer, entry.link.sequence) == (genesis.writer, sequence)
        assert entry.link.prev == line_hash(lines[sequence - 1])
    return genesis


def test_the_first_append_stores_genesis_and_events_in_one_object():
    store, index = MemoryEvents(), MemoryIndex()
    events = [an_event(), an_event()]
    a_recorder(store, index).append(events)
    ((key, body),) = store.objects.items()
    assert re.fullmatch(r"ev/2026/03/04/12/[0-9a-f]{2}/[0-9a-f]{32}-00000000\.json", key)
    assert body.endswith(b"\n")
    lines = body.splitlines()
    genesis = assert_unbroken(lines)
    assert (genesis.timestamp, genesis.predecessor, genesis.predecessor_hash) == (
        "2026-03-04T12:00:00.005Z",
        "",
        NO_HASH,
    )
    assert [parse(line).event for line in lines[1:]] == events
    assert [(row.line, row.object_key, row.position) for row in index.rows] == [(lines[1], key, 1), (lines[2], key, 2)]


def test_later_appends_continue_the_chain_under_keys_of_their_sequence():
    store, index = MemoryEvents(), MemoryIndex()
    recorder = a_recorder(store, index)
    for count in (1, 3, 2):
        recorder.append([an_event() for _ in range(count)])
    ((writer, lines),) = store.chains().items()
    assert_unbroken(lines)
    assert [key[-13:-5] for key in store.objects] == ["00000000", "00000002", "00000005"]
    assert [row.position for row in index.rows] == [1, 0, 1, 2, 0, 1]
    assert object_key(writer, 5, NOON) in store.objects


def test_nothing_to_record_draws_no_writer():
    store = MemoryEvents()
    a_recorder(store).append([])
    assert store.objects == {}


@pytest.mark.parametrize("failure", ["before", "after"])
def test_an_unknown_put_retires_the_writer_and_the_successor_names_its_acknowledged_end(failure):
    store = MemoryEvents("", failure)
    recorder = a_recorder(store)
    recorder.append([an_event(), an_event()])
    with pytest.raises(Unavailable) as caught:
        recorder.append([an_event()])
    assert caught.value.retry_after
    recorder.append([an_event()])
    first, second = store.chains().values()
    if assert_unbroken(first).predecessor:
        first, second = second, first
    successor = assert_unbroken(second)
    assert successor.predecessor == assert_unbroken(first).writer
    assert (successor.predecessor_sequence, successor.predecessor_hash) == (2, line_hash(first[2]))
    assert len(first) == (4 if failure == "after" else 3)


def test_writers_that_stored_nothing_pass_their_predecessor_on():
    store = MemoryEvents("", "before", "before", "before")
    recorder = a_recorder(store)
    recorder.append([an_event()])
    for _ in range(3):
        with pytest.raises(Unavailable):
            recorder.append([an_event()])
    recorder.append([an_event()])
    chains = list(store.chains().values())
    named = {assert_unbroken(lines).predecessor for lines in chains}
    assert len(chains) == 2
    assert named == {"", *store.chains()} - {
        next(w for w, lines in store.chains().items() if parse(lines[0]).predecessor)
    }


@pytest.mark.parametrize("failure", [Conflict("taken"), KeyboardInterrupt(), RuntimeError("bug")])
def test_whatever_interrupts_a_put_ends_the_writer(failure):
    store = MemoryEvents("", failure)
    recorder = a_recorder(store)
    recorder.append([an_event()])
    with pytest.raises(Unavailable if isinstance(failure, Conflict) else type(failure)):
        recorder.append([an_event()])
    recorder.append([an_event()])
    assert len(store.chains()) == 2
    for lines in store.chains().values():
        assert_unbroken(lines)


def test_an_event_that_breaks_the_schema_is_not_recorded_and_costs_no_writer():
    store = MemoryEvents()
    recorder = a_recorder(store)
    recorder.append([an_event()])
    with pytest.raises(IntegrityError, match="patient") as caught:
        recorder.append([an_event(), an_event(patient="Zaphod Beeblebrox")])
    assert "Zaphod" not in str(caught.value)
    recorder.append([an_event()])
    (lines,) = store.chains().values()
    assert len(lines) == 3
    assert_unbroken(lines)


def test_an_index_outage_is_logged_without_values_and_refuses_nothing(caplog):
    store, index = MemoryEvents(), MemoryIndex(Unavailable("row of patient-1"))
    with caplog.at_level(logging.DEBUG):
        a_recorder(store, index).append([an_event()])
    assert len(store.objects) == 1
    assert "audit index not written: unavailable" in caplog.text
    assert "patient-1" not in caplog.text


def test_the_index_never_holds_what_the_log_may_not():
    index = MemoryIndex()
    with pytest.raises(Unavailable):
        a_recorder(MemoryEvents("after"), index).append([an_event()])
    assert index.rows == []


def test_threads_share_one_unbroken_chain():
    store = MemoryEvents()
    recorder = a_recorder(store, deadline=5)
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda _: recorder.append([an_event(), an_event()]), range(50)))
    (lines,) = store.chains().values()
    assert len(lines) == 101
    assert_unbroken(lines)


def test_a_queue_behind_a_slow_put_is_refused_within_the_deadline():
    store = MemoryEvents()
    store.slow = 60
    recorder = a_recorder(store, deadline=1.0)
    refused: list[Unavailable] = []

    def append() -> None:
        with pytest.raises(Unavailable) as caught:
            recorder.append([an_event()])
        refused.append(caught.value)

    threads = [threading.Thread(target=append) for _ in range(40)]  # one after the other they would take 40 seconds
    with ends_by_itself():
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert len(refused) == 40


def test_a_forked_child_is_another_writer():
    store = MemoryEvents()
    recorder = a_recorder(store)
    recorder.append([an_event()])
    (mine,) = store.chains()
    reader, writer = os.pipe()
    child = os.fork()
    if child == 0:
        try:
            recorder.append([an_event()])
            (other,) = store.chains().keys() - {mine}
            genesis = parse(store.chains()[other][0])
            os.write(writer, f"{other} {genesis.predecessor_sequence}".encode())
        finally:
            os._exit(0)
    os.close(writer)
    os.waitpid(child, 0)
    with os.fdopen(reader) as answer:
        other, predecessor_sequence = answer.read().split()
    recorder.append([an_event()])
    assert other != mine
    assert predecessor_sequence == "-1"
    assert list(store.chains()) == [mine]


def test_events_name_the_checkpoint_that_was_last_seen():
    seen = iter(["", "7/" + "a" * 64, "9/" + "b" * 64])
    store = MemoryEvents()
    recorder = Recorder(
        store, MemoryIndex(), deadline_seconds=1.0, now=lambda: NOON, last_checkpoint=lambda: next(seen)
    )
    for _ in range(3):
        recorder.append([an_event(), an_event()])
    ((_, lines),) = store.chains().items()
    entries = [parse(line) for line in lines[1:]]
    assert [entry.link.checkpoint[:2] for entry in entries] == ["", "", "7/", "7/", "9/", "9/"]


@pytest.mark.parametrize(("hours", "writers"), [(23, 1), (24, 2)])
def test_a_writer_that_was_silent_for_a_day_is_succeeded(hours, writers):
    """So that the sealer needn't remember for ever where each writer stands."""
    store, clock = MemoryEvents(), [NOON]
    recorder = Recorder(store, MemoryIndex(), deadline_seconds=1.0, now=lambda: clock[0])
    recorder.append([an_event()])
    clock[0] += timedelta(hours=hours)
    recorder.append([an_event()])
    chains = list(store.chains().values())
    assert len(chains) == writers
    successors = [chain for chain in chains if assert_unbroken(chain).predecessor]
    assert len(successors) == writers - 1
    assert LONGEST_SILENCE < REMEMBERED
