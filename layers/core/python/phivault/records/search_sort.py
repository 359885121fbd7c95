"""Matches in the order of a date that they hold, which only opening them tells: of one patient or a few, and no more
than can be opened for one page."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

from phivault.errors import InvalidInput
from phivault.records.authorise import Ask, Authority
from phivault.records.events import Trail
from phivault.records.index import dates
from phivault.records.index.parameters import Parameter, parameters
from phivault.records.index.pieces import values
from phivault.records.open import classes_in
from phivault.records.released import View
from phivault.records.search_match import is_deidentified, matching, opened
from phivault.records.search_query import Query
from phivault.records.search_warm import warm
from phivault.records.search_ways import Place, Way

MAX_SORTED: Final = 1000
_MAX_STRETCHES: Final = 50
_STRETCH: Final = 100
_MAX_BYTES: Final = 64 << 20
_NO_DATE: Final = ""


def by_date(
    trail: Trail, authority: Authority, query: Query, way: Way, place: Place, page_bytes: int
) -> tuple[list[View], list[Place], Place | None]:
    """A page of the matches of ``way`` behind ``place`` (a date and an id), each with its place, and where to go on.
    What has no date that the caller may search by comes last, whichever way round.

    Raises InvalidInput without a patient, and where there are too many to be put in order.
    """
    if query.patients is None:
        raise InvalidInput("_sort by a date needs patient")
    kind = trail.target.resource
    dated = _dated(trail, authority, parameters(kind)[query.sort.removeprefix("-")], _all(trail, authority, query, way))
    ordered = _ordered(dated, backwards=query.sort.startswith("-"))
    start = next((at + 1 for at, (own, _) in enumerate(ordered) if own == tuple(place)), 0) if place else 0
    views: list[View] = []
    places: list[Place] = []
    for own, view in ordered[start:]:
        if len(views) == query.count or page_bytes <= 0:
            return views, places, places[-1]
        views.append(view)
        places.append(own)
        page_bytes -= len(view.sealed.envelope or b"")
    return views, places, None


def _all(trail: Trail, authority: Authority, query: Query, way: Way) -> list[View]:
    found: list[View] = []
    place: Place = ()
    for _ in range(_MAX_STRETCHES):
        stretch = way.go(place, _STRETCH)
        found += [view for view, _ in matching(trail, authority, query, stretch.rows) if not is_deidentified(view)]
        held = sum(len(view.sealed.envelope or b"") for view in found)
        if len(found) > MAX_SORTED or held > _MAX_BYTES:
            break
        if stretch.following is None:
            return found
        place = stretch.following
    raise InvalidInput(f"More than {MAX_SORTED} resources can't be put in order by date: ask for a shorter period")


def _dated(trail: Trail, authority: Authority, parameter: Parameter, views: Sequence[View]) -> list[tuple[Place, View]]:
    warm(trail, [view.sealed for view in views])
    asked = [
        Ask("search", view.sealed.type, view.patient, frozenset(classes_in(view.sealed).values())) for view in views
    ]
    found: list[tuple[Place, View]] = []
    for view, searchable in zip(views, authority.granted_all(asked), strict=True):
        members = opened(trail, view, searchable, parameter.elements)
        if members is not None:
            when = [each for value in values(members, parameter.paths) if (each := dates.stretch(value))]
            # As texts of one length, so that places compare as times do.
            date = min((f"{each.utc.lower:020d}" for each in when), default=_NO_DATE)
            found.append(((date, view.sealed.id), view))
    return found


def _ordered(dated: list[tuple[Place, View]], *, backwards: bool) -> list[tuple[Place, View]]:
    with_date = sorted((each for each in dated if each[0][0]), key=lambda each: each[0], reverse=backwards)
    return with_date + sorted((each for each in dated if not each[0][0]), key=lambda each: each[0])
