"""Read or write many small objects at once, in order, without holding more than a few."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Final

_THREADS: Final = 16
_WINDOW: Final = 64


def ahead[A, B](do: Callable[[A], B], items: Iterable[A]) -> Iterator[B]:
    """``map(do, items)``, up to 64 items ahead of whoever takes the results. The first failure is raised in its turn,
    and nothing new is begun then."""
    pending: deque[Future[B]] = deque()
    pool = ThreadPoolExecutor(_THREADS)
    try:
        for item in items:
            pending.append(pool.submit(do, item))
            if len(pending) == _WINDOW:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
    finally:
        pool.shutdown(wait=True, cancel_futures=True)
