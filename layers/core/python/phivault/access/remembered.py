"""What was decided, by the question that it answers."""

from __future__ import annotations

from collections.abc import Collection, Hashable
from dataclasses import dataclass
from threading import Lock

_NONE: frozenset[str] = frozenset()


@dataclass(frozen=True, slots=True)
class Known:
    """Which data classes were asked about, and which of them are granted."""

    asked: frozenset[str] = _NONE
    allowed: frozenset[str] = _NONE

    def and_also(self, asked: Collection[str], allowed: frozenset[str]) -> Known:
        return Known(self.asked.union(asked), self.allowed | allowed)


class Remembered:
    """At most ``size`` questions; who comes beyond that sends the oldest away. Safe to share between threads.

    Two threads that learn about one question at once may lose what one of them learnt: it is asked again.
    """

    def __init__(self, size: int) -> None:
        self._size = size
        self._held: dict[Hashable, Known] = {}
        self._changing = Lock()

    def get(self, question: Hashable) -> Known | None:
        return self._held.get(question)

    def put(self, question: Hashable, known: Known) -> None:
        with self._changing:
            self._held.pop(question, None)
            self._held[question] = known
            while len(self._held) > self._size:
                del self._held[next(iter(self._held))]

    def __len__(self) -> int:
        return len(self._held)
