"""A small cache bounded in time and size, for keys in the clear. Safe to use from several threads."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock


class ExpiringCache[Key: Hashable, Value]:
    """An entry lives ``seconds`` from the time that ``put`` is given; reading it never extends that.

    At most ``size`` entries; the least recently used goes first. ``put`` also drops what has expired, so that no
    key outlives its time by more than the wait for the next one.
    """

    def __init__(self, *, seconds: float, size: int, now: Callable[[], float]) -> None:
        self._seconds = seconds
        self._size = size
        self._now = now
        self._entries: OrderedDict[Key, tuple[float, Value]] = OrderedDict()
        self._lock = Lock()

    def get(self, key: Key) -> Value | None:
        with self._lock:
            entry = self._entries.get(key)
            if entry is None or not self._fresh(entry[0], self._now()):
                return None
            self._entries.move_to_end(key)
            return entry[1]

    def put(self, key: Key, value: Value, since: float) -> None:
        with self._lock:
            now = self._now()
            for old in [old for old, (put, _) in self._entries.items() if not self._fresh(put, now)]:
                del self._entries[old]
            self._entries[key] = (since, value)
            self._entries.move_to_end(key)
            while len(self._entries) > self._size:
                self._entries.popitem(last=False)

    def drop(self, key: Key) -> None:
        with self._lock:
            self._entries.pop(key, None)

    def _fresh(self, since: float, now: float) -> bool:
        # A clock that was set back doesn't lengthen an entry's life.
        return since <= now < since + self._seconds
