"""What the sealer seals, in which order, and what it leaves for later."""

from __future__ import annotations

from dataclasses import replace

import pytest

from phivault.audit.log import checkpoint as checkpoints
from phivault.audit.log.note import parse
from phivault.audit.seal import heal, take
from phivault.audit.seal.staged import Staged
from phivault.errors import IntegrityError, Unavailable
from tests.support.audit import an_event
from tests.support.sealing import Chain, Log, Steps


def witnessed_at(log: Log) -> int | None:
    return checkpoints.verify(log.buckets.note, log.log_key, log.witness_key).witnessed_at


def test_nothing_recorded_makes_no_checkpoint(log):
    sealed = log.sealer().seal()
    assert (sealed.size, sealed.sealed, sealed.witnessed) == (0, 0, False)
    assert log.buckets.note is None


def test_lines_become_leaves_once_and_in_their_writers_order(log):
    one, other = Chain(log), Chain(log, "0d" * 16)
    for _ in range(3):
        one.put(2)
        other.put()
    first = log.sealer().seal()
    assert (first.size, first.sealed, first.healed, first.refused, first.witnessed) == (11, 11, 9, 0, True)
    assert log.sealer().seal().sealed == 0
    one.put()
    assert log.sealer().seal().size == 12
    assert sorted(log.leaves()) == sorted(log.recorded())
    assert log.leaves()[-1] == log.recorded()[-1]


def test_a_recorders_own_objects(log):
    recorder = log.recorder()
    recorder.append([an_event(), an_event()])
    recorder.append([an_event()])
    assert log.sealer().seal().size == 4
    assert log.leaves() == log.recorded()


def test_hours_in_their_order_whatever_the_writers_names(log):
    late = Chain(log, "00" * 16)
    Chain(log, "ff" * 16).put()
    log.tick(hours=1)
    late.put()
    log.sealer().seal()
    assert log.leaves() == log.recorded()


def test_a_clock_that_was_put_back_keeps_a_writers_order(log):
    chain = Chain(log)
    log.tick(minutes=31)
    chain.put()
    log.tick(minutes=-2)
    chain.put()
    log.tick(minutes=2)
    chain.put()
    log.sealer().seal()
    assert log.leaves() == log.recorded()


def test_a_writer_that_comes_back_in_an_earlier_hour_is_still_found(log):
    chain = Chain(log)
    log.tick(minutes=31)
    chain.put()
    log.sealer().seal()
    log.tick(minutes=-2)
    chain.put()
    log.tick(minutes=3)
    assert log.sealer().seal().sealed == 1


@pytest.mark.parametrize(("ahead", "sealed"), [(5, 2), (70, 0)])
def test_a_clock_ahead(log, ahead, sealed):
    log.tick(minutes=28 + ahead)
    Chain(log).put()
    log.tick(minutes=-ahead)
    assert log.sealer().seal().sealed == sealed
    log.tick(minutes=ahead)
    log.sealer().seal()
    assert len(log.leaves()) == 2


def test_an_hour_stays_open_for_two_hours_after_its_end(log):
    chain = Chain(log)
    chain.put()
    log.sealer().seal()
    key, body = chain.make()
    log.tick(hours=2, minutes=20)  # it ended at 13:00, so until 15:00
    Chain(log, "cd" * 16).put()
    log.sealer().seal()
    log.put(key, body)
    assert log.sealer().seal().sealed == 1
    key, body = Chain(log, "ef" * 16).make()
    log.tick(hours=3)
    Chain(log, "01" * 16).put()
    log.sealer().seal()
    log.put(key.replace("2026/03/04/14", "2026/03/04/12"), body)
    assert log.sealer().seal().sealed == 0, "closed: an export names it"


def test_a_writer_at_rest_for_a_day_goes_on(log):
    chain = Chain(log)
    chain.put()
    log.sealer().seal()
    log.tick(hours=23)
    chain.put()
    assert log.sealer().seal().sealed == 1


