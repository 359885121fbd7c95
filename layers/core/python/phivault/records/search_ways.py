"""The ways in which a search goes through the records, a bounded number of rows at a time.

Each goes in an order of its own and can go on behind any of its places. A place is a tuple of texts; it may name what
the caller can't see, and so leaves sealed only.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import batched
from typing import Any, Protocol

from phivault.errors import InvalidInput
from phivault.records import anchors
from phivault.records.events import Trail
from phivault.records.search_query import MAX_IDS, Query
from phivault.records.search_scopes import RELATED, Scope
from phivault.records.store import SealedVersion

type Place = tuple[str, ...]

PATIENTS = 49
"""About so many patients the facts are loaded in one round trip."""
ROOM_BYTES = 8 << 20
"""Of sealed rows that are held at a time, and one row more."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """Rows, each with its place; ``following`` is where to go on, None at the end."""

    rows: list[tuple[SealedVersion, Place]]
    following: Place | None


class Way(Protocol):
    @property
    def name(self) -> str:
        """Which way it is: a place is one of this way alone."""

    def go(self, place: Place, limit: int) -> Stretch:
        """At most ``limit`` rows behind ``place``, () at the beginning."""


@dataclass(frozen=True, slots=True)
class ById:
    """Everything of the type by id; with ``shuffle`` in an order that tells nothing of ids."""

    trail: Trail
    query: Query
    shuffle: bytes | None = None
    subject: str | None = None

    @property
    def name(self) -> str:
        return "id"

    def go(self, place: Place, limit: int) -> Stretch:
        trail, query = self.trail, self.query
        # All ids that are asked for are looked at, whoever else's they are: the walk goes on until it has (look.py).
        limit = limit if query.ids is None else MAX_IDS + 1
        found = trail.records.store.search(
            trail.tenant,
            trail.target.resource,
            subject=self.subject,
            ids=query.ids,
            after=place[0] if place else "",
            limit=limit,
            room=ROOM_BYTES,
            shuffle=self.shuffle,
        )
        return stretch_of(trail, [(row, (row.id,)) for row in found], more=is_cut_off(found, limit))


@dataclass(frozen=True, slots=True)
class ByTokens:
    """What the index finds, by patient and of each by id: of ``patients``, or (``of_all``) of everybody, about whom
    these may differ. ``scopes`` says what is asked about some of them."""

    trail: Trail
    query: Query
    scopes: Callable[[Sequence[str]], Sequence[Scope]]
    patients: Sequence[str]
    of_all: bool = False

    @property
    def name(self) -> str:
        return "index" if self.of_all else "patients' index"

    def go(self, place: Place, limit: int) -> Stretch:
        patient, id = place or ("", "")
        some, others = next_patients(self.patients, patient)
        found = [self._found(scope, (patient, id), limit) for scope in self.scopes(some)]
        rows, more = _together(found, limit, lambda row: (row.patient, row.id))
        # What is asked of all may be found beyond the patients of this stretch: it waits for those of the next.
        here = [row for row in rows if others is None or row.patient < others[0]]
        more = more and len(here) == len(rows)
        return stretch_of(self.trail, [(row, (row.patient, row.id)) for row in here], more=more, others=others)

    def _found(self, scope: Scope, after: tuple[str, str], limit: int) -> list[SealedVersion]:
        trail, query = self.trail, self.query
        return trail.records.store.find(
            trail.tenant,
            trail.target.resource,
            groups=scope.groups,
            # RelatedPersons are found by their patients' tokens: theirs alone, each looked up once.
            patients=None if trail.target.resource == RELATED else scope.patients,
            ids=query.ids,
            since=query.since,
            until=query.until,
            after=after,
            limit=limit,
            room=ROOM_BYTES,
        )


@dataclass(frozen=True, slots=True)
class InOrder:
    """By when versions were written, or by id: what ``scopes`` name."""

    trail: Trail
    query: Query
    scopes: Sequence[Scope]
    of_all: bool

    @property
    def name(self) -> str:
        return ("of all by " if self.of_all else "of patients by ") + (self.query.sort or "_lastUpdated")

    def go(self, place: Place, limit: int) -> Stretch:
        backwards = self.query.sort.startswith("-")
        found = [self._found(scope, place, limit) for scope in self.scopes]
        rows, more = _together(found, limit, self._place, backwards=backwards)
        return stretch_of(self.trail, [(row, (row.at.isoformat(), row.id)) for row in rows], more=more)

    def _found(self, scope: Scope, place: Place, limit: int) -> list[SealedVersion]:
        trail, query = self.trail, self.query
        # RelatedPersons are subjects of their own: whose they are, their tokens say.
        named = scope.patients is not None and trail.target.resource != RELATED
        return trail.records.store.recent(
            trail.tenant,
            trail.target.resource,
            by_time=self._by_time,
            backwards=query.sort.startswith("-"),
            groups=scope.groups,
            subjects=[f"Patient/{each}" for each in scope.patients or ()] if named else None,
            ids=query.ids,
            since=query.since,
            until=query.until,
            after=moment_of(place) if place else None,
            limit=limit,
            room=ROOM_BYTES,
        )

    @property
    def _by_time(self) -> bool:
        return not self.query.sort.endswith("_id")

    def _place(self, row: SealedVersion) -> tuple[Any, ...]:
        return (row.at, row.id) if self._by_time else (row.id,)


def read_place(way: str, from_: tuple[str, Sequence[str]]) -> Place:
    """The place that a cursor holds, with its way. Raises InvalidInput where that is another way than ``way``: since
    then the caller came to see, or to see no longer, patients to whom they stand in no relation."""
    name, place = from_
    if name != way:
        raise InvalidInput("_cursor is of a search that found other patients: search again without it")
    return tuple(place)


def next_patients(patients: Sequence[str], patient: str) -> tuple[tuple[str, ...], Place | None]:
    """The patients to look at from this one on, and where the others begin."""
    groups = batched((each for each in patients if each >= patient), PATIENTS, strict=False)
    some, others = next(groups, ()), next(groups, None)
    return some, (others[0], "") if others else None


def moment_of(place: Place) -> tuple[datetime, str]:
    return datetime.fromisoformat(place[0]), place[1]


def is_cut_off(found: Sequence[SealedVersion], limit: int) -> bool:
    return len(found) == limit or sum(len(row.envelope or b"") for row in found) >= ROOM_BYTES


def _together(
    found: Sequence[Sequence[SealedVersion]],
    limit: int,
    place: Callable[[SealedVersion], tuple[Any, ...]],
    *,
    backwards: bool = False,
) -> tuple[list[SealedVersion], bool]:
    """The rows of several finds in one order, each once, and whether there may be more. Where one of them was cut off,
    the others are too: behind it may be what comes before their next."""
    ends = [place(rows[-1]) for rows in found if rows and is_cut_off(rows, limit)]
    rows = sorted({row.id: row for each in found for row in each}.values(), key=place, reverse=backwards)
    if ends and backwards:
        rows = [row for row in rows if place(row) >= max(ends)]
    elif ends:
        rows = [row for row in rows if place(row) <= min(ends)]
    return rows, bool(ends)


def stretch_of(
    trail: Trail, found: Sequence[tuple[SealedVersion, Place]], *, more: bool, others: Place | None = None
) -> Stretch:
    """The rows as they are now: a list may have met one that somebody put back, or that changes at this moment."""
    places = {row.id: place for row, place in found}
    records = trail.records
    rows = anchors.current(records.anchors, records.store, trail.tenant, [row for row, _ in found])
    return Stretch([(row, places[row.id]) for row in rows], found[-1][1] if more else others)
