"""That something ends instead of hanging. How fast it is, is measured by `make bench`."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

HANGS = 30.0
"""Seconds that whoever never answers lasts at least, in tests."""


@contextmanager
def ends_by_itself() -> Iterator[None]:
    """Fails when what is inside took half of ``HANGS``: far longer than any time limit of the product that stands in
    its way, so that a slow machine passes too."""
    began = time.monotonic()
    yield
    assert time.monotonic() - began < HANGS / 2, "It waited for somebody who never answers"