def test_writers_are_forgotten_at_last(log):
    for number in range(20):
        Chain(log, f"{number:032x}").put()
        log.sealer().seal()
        log.tick(days=1)
    ((name, body),) = log.buckets.staging.items()
    assert len(Staged.decode(body, name, log.log_key).progress.writers) == 4


def test_who_was_at_rest_before_a_long_outage_is_not_sealed_again(log, monkeypatch):
    monkeypatch.setattr(take, "MAX_LINES", 10)
    idle, busy = Chain(log, "00" * 16), Chain(log, "ff" * 16)
    idle.put(3)
    busy.put()
    log.sealer().seal()
    for _ in range(6):
        busy.put(9)
    log.tick(days=4)
    log.sealer().seal()
    assert len(log.leaves()) == len(set(log.leaves())) == 60
    assert sorted(log.leaves()) == sorted(log.recorded())


def test_passes_are_bounded_and_only_the_last_is_witnessed(log, monkeypatch):
    monkeypatch.setattr(take, "MAX_LINES", 100)
    chain = Chain(log)
    for _ in range(30):
        chain.put(10)
    sealed = log.sealer().seal()
    assert (sealed.size, sealed.sealed, sealed.healed, sealed.witnessed) == (301, 301, 300, True)
    assert len(set(log.sizes())) == 4
    assert list(log.witness.sizes) == [301], "lines of a backlog would look back-dated beside their checkpoint"


def test_a_pass_is_bounded_by_bytes_too_but_an_object_is_never_split(log, monkeypatch):
    monkeypatch.setattr(take, "MAX_BYTES", 1000)
    chain = Chain(log)
    chain.put(10)
    chain.put(10)
    log.sealer().seal()
    assert log.sizes()[:2] == [11, 21]


def test_time_runs_out(log, monkeypatch):
    monkeypatch.setattr(take, "MAX_LINES", 10)
    chain = Chain(log)
    for _ in range(5):
        chain.put(10)
    sealed = log.sealer().seal(seconds=0)
    assert (sealed.size, sealed.witnessed, sealed.complete) == (11, False, False)
    sealed = log.sealer().seal()
    assert (sealed.size, sealed.complete) == (51, True)


def test_a_pass_that_takes_too_long_commits_what_it_has_read(log):
    """Each in a process of its own: none of them would live to read everything."""
    for number in range(100):
        Chain(log, f"{number:032x}").put()
    slow = log.slow("get", 1.0)
    sealed = log.sealer(slow).seal(seconds=0)
    assert 0 < sealed.size < 200
    assert not sealed.complete
    for _ in range(10):
        before, sealed = sealed, log.sealer(slow).seal(seconds=0)
        if sealed.complete:
            break
        assert sealed.size > before.size
    assert sealed.complete
    assert sorted(log.leaves()) == sorted(log.recorded())


def test_what_waits_beyond_a_gap_is_not_read(log):
    chain, reads = Chain(log), []
    chain.make()
    for _ in range(50):
        chain.put()
    log.sealer(Steps(watch=lambda name: reads.append(name) if name == "get" else None)).seal()
    assert len(reads) <= 16


def test_healing_stops_at_its_time_and_goes_on_later(log, monkeypatch):
    monkeypatch.setattr(heal, "_LOT", 10)
    chain = Chain(log)
    for _ in range(45):
        chain.put()
    slow = log.slow("heal", 20.0)
    sealer = log.sealer(slow)
    assert [sealer.seal().healed for _ in range(4)] == [20, 20, 5, 0]
    for _ in range(45):
        chain.put()
    assert sealer.seal().healed == 20
    chain.put()
    sealer = log.sealer(slow)  # it finds what another left undone
    while len(log.index.rows) < 91:
        assert sealer.seal().witnessed
    sealer.seal()
    assert log.index.written == 91
    assert len(log.buckets.staging) == 1


