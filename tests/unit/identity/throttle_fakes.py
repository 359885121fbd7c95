"""FailureStore and LimitStore in memory. Calls from several threads are one after the other, as in DynamoDB."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from phivault.errors import Unavailable
from phivault.identity.lockout import STRANGERS, Failures, Standing


class MemoryThrottle:
    """``down`` refuses before persisting; ``lost_answers`` fails after it."""

    def __init__(self) -> None:
        self.failed: dict[tuple[str, str], tuple[Failures, int]] = {}
        self.places: dict[tuple[str, str], int] = {}
        self.spent: dict[str, int] = {}
        self.down = self.lost_answers = False
        self._turn = threading.Lock()

    def standing(self, account: str, place: str, at: float) -> Standing:
        with self._call():
            known = self.places.get((account, place), 0) > at
            return Standing(known, self._read(account, place, at), self._read(account, STRANGERS, at))

    def swap(self, account: str, who: str, old: Failures, new: Failures, *, at: float, expires: int) -> bool:
        with self._call():
            if self._read(account, who, at) != old:
                return False
            self.failed[account, who] = new, expires
            return True

    def give_back(self, account: str, who: str) -> None:
        with self._call():
            failures, expires = self.failed.get((account, who), (Failures(), 0))
            if failures.count:
                self.failed[account, who] = Failures(failures.count - 1), expires

    def forget(self, account: str, who: str) -> None:
        with self._call():
            self.failed.pop((account, who), None)

    def remember(self, account: str, place: str, *, at: float, expires: int) -> bool:
        with self._call():
            before = self.places.get((account, place), 0)
            self.places[account, place] = expires
            return before <= at

    def spend(self, name: str, most: int, expires: int) -> bool:
        with self._call():
            if self.spent.get(name, 0) >= most:
                return False
            self.spent[name] = self.spent.get(name, 0) + 1
            return True

    def refund(self, name: str) -> None:
        with self._call():
            if self.spent.get(name):
                self.spent[name] -= 1

    @property
    def counts(self) -> list[int]:
        """The failures that are counted, of all accounts and places."""
        return [failures.count for failures, _ in self.failed.values() if failures.count]

    def _read(self, account: str, who: str, at: float) -> Failures:
        failures, expires = self.failed.get((account, who), (Failures(), 0))
        return failures if expires > at else Failures()

    @contextmanager
    def _call(self) -> Iterator[None]:
        with self._turn:
            if self.down:
                raise Unavailable("The table is down")
            yield
            if self.lost_answers:
                raise Unavailable("The answer was lost")
