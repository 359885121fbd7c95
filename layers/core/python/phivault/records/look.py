"""Where a search looks, and when it says that there is more.

Who is shown something of a patient to whom they stand in no relation may look through all records of a type. Everybody
else looks at their own patients only, of these at those of whom something is shown to them now; so neither a page, nor
a next link, nor the time it takes depends on anybody else's records. The same holds of what is searched by: who may not
search strangers' diagnoses looks for a diagnosis among their own patients.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Final

from phivault.errors import InvalidInput
from phivault.phi.data_class import DataClass
from phivault.records.authorise import EVERY_CLASS, Authority
from phivault.records.events import Trail
from phivault.records.index.criterion import Criterion
from phivault.records.pseudonyms import of_call
from phivault.records.released import View
from phivault.records.search_among import Among, AmongInOrder, holdings
from phivault.records.search_match import classes_of, matching
from phivault.records.search_query import MAX_IDS, ORDERS, Query
from phivault.records.search_scopes import RELATED, Scopes
from phivault.records.search_sort import by_date
from phivault.records.search_ways import ById, ByTokens, InOrder, Place, Way, read_place
from phivault.records.types import is_about_patients

MAX_PAGES = 10
PAGE = 100
PAGE_BYTES = 1 << 20
"""Sealed bytes after which a page ends. With one resource more, were it a Binary of 4 MiB, and quoted as JSON inside
JSON, it is still within the 6 MB that a Lambda function may answer."""
_DATED: Final = "by date"
_RANKS: Final = {"email": 0, "phone": 0, "identifier": 0, "string": 1, "reference": 2, "code": 3, "date": 4}
_LAST_RANK: Final = 5
"""What finds few leads: a number of one person's before a name, a name before a date, and that before a status."""


@dataclass(frozen=True, slots=True)
class Page:
    """``places`` has one for each view; the search goes on behind ``after`` on this way, where there may be more."""

    views: list[View]
    places: list[Place]
    way: str
    after: Place | None


class _Filling:
    """A page that is being filled. It is full when what comes next is one more than fits."""

    def __init__(self, count: int) -> None:
        self.views: list[View] = []
        self.places: list[Place] = []
        self._count, self._room = count, PAGE_BYTES

    def takes(self, view: View, place: Place) -> bool:
        if len(self.views) == self._count or self._room <= 0:
            return False
        self.views.append(view)
        self.places.append(place)
        self._room -= len(view.sealed.envelope or b"")
        return True


def look(trail: Trail, authority: Authority, query: Query, from_: tuple[str, Sequence[str]] | None) -> Page:
    """What the caller may see of what they search for, behind the way and place of a cursor. There is more only where
    more was found that they may see, or where the search came to an end of its own bounds.

    Raises InvalidInput for a cursor of another way, and where more is to be put in order by date than can be."""
    if of_call(trail) is not None:
        return _walk(trail, authority, query, _shuffled(trail, query), from_)
    patients = _patients(trail, authority, query)
    way = _way(trail, authority, query, patients)
    if not query.sort or query.sort in ORDERS:
        return _walk(trail, authority, query, way, from_)
    place = read_place(_DATED, from_) if from_ else ()
    views, places, after = by_date(trail, authority, query, way, place, PAGE_BYTES)
    return Page(views, places, _DATED, after)


def _walk(trail: Trail, authority: Authority, query: Query, way: Way, from_: tuple[str, Sequence[str]] | None) -> Page:
    """Ten stretches at most; one of RelatedPersons by id, since to see whose each is costs a key. Where ids are asked
    for, as many as it takes: how large the records of others among them are mustn't show in a next link."""
    filling = _Filling(query.count)
    seen: Place = read_place(way.name, from_) if from_ else ()
    place = seen
    for number in range(_rounds(trail, query, way)):
        stretch = way.go(place, _limit(query, filling, number))
        for view, at in matching(trail, authority, query, stretch.rows):
            if not filling.takes(view, at):
                return Page(filling.views, filling.places, way.name, seen)
            seen = at
        if stretch.following is None:
            return Page(filling.views, filling.places, way.name, None)
        seen = place = stretch.following
    return Page(filling.views, filling.places, way.name, place)


