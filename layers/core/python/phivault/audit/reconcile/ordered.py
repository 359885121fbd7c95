"""Order of time for more than memory should hold: sorted runs in temporary files, then merged."""

from __future__ import annotations

import heapq
import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import ExitStack
from itertools import batched
from typing import IO, Any, Final

from phivault.audit.reconcile.claims import Mention, Request, Unwrap

RUN: Final = 100_000
"""Rows sorted in memory at a time: some tens of megabytes."""


def by_time[T: Unwrap | Request | Mention](kind: type[T], items: Iterable[T], *, run: int = RUN) -> Iterator[T]:
    """The items in order of ``at``. The files hold opaque ids, are their owner's alone, and go with the iterator."""
    with ExitStack() as files:
        runs = []
        for batch in batched(items, run, strict=False):
            runs.append(files.enter_context(tempfile.TemporaryFile("w+", encoding="utf-8")))
            _write(runs[-1], sorted(batch, key=_at))
        yield from heapq.merge(*(_read(kind, file) for file in runs), key=_at)


def _at(item: Unwrap | Request | Mention) -> float:
    return item.at


def _write(file: IO[str], items: Iterable[Any]) -> None:
    for item in items:
        file.write(json.dumps([getattr(item, name) for name in item.__slots__]) + "\n")
    file.seek(0)


def _read(kind: Any, file: IO[str]) -> Iterator[Any]:
    for line in file:
        yield kind(*(tuple(value) if isinstance(value, list) else value for value in json.loads(line)))
