"""The ways of a search by nothing but patients, ids and times: through what these patients own and the caller may see
something of. The rest isn't met at all, so it neither ends a page nor makes a next link.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from phivault.records import search_ways
from phivault.records.authorise import EVERY_CLASS, Ask, Authority
from phivault.records.events import Trail
from phivault.records.open import codes_of
from phivault.records.search_query import Query
from phivault.records.search_ways import Place, Stretch, is_cut_off, moment_of, next_patients, stretch_of
from phivault.records.store import Holding

type Held = Callable[[Sequence[str]], list[Holding]]


def holdings(authority: Authority, type: str, patients: Sequence[str]) -> list[Holding]:
    """Of the patients about whom the caller may search by something and read something, what that is."""
    asked = [Ask(verb, type, each, EVERY_CLASS) for each in patients for verb in ("search", "read")]
    codes = [codes_of(granted) for granted in authority.granted_all(asked)]
    found = [
        Holding(f"Patient/{each}", *both)
        for each, both in zip(patients, zip(codes[::2], codes[1::2], strict=True), strict=True)
    ]
    return [each for each in found if each.found and each.shown]


@dataclass(frozen=True, slots=True)
class Among:
    """By patient, and of each by id: of ``patients``, what ``held`` says."""

    trail: Trail
    query: Query
    patients: Sequence[str]
    held: Held

    @property
    def name(self) -> str:
        return "patients"

    def go(self, place: Place, limit: int) -> Stretch:
        patient, id = place or ("", "")
        some, others = next_patients(self.patients, patient)
        among = self.held(some)
        if not among:
            return Stretch([], others)
        trail = self.trail
        found = trail.records.store.search_among(
            trail.tenant,
            trail.target.resource,
            among=among,
            ids=self.query.ids,
            after=id if among[0].subject == f"Patient/{patient}" else "",
            limit=limit,
            room=search_ways.ROOM_BYTES,
        )
        rows = [(row, (row.subject.removeprefix("Patient/"), row.id)) for row in found]
        return stretch_of(trail, rows, more=is_cut_off(found, limit), others=others)


@dataclass(frozen=True, slots=True)
class AmongInOrder:
    """By when versions were written, or by id."""

    trail: Trail
    query: Query
    among: Sequence[Holding]

    @property
    def name(self) -> str:
        return f"of patients by {self.query.sort or '_lastUpdated'}"

    def go(self, place: Place, limit: int) -> Stretch:
        trail, query = self.trail, self.query
        if not self.among:
            return Stretch([], None)
        found = trail.records.store.recent_among(
            trail.tenant,
            trail.target.resource,
            by_time=not query.sort.endswith("_id"),
            backwards=query.sort.startswith("-"),
            among=self.among,
            ids=query.ids,
            since=query.since,
            until=query.until,
            after=moment_of(place) if place else None,
            limit=limit,
            room=search_ways.ROOM_BYTES,
        )
        rows = [(row, (row.at.isoformat(), row.id)) for row in found]
        return stretch_of(trail, rows, more=is_cut_off(found, limit))
