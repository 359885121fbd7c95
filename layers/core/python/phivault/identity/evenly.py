"""Answers that take as long whatever happened behind them."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager


@contextmanager
def evenly(
    seconds: float, clock: Callable[[], float] = time.monotonic, sleep: Callable[[float], object] = time.sleep
) -> Iterator[None]:
    """Leave after a whole multiple of ``seconds``, also by an error: what takes less differs in no time. Work that may
    take longer gives away in which multiple it ended, so ``seconds`` is to be above its usual length."""
    started = clock()
    try:
        yield
    finally:
        spent = clock() - started
        sleep(max(1, math.ceil(spent / seconds)) * seconds - spent)
