"""What benches share: a figure of the report, and times taken side by side."""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Figure:
    """A ratio, a count or, where the name says so, MiB, with what it shall be at most or at least. Without an aim it
    only informs."""

    name: str
    value: float
    at_most: float | None = None
    at_least: float | None = None

    @property
    def met(self) -> bool | None:
        if self.at_most is None and self.at_least is None:
            return None
        return (self.at_most is None or self.value <= self.at_most) and (
            self.at_least is None or self.value >= self.at_least
        )


def rounds(calls: Mapping[str, Callable[[], object]], count: int, repeats: int) -> list[dict[str, float]]:
    """CPU seconds per call, by name, for each round. The calls take turns, so that a machine that turns slow for a
    while slows them all."""
    taken = []
    for _ in range(count):
        spent = {}
        for name, call in calls.items():
            start = time.process_time_ns()
            for _ in range(repeats):
                call()
            spent[name] = (time.process_time_ns() - start) / repeats / 1e9
        taken.append(spent)
    return taken


def ratio(one: Callable[[], object], other: Callable[[], object], *, count: int = 400, repeats: int = 10) -> float:
    """The median over rounds of what ``one`` costs over what ``other`` costs in the same round."""
    taken = rounds({"one": one, "other": other}, count, repeats)
    return statistics.median(spent["one"] / spent["other"] for spent in taken)
