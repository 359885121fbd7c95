"""Two sealers, in every order of their steps: one history, whoever comes first."""

from __future__ import annotations

import threading
from collections.abc import Sequence

from hypothesis import given, settings
from hypothesis import strategies as st

from phivault.audit.log import checkpoint as checkpoints
from phivault.errors import Unavailable
from tests.support.sealing import Chain, Log, MemoryStorage, Steps

PATIENCE = 5


class Turns:
    """Whose step is next. Where the one whose turn it is does nothing any more, the other goes on."""

    def __init__(self, order: Sequence[bool]) -> None:
        self._order, self._at = [*order], 0
        self._running = {False, True}
        self._moved = threading.Condition()

    def wait(self, who: bool) -> None:
        with self._moved:
            assert self._moved.wait_for(lambda: self._next() is who, PATIENCE), "stuck"
            self._at += 1
            self._moved.notify_all()

    def _next(self) -> bool:
        if len(self._running) == 1:
            return next(iter(self._running))
        return self._order[self._at] if self._at < len(self._order) else bool(self._at % 2)

    def done(self, who: bool) -> None:
        with self._moved:
            self._running.discard(who)
            self._moved.notify_all()


def run(log: Log, order: Sequence[bool]) -> None:
    turns = Turns(order)
    sealers = {who: log.sealer(Steps(watch=lambda _, who=who: turns.wait(who))) for who in (False, True)}
    log.witness.steps = log.index.steps = Steps()  # shared by both: their steps aren't anybody's turn

    def seal(who: bool) -> None:
        try:
            for _ in range(2):
                sealers[who].seal()
        except Unavailable:
            pass  # always second, which happens to the slower of two machines
        finally:
            turns.done(who)

    threads = [threading.Thread(target=seal, args=(who,)) for who in (False, True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()


@settings(max_examples=30, deadline=None)
@given(st.lists(st.booleans(), max_size=120), st.integers(1, 300))
def test_any_order_of_steps(order, count):
    log = Log()
    one = Chain(log)
    one.put(count)
    run(log, order)
    one.put(2)
    Chain(log, "cd" * 16).put()
    log.tick(minutes=1)
    run(log, order[::-1])
    log.tick(minutes=1)
    assert log.sealer().seal().witnessed
    assert sorted(log.leaves()) == sorted(log.recorded())
    assert not log.witness.forks
    assert log.sizes() == sorted(log.sizes())
    roots = {checkpoints.verify(note, log.log_key).checkpoint for note in log.buckets.history}
    assert len(roots) == len({each.size for each in roots}), "two roots for one size"
    assert len(log.buckets.staging) == 1
    assert log.index.written == len(log.index.rows) == count + 3


def test_the_turns_are_taken():
    """So that the test above tests something."""
    seen: list[bool] = []
    log = Log()
    Chain(log).put()
    turns = Turns([])
    storages = {
        who: MemoryStorage(log.buckets, Steps(watch=lambda _, who=who: (turns.wait(who), seen.append(who))))
        for who in (False, True)
    }

    def read(who: bool) -> None:
        for _ in range(5):
            storages[who].head()
        turns.done(who)

    threads = [threading.Thread(target=read, args=(who,)) for who in (True, False)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(seen) == 10
