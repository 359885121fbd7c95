"""How long an event waits for its checkpoint at 1,000 events a second.

The sealer is real, its storage is in memory, the clock is simulated: it advances by what sealing really takes, and by
the pauses of a minute's sealing. Each event is an object of its own, which is as many objects as there can be.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Iterator

from phivault.audit.seal.keep_sealing import keep_sealing
from phivault.audit.seal.sealer import Sealed
from tests.bench._measure import Figure
from tests.support.sealing import Chain, Log

RATE = 1_000
WRITERS = 50
MINUTES = 2
PERIOD = 60.0


def figures() -> Iterator[Figure]:
    lags = _Simulation().run()
    yield Figure("seal lag, seconds, p99, 1,000 events/s in process", statistics.quantiles(lags, n=100)[98], 60)
    yield Figure("seal lag, seconds, median, 1,000 events/s in process", statistics.median(lags))


class _Simulation:
    def __init__(self) -> None:
        self._log = Log()
        self._sealer = self._log.sealer()
        self._chains = [Chain(self._log, f"{number:032x}") for number in range(WRITERS)]
        self._now, self._recorded, self._pending = 0.0, 0, list[float]()
        self.lags: list[float] = []

    def run(self) -> list[float]:
        self._sleep(1.0)  # under load from the start: what follows an idle minute may wait for a whole one
        for minute in range(MINUTES):
            self._sleep(max(0.0, 1.0 + minute * PERIOD - self._now))
            keep_sealing(self._seal, clock=lambda: self._now, sleep=self._sleep)
        return self.lags

    def _sleep(self, seconds: float) -> None:
        self._now += seconds
        self._log.tick(seconds=seconds)
        while self._recorded < self._now * RATE:
            self._chains[self._recorded % WRITERS].put()
            self._pending.append(self._recorded / RATE)
            self._recorded += 1

    def _seal(self) -> Sealed:
        waiting, self._pending = self._pending, []
        began = time.perf_counter()
        sealed = self._sealer.seal()
        self._sleep(time.perf_counter() - began)
        self.lags += [self._now - at for at in waiting]
        return sealed