def test_cosigned_again_every_ten_minutes_and_in_every_hour(log):
    Chain(log).put()
    sealer, times = log.sealer(), set()
    for _ in range(65):
        assert sealer.seal().witnessed
        times.add(witnessed_at(log))
        log.tick(minutes=1)
    assert len(times) == 7, "at :30, :40, :50, :00 ..."
    assert list(log.buckets.hourly) == ["2026-03-04T12", "2026-03-04T13"]
    assert set(log.sizes()) == {2}


def test_an_hour_keeps_its_first_witnessed_checkpoint(log):
    chain = Chain(log)
    for _ in range(3):
        chain.put()
        log.sealer().seal()
        log.tick(minutes=2)
    (note,) = log.buckets.hourly.values()
    assert checkpoints.parse(parse(note).text).size == 2


def test_an_unreachable_witness_stops_nothing_and_is_told(log, caplog):
    Chain(log).put()
    sealer = log.sealer()
    log.witness.steps = Steps(at=1, error=lambda: Unavailable("far away"))
    sealed = sealer.seal()
    assert (sealed.size, sealed.witnessed) == (2, False)
    assert "not witnessed: far away" in caplog.text
    Chain(log, "cd" * 16).put()
    assert not sealer.seal().witnessed
    log.witness.steps = Steps()
    assert sealer.seal().witnessed
    assert list(log.witness.sizes) == [4]


def test_a_witness_whose_size_isnt_remembered_tells_it(log):
    chain = Chain(log)
    for _ in range(3):
        chain.put(90)
        log.sealer().seal()
    note = parse(log.buckets.note)
    log.buckets.note = replace(note, signatures=note.signatures[:1]).encode()  # as a process leaves it that dies there
    chain.put(200)
    assert log.sealer().seal().witnessed
    assert max(log.witness.sizes) == 471


def test_an_index_that_is_down_is_healed_later(log, caplog):
    chain, sealer = Chain(log), log.sealer()
    log.index.steps = Steps(at=1, error=lambda: Unavailable("throttled"))
    for _ in range(3):
        chain.put(2)
        sealed = sealer.seal()
        assert (sealed.healed, sealed.witnessed) == (0, True)
    assert "audit index not healed: throttled" in caplog.text
    assert len(log.buckets.staging) == 3
    log.index.steps = Steps()
    assert log.sealer().seal().healed == 6, "by another process"
    assert len(log.buckets.staging) == 1


def test_rows_that_are_right_are_left_alone(log):
    chain = Chain(log)
    key = chain.put(3)
    lines = log.buckets.events[key][0].splitlines()
    log.index.rows = {lines[1]: (key, 1), lines[2]: ("elsewhere", 2)}
    assert log.sealer().seal().healed == 2
    assert log.index.rows == {line: (key, place) for place, line in enumerate(lines) if place}


def test_progress_is_made_again_from_the_log_if_what_was_staged_is_lost(log):
    chain = Chain(log)
    chain.put(300)
    log.sealer().seal()
    log.buckets.staging.clear()
    chain.put(2)
    assert log.sealer().seal().sealed == 2
    assert log.leaves() == log.recorded()


def test_what_was_staged_is_gone_and_nothing_was_published(log):
    Chain(log).put(300)
    steps = Steps(error=lambda: Unavailable("gone"))
    steps.watch = lambda name: setattr(steps, "at", 0) if name == "publish" else None
    with pytest.raises(Unavailable):
        log.sealer(steps).seal()
    log.buckets.staging.clear()
    log.buckets.full.clear()
    log.buckets.partial.clear()
    with pytest.raises(IntegrityError, match="not published"):
        log.sealer().seal()


def test_a_sealer_that_is_idle_reads_little(log):
    Chain(log).put()
    steps = Steps()
    sealer = log.sealer(steps)
    sealer.seal()
    before = steps.count
    sealer.seal()
    assert steps.count - before <= 5
