"""Jobs in other processes: fills ``phivault.audit.verify.export.Run``."""

from __future__ import annotations

import gc
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ProcessPoolExecutor
from types import TracebackType
from typing import Self


class Processes:
    """``count`` processes, started at once: before there are threads that a fork would leave behind. A few jobs more
    are taken than are worked on, so that neither jobs nor results pile up."""

    def __init__(self, count: int) -> None:
        self._ahead = 2 * count
        # What a segment leaves behind is freed by counting references; looking for cycles would visit every line.
        self._pool = ProcessPoolExecutor(count, initializer=gc.disable)
        self._pool.submit(int).result()

    def __call__[J, R](self, check: Callable[[J], R], jobs: Iterable[J]) -> Iterator[R]:
        waiting: deque[Future[R]] = deque()
        for job in jobs:
            waiting.append(self._pool.submit(check, job))
            if len(waiting) > self._ahead:
                yield waiting.popleft().result()
        while waiting:
            yield waiting.popleft().result()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._pool.shutdown(cancel_futures=True)
