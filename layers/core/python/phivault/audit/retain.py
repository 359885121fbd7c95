"""The rules of retention, put on the objects that they are for: those that stand, and new ones as they are sealed."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from itertools import batched
from typing import Final, Protocol

from phivault.audit.retention import RetentionStore, Rules, days_for, is_held
from phivault.audit.store import RecordedEvent
from phivault.audit.tenants import attests
from phivault.errors import IntegrityError

EVENTS: Final = "ev/"
LOG: Final = "log/"
_THREADS: Final = 16
_BATCH: Final = 256


@dataclass(frozen=True, slots=True)
class Listed:
    """An object and when it was written."""

    key: str
    modified: datetime


class LockedObjects(Protocol):
    """The audit bucket. Obligations: a listing has every object that was written before it began, in order of keys.
    ``retain`` never shortens: an object that is kept as long or longer stays as it is. Raises Unavailable."""

    def after(self, prefix: str, key: str) -> Iterator[Listed]:
        """Objects whose keys begin with ``prefix``, those after ``key`` alone."""

    def read(self, key: str) -> bytes: ...

    def retain(self, key: str, until: datetime) -> None:
        """Keep it locked until then."""

    def hold(self, key: str, on: bool) -> None:
        """Place it under a legal hold, or lift that."""


@dataclass(frozen=True, slots=True)
class Owned:
    """An object and the (tenant, patient) of its lines; None for a tile or bundle of the log, which is everybody's."""

    listed: Listed
    owners: frozenset[tuple[str, str]] | None


class Applier:
    def __init__(self, store: RetentionStore, objects: LockedObjects, *, default_days: int) -> None:
        self._store, self._objects, self._default = store, objects, default_days

    def apply(self, keys: Iterable[tuple[str, Sequence[bytes] | None]]) -> int:
        """Put the rules on objects that were written just now: each key with its lines, None for a tile or bundle of
        the log. How many differ from the default. Without any rule nothing is called. Raises Unavailable."""
        rules = self._store.rules()
        if not rules.days and not rules.holds:
            return 0
        now = datetime.now(UTC)
        owned = [Owned(Listed(key, now), None if lines is None else owners_of(lines)) for key, lines in keys]
        with ThreadPoolExecutor(_THREADS) as threads:
            return sum(threads.map(lambda one: self._put(rules, one, lifting=False), owned))

    def walk(self, tenant: str, *, after: str = "", lifting: bool = False) -> Iterator[tuple[str, int]]:
        """Put the rules on every object that stands and that they change: those with a line of ``tenant``, and the
        log's own. Yields the key up to which all is done and how many objects that was, every few hundred: ``after``
        takes up there again.
        ``lifting`` also takes holds off that no case keeps any longer. Raises Unavailable."""
        rules = self._store.rules()
        with ThreadPoolExecutor(_THREADS) as threads:
            for batch in batched(self._standing(after), _BATCH, strict=False):
                list(threads.map(lambda one: self._walk(rules, tenant, one, lifting), batch))
                yield batch[-1].key, len(batch)

    def knows(self, tenant: str) -> bool:
        """Whether any object has a line that shows that there is such a tenant. Reads until it finds one: for an
        unknown tenant, every object. Raises Unavailable."""
        with ThreadPoolExecutor(_THREADS) as threads:
            for batch in batched(self._objects.after(EVENTS, ""), _BATCH, strict=False):
                bodies = threads.map(lambda one: self._objects.read(one.key), batch)
                if any(attests(line, tenant) for body in bodies for line in body.splitlines()):
                    return True
        return False

    def _standing(self, after: str) -> Iterator[Listed]:
        for prefix in (EVENTS, LOG):
            yield from self._objects.after(prefix, after)

    def _walk(self, rules: Rules, tenant: str, listed: Listed, lifting: bool) -> None:
        owners = None
        if listed.key.startswith(EVENTS):
            owners = owners_of(self._objects.read(listed.key).splitlines())
            if tenant not in {owner for owner, _ in owners}:
                return
        self._put(rules, Owned(listed, owners), lifting=lifting)

    def _put(self, rules: Rules, one: Owned, *, lifting: bool) -> bool:
        """Whether it differs from the default. A hold comes first: it is what somebody waits for."""
        tenants = rules.days if one.owners is None else [tenant for tenant, _ in one.owners]
        days = days_for(rules, list(tenants), self._default)
        held = bool(rules.holds) if one.owners is None else is_held(rules, one.owners)
        if held or lifting:
            self._objects.hold(one.listed.key, held)
        if days > self._default:
            self._objects.retain(one.listed.key, one.listed.modified + timedelta(days=days))
        return held or days > self._default


def owners_of(lines: Sequence[bytes]) -> frozenset[tuple[str, str]]:
    """The (tenant, patient) of these lines; of a writer's genesis nobody. Raises IntegrityError for what is none."""
    found: set[tuple[str, str]] = set()
    for line in lines:
        try:
            members = json.loads(line)
            if members["kind"] == "event":
                found.add((str(members["tenant"]), str(members["patient"])))
        except (ValueError, KeyError, TypeError, RecursionError):
            raise IntegrityError("An object of the audit log holds what is no line") from None
    return frozenset(found)


def count(objects: LockedObjects) -> int:
    """How many objects a walk looks at."""
    return sum(1 for prefix in (EVENTS, LOG) for _ in objects.after(prefix, ""))


class Rows(Protocol):
    """The index as the sealer heals it (phivault.audit.seal.store.IndexRows)."""

    def heal(self, events: Sequence[RecordedEvent]) -> int: ...


class RetainedRows:
    """Fills IndexRows: what is sealed takes the rules of its tenants, then its rows. An object whose rules couldn't be
    put comes again, as one whose rows couldn't be written does."""

    def __init__(self, rows: Rows, applier: Applier) -> None:
        self._rows, self._applier = rows, applier

    def heal(self, events: Sequence[RecordedEvent]) -> int:
        lines: dict[str, list[bytes]] = {}
        for event in events:
            lines.setdefault(event.object_key, []).append(event.line)
        self._applier.apply(list(lines.items()))
        return self._rows.heal(events)
