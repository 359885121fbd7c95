"""What calls cost beside each other: of this process, and as a caller waits."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from typing import Literal

type Unit = Literal["cpu", "wall"]


@dataclass(frozen=True, slots=True)
class Spent:
    """Seconds of one call: CPU of all threads of this process, and of the clock."""

    cpu: float
    wall: float

    def of(self, unit: Unit) -> float:
        return self.cpu if unit == "cpu" else self.wall


type Turn = dict[str, Spent]


def turns(calls: Mapping[str, Callable[[], object]], count: int) -> list[Turn]:
    """Each call once a turn, one after the other, so that a machine that turns slow for a while slows them all."""
    taken = []
    for _ in range(count):
        turn = {}
        for name, call in calls.items():
            cpu, wall = time.process_time_ns(), time.perf_counter_ns()
            call()
            turn[name] = Spent((time.process_time_ns() - cpu) / 1e9, (time.perf_counter_ns() - wall) / 1e9)
        taken.append(turn)
    return taken


def ratio(taken: Iterable[Turn], one: Iterable[str], other: Iterable[str], unit: Unit) -> float:
    """The median over turns of what ``one`` cost, together, over what ``other`` did in the same turn."""
    ours, theirs = list(one), list(other)
    return statistics.median(_sum(turn, ours, unit) / _sum(turn, theirs, unit) for turn in taken)


def typical(taken: Iterable[Turn], name: str, unit: Unit) -> float:
    """The median, in seconds."""
    return statistics.median(turn[name].of(unit) for turn in taken)


def _sum(turn: Turn, names: Iterable[str], unit: Unit) -> float:
    return sum(turn[name].of(unit) for name in names)
