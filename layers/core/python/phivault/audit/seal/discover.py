"""Which objects may be new: those of the hours that are still open, beyond what the log has of each writer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from concurrent.futures import Executor
from datetime import datetime, timedelta
from typing import Final

from phivault.audit.log.store import EventObjects
from phivault.audit.seal.accept import Named, named
from phivault.audit.seal.progress import Progress, hour_of

CLOCK_AHEAD: Final = timedelta(minutes=5)
_PREFIX: Final = re.compile(r"ev/(?:\d+/){4}[0-9a-f]{2}/(?P<writer>[0-9a-f]{32})-", re.ASCII)


def discover(objects: EventObjects, progress: Progress, now: datetime, pool: Executor) -> list[Named]:
    """Objects that may hold new lines, in the order in which they become leaves: by hour, a writer's own always by
    sequence. An hour that hasn't begun, by more than a clock may be ahead, is left for later; keys of a wrong form
    are left out, and an export names them."""
    latest = hour_of(now + CLOCK_AHEAD)
    hours = [hour for hour in objects.hours(progress.since) if hour <= latest]
    prefixes = [prefix for found in pool.map(objects.writers, hours) for prefix in found]
    listings = pool.map(lambda prefix: _beyond(objects, progress, prefix), prefixes)
    writers: dict[str, list[Named]] = {}
    for name in (name for listing in listings for name in listing):
        writers.setdefault(name.writer, []).append(name)
    return [name for _, name in sorted((place for names in writers.values() for place in _places(names)), key=_order)]


def _beyond(objects: EventObjects, progress: Progress, prefix: str) -> list[Named]:
    match = _PREFIX.fullmatch(prefix)
    if match is None:
        return []
    following = progress.of(match["writer"]).next
    after = f"{prefix}{following - 1:08x}.json" if following else ""
    return [name for name in map(named, objects.keys(prefix, after)) if name is not None]


def _places(names: Iterable[Named]) -> Iterator[tuple[str, Named]]:
    """Each with the latest hour so far: a clock that was put back doesn't put a writer's lines out of order."""
    hour = ""
    for name in sorted(names, key=lambda name: (name.sequence, name.key)):
        hour = max(hour, name.hour)
        yield hour, name


def _order(place: tuple[str, Named]) -> tuple[str, str, int, str]:
    hour, name = place
    return hour, name.writer, name.sequence, name.key
