"""Search a type.

Decided patient by patient and element by element: what the caller may not see isn't there, isn't counted, and nothing
of it shows in what is found or in which order. One PUT records the intent and, per patient whose data is returned, its
release. Before that only what the search compares is opened, and only where the caller may search by it; it leaves in
no form but that of a match.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from urllib.parse import urlencode

from phivault.audit.event import Action, AuditEvent
from phivault.errors import AccessDenied, Gone, InvalidInput
from phivault.phi.data_class import DataClass
from phivault.records.authorise import EVERY_CLASS, Authority
from phivault.records.bundle_out import searchset
from phivault.records.call import Call
from phivault.records.cursor import open_cursor, seal_cursor
from phivault.records.events import OPAQUE, Target, Trail
from phivault.records.json_members import encode
from phivault.records.json_members import parse as parse_json
from phivault.records.look import PAGE_BYTES, Page, look
from phivault.records.pseudonyms import Pseudonyms, of_call
from phivault.records.released import Released, View, reveal
from phivault.records.search_include import included
from phivault.records.search_query import Query, parse
from phivault.records.search_warm import warm
from phivault.records.service import Records
from phivault.records.types import known

type _From = tuple[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Found:
    """A page of results. ``body`` is a searchset Bundle with ``count`` matches. Prints without it."""

    type: str
    count: int
    body: bytes = field(repr=False)


def search(
    records: Records,
    call: Call,
    type: str,
    parameters: Sequence[tuple[str, str]],
    *,
    base_url: str,
    posted: bool = False,
) -> Found:
    """What the caller may see of the resources of a type: docs/search.md lists the parameters, of which those that tell
    about a person must have been ``posted``. A page may hold less than ``_count``, even nothing, and still have a next
    link: where one is, and how much a page holds, tells nothing of what the caller may not see, but to those who may
    look through everything.

    Raises UnsupportedParameter, InvalidInput, IntegrityError or Unavailable.
    """
    with Trail(records, call, Action.SEARCH, Target(known(type))) as trail:
        asked = parse(type, parameters, posted=posted)
        query, from_ = _resumed(trail, type, asked)
        authority = Authority(trail)
        real = _without_pseudonyms(trail, query)
        page, besides = _with_included(trail, authority, real, look(trail, authority, real, from_))
        following = None if page.after is None else _cursor(trail, query, page)
        views = [*page.views, *besides]
        trail.record(trail.event(), *_denials(trail, authority, real), *_releases(trail, views))
        warm(trail, [view.sealed for view in views])
        matches, brought = _open(trail, page.views), _open(trail, besides)
        links = _links(f"{base_url}/{type}", asked, following, posted=posted)
        body = searchset(_placed(matches), base_url, links=links, included=_placed(brought))
        return Found(type, len(matches), body)


def _resumed(trail: Trail, type: str, asked: Query) -> tuple[Query, _From | None]:
    """The query that a cursor holds, and where it goes on: the way and the place."""
    if asked.cursor is None:
        return asked, None
    question, place = open_cursor(trail, asked.cursor)
    held = parse_json(question.encode())
    if not isinstance(held, dict):
        raise InvalidInput("_cursor is not one that a search of yours returned")
    query = parse(type, [(name, value) for name, value in held["given"]], posted=True)
    # The Medplum client asks for pages of 1000 where a link says no _count: that makes none larger than the first.
    if asked.given:
        query = replace(query, count=min(query.count, asked.count))
    return query, (held["way"], parse_json(place.encode()))


def _cursor(trail: Trail, query: Query, page: Page) -> str:
    held = {"given": query.given, "way": page.way}
    return seal_cursor(trail, encode(held).decode(), encode(page.after).decode())


def _without_pseudonyms(trail: Trail, query: Query) -> Query:
    """The query by the ids that its pseudonyms stand for, where the caller knows no others."""
    names, kind = of_call(trail), trail.target.resource
    if names is None:
        return query
    ids = None if query.ids is None else tuple(_real(names, kind, id) for id in query.ids)
    patients = None if query.patients is None else tuple(_real(names, "Patient", each) for each in query.patients)
    return replace(query, ids=ids, patients=patients)


def _real(names: Pseudonyms, kind: str, asked: str) -> str:
    """What can't be a pseudonym can't be an id either: it stays, and finds nothing."""
    return names.real(kind, asked) if OPAQUE.fullmatch(asked) else asked


def _with_included(trail: Trail, authority: Authority, query: Query, page: Page) -> tuple[Page, list[View]]:
    """The page with what its matches bring along, ended earlier where both are too large together."""
    if not query.includes:
        return page, []
    besides: list[View] = []
    room = PAGE_BYTES
    for number, brought in enumerate(included(trail, authority, query.includes, page.views, query.shape)):
        room -= _bytes([page.views[number], *brought])
        if room < 0 and number:
            cut = replace(page, views=page.views[:number], places=page.places[:number], after=page.places[number - 1])
            return cut, besides
        besides += brought
    return page, besides


def _bytes(views: Iterable[View]) -> int:
    return sum(len(view.sealed.envelope or b"") for view in views)


def _denials(trail: Trail, authority: Authority, query: Query) -> list[AuditEvent]:
    """Asking for a patient by id whose data the caller may not search at all is answered with nothing, the same as
    for one who doesn't exist, and recorded as the denial that it is."""
    kind = trail.target.resource
    denied = [
        patient for patient in query.patients or () if not authority.granted("search", kind, patient, EVERY_CLASS)
    ]
    return [trail.event(error=AccessDenied(), target=Target(kind, patient=patient)) for patient in denied]


def _releases(trail: Trail, views: Sequence[View]) -> list[AuditEvent]:
    """A line per patient and type whose data is returned; it names the resource where there is only one."""
    groups: dict[tuple[str, str], list[View]] = {}
    for view in views:
        groups.setdefault((view.patient, view.sealed.type), []).append(view)
    return [trail.event(_classes(group), target=_target(group)) for group in groups.values()]


def _classes(views: Iterable[View]) -> frozenset[DataClass]:
    return frozenset(data_class for view in views for data_class in view.classes)


def _target(views: Sequence[View]) -> Target:
    first = views[0].target
    return first if len(views) == 1 else Target(first.resource, patient=first.patient)


def _open(trail: Trail, views: Iterable[View]) -> list[Released]:
    found = []
    for view in views:
        try:
            found.append(reveal(trail, view))
        except Gone:  # erased since it was looked at
            continue
    return found


def _placed(released: Iterable[Released]) -> list[tuple[str, bytes]]:
    return [(f"{each.type}/{each.id}", each.body) for each in released]


def _links(place: str, asked: Query, following: str | None, *, posted: bool) -> dict[str, str]:
    """Relation -> URL. What was posted may tell about a person: the link to itself leaves it out."""
    own = [("_cursor", asked.cursor), *asked.given] if asked.cursor else list(asked.given)
    itself = f"{place}/_search" if posted else "?".join(filter(None, (place, urlencode(own))))
    links = {"self": itself}
    return links if following is None else links | {"next": f"{place}?{urlencode([('_cursor', following)])}"}
