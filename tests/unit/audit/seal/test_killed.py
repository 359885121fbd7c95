"""The sealer dies before or after anything that it does, and starts again: nothing is lost, nothing twice."""

from __future__ import annotations

import random
from contextlib import suppress
from functools import cache

import pytest

from phivault.audit.log import checkpoint as checkpoints
from phivault.errors import Unavailable
from tests.support.sealing import Chain, Log, Steps


class Killed(BaseException):
    """The process is gone."""


def holds(log: Log) -> None:
    """What must be true of a log whose sealer came to its end at last."""
    leaves = log.leaves()
    assert sorted(leaves) == sorted(log.recorded()), "lost or doubled"
    of_writers: dict[str, list[bytes]] = {}
    for key in sorted(log.buckets.events, key=lambda key: key.rpartition("/")[2]):
        lines = log.buckets.events[key][0].splitlines()
        of_writers.setdefault(key.rpartition("/")[2].partition("-")[0], []).extend(lines)
    place = {line: number for number, line in enumerate(leaves)}
    for lines in of_writers.values():
        places = [place[line] for line in lines]
        assert places == sorted(places), "a writer's lines are out of order"
    assert log.sizes() == sorted(log.sizes())
    assert not log.witness.forks
    events = {line for line in leaves if b'"kind":"event"' in line}
    assert log.index.rows.keys() == events
    assert log.index.written == len(events), "a row that was right was written again"
    for note in log.buckets.hourly.values():
        kept = checkpoints.verify(note, log.log_key).checkpoint
        assert log.witness.sizes[kept.size] == kept.root
    assert len(log.buckets.staging) == 1, "what was staged isn't cleared away"
    assert len(log.buckets.partial) <= 2 * 4


@cache
def sealed_once() -> int:
    """How many steps a whole run has."""
    log = Log()
    steps = Steps()
    story(log, steps)
    return steps.count


def story(log: Log, steps: Steps) -> None:
    """From an empty log past a full tile, each minute a new process."""
    for minute in recorded():
        put(log, minute)
        log.sealer(steps).seal()


@cache
def recorded() -> list[list[tuple[str, bytes]]]:
    """What two writers record in each minute."""
    log = Log()
    one, other = Chain(log), Chain(log, "cd" * 16)
    minutes = []
    for count in (3, 254, 1):
        minutes.append([one.make(count), other.make(2)])
        log.tick(minutes=1)
    return minutes


def put(log: Log, minute: list[tuple[str, bytes]]) -> None:
    for key, body in minute:
        log.put(key, body)
    log.tick(minutes=1)


@pytest.mark.parametrize("how", ["before", "after"])
def test_dying_at_every_step_of_a_short_history(how):
    total = sealed_once()
    assert total > 60
    for at in range(1, total + 1):
        log = Log()
        with suppress(Killed):
            story(log, Steps(at=at, how=how, error=Killed))
        for _ in range(2):
            log.tick(minutes=1)
            log.sealer().seal()
        holds(log)


@pytest.mark.parametrize("how", ["before", "after"])
def test_an_answer_lost_once_and_the_process_lives_on(how):
    for at in range(1, sealed_once() + 1, 3):
        log = Log()
        steps = Steps(at=at, how=how, error=lambda: Unavailable("lost"), once=True)
        sealer = log.sealer(steps)
        for minute in recorded():
            put(log, minute)
            with suppress(Unavailable):
                sealer.seal()
        for _ in range(2):
            log.tick(minutes=1)
            log.sealer().seal()
        holds(log)


def test_ten_thousand_events_and_two_hundred_deaths():
    random_ = random.Random(4)
    log, kills, recorded = Log(), 0, 0
    chains = [Chain(log, f"{number:032x}") for number in range(8)]
    while recorded < 10_000 or kills < 200:
        for chain in chains if recorded < 10_000 else ():
            count = random_.choice((1, 1, 1, 2, 7, 25))
            chain.put(count)
            recorded += count
        log.tick(seconds=random_.choice((1, 20, 60, 400)))
        steps = Steps(at=random_.randint(1, 60), how=random_.choice(("before", "after")), error=Killed)
        try:
            log.sealer(steps).seal()
        except Killed:
            kills += 1
    log.tick(minutes=1)
    assert log.sealer().seal().witnessed
    assert kills >= 200
    assert recorded >= 10_000
    holds(log)
