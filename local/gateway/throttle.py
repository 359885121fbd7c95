"""Token buckets, as API Gateway's throttling: a steady rate with a burst."""

from __future__ import annotations

import time
from collections import OrderedDict
from collections.abc import Callable

MAX_BUCKETS = 10_000


class Throttle:
    """``rate`` in requests per second, ``burst`` in requests, for each key (a source address)."""

    def __init__(self, rate: float, burst: int, now: Callable[[], float] = time.monotonic) -> None:
        self._rate, self._burst, self._now = rate, burst, now
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait(self, key: str) -> int:
        """0 when the request may pass, else the seconds after which it may."""
        now = self._now()
        tokens, last = self._buckets.pop(key, (float(self._burst), now))
        tokens = min(self._burst, tokens + (now - last) * self._rate)
        passes = tokens >= 1
        self._buckets[key] = (tokens - passes, now)
        if len(self._buckets) > MAX_BUCKETS:
            self._buckets.popitem(last=False)
        return 0 if passes else max(1, round((1 - tokens) / self._rate))