def _rounds(trail: Trail, query: Query, way: Way) -> int:
    if query.ids is not None:
        return MAX_IDS + 1  # each has one row at least, but for the last
    return 1 if trail.target.resource == RELATED and isinstance(way, ById) else MAX_PAGES


def _limit(query: Query, filling: _Filling, number: int) -> int:
    """Of what the index finds some doesn't match: then the same number is looked at whatever does, so that a next link
    doesn't depend on it."""
    if query.criteria or (number and query.patients is None):
        return PAGE
    return query.count - len(filling.views) + 1


def _shuffled(trail: Trail, query: Query) -> Way:
    """A researcher's lists are of people whom nobody can name, in an order that tells nothing."""
    names = of_call(trail)
    if query.sort:
        raise InvalidInput("Lists of de-identified data have an order of their own: _sort is not supported")
    if query.patients is not None and len(query.patients) > 1:
        raise InvalidInput("Lists of de-identified data are of one patient, or of all")
    subject = None if query.patients is None else f"Patient/{''.join(query.patients)}"
    kind = trail.target.resource
    return ById(trail, query, names.order(kind) if names else None, None if kind == RELATED else subject)


def _patients(trail: Trail, authority: Authority, query: Query) -> list[str] | None:
    """The patients to whom the search is confined, in order; None where it isn't."""
    kind = trail.target.resource
    if not is_about_patients(kind):
        return None
    if query.patients is not None:
        return list(query.patients)
    if _shows_strangers(authority, kind, query):
        return None
    if query.ids is not None and not query.criteria:
        return None
    return own_patients(trail)


def own_patients(trail: Trail) -> list[str]:
    """The patients to whom the caller stands in a relation, in order."""
    principal = trail.call.principal
    own = {principal.patient_id} if principal.patient_id else set()
    return sorted(trail.records.facts.patients_of(principal) | own)


def _shows_strangers(authority: Authority, kind: str, query: Query) -> bool:
    return all(authority.shows_strangers(kind, classes) for classes in _parameter_classes(query))


def _shown(authority: Authority, kind: str, query: Query, patients: Sequence[str]) -> list[str]:
    """Those of whom something may be shown that is found by all that is searched by."""
    left = list(patients)
    for classes in _parameter_classes(query):
        left = authority.shown(kind, left, classes) if left else []
    return left


def _parameter_classes(query: Query) -> list[frozenset[DataClass]]:
    return [EVERY_CLASS, *map(classes_of, query.criteria)]


def _way(trail: Trail, authority: Authority, query: Query, patients: list[str] | None) -> Way:
    """How to go through the records of these patients, or of everybody."""
    kind, shown = trail.target.resource, partial(_shown, authority, trail.target.resource, query)
    scopes, of_all = Scopes(trail, authority, kind, sorted(query.criteria, key=rank)), patients is None
    asked = scopes.of_all if of_all else scopes.among
    if patients is None:
        patients = own_patients(trail) if is_about_patients(kind) and scopes.tells_relations_apart else []
    if query.sort not in ORDERS and (query.criteria or (kind == RELATED and not of_all)):
        return ByTokens(trail, query, lambda some: asked(shown(some)), patients, of_all)
    held = partial(holdings, authority, kind)
    if not query.sort and not query.is_timed:
        return ById(trail, query) if of_all else Among(trail, query, patients, held)
    if not query.criteria and kind != RELATED and not of_all:
        return AmongInOrder(trail, query, held(patients))
    return InOrder(trail, query, asked(shown(patients)), of_all)


def rank(criterion: Criterion) -> int:
    """A criterion's place among others: first what the fewest resources meet, as a rule."""
    parameter = criterion.parameter
    return _RANKS.get(parameter.name, _RANKS.get(parameter.kind, _LAST_RANK))
