"""Search a type by ids and by patient.

Decided patient by patient: what the caller may not see isn't there, and isn't counted either. One PUT records the
intent and, per patient whose data is returned, its release; only then is anything opened.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from urllib.parse import urlencode

from phivault.audit.event import Action, AuditEvent
from phivault.errors import AccessDenied, Gone
from phivault.phi.data_class import DataClass
from phivault.records.authorise import Authority
from phivault.records.bundle_out import searchset
from phivault.records.call import Call
from phivault.records.cursor import open_cursor, seal_cursor
from phivault.records.events import Target, Trail
from phivault.records.open import owner_of_sealed
from phivault.records.released import Released, View, decide, reveal
from phivault.records.search_query import Query, parse
from phivault.records.service import Records
from phivault.records.store import SealedVersion
from phivault.records.types import TYPES, known

MAX_PAGES = 10
PAGE = 100
PAGE_BYTES = 3 << 20
"""Sealed bytes after which a page ends. With one resource more, and quoted as JSON inside JSON, it is still within the
6 MB that a Lambda function may answer."""
PARAMETER_CLASSES = frozenset({DataClass.ADMINISTRATIVE, DataClass.DEIDENTIFIED})
"""A parameter is usable with a grant to search by its data class. These are opaque ids, which every view keeps."""


@dataclass(frozen=True, slots=True)
class Found:
    """A page of results. ``body`` is a searchset Bundle. Prints without it."""

    type: str
    count: int
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Page:
    """``after`` is the last id that was looked at, where there may be more."""

    views: list[View]
    after: str | None


def search(records: Records, call: Call, type: str, parameters: Sequence[tuple[str, str]], *, base_url: str) -> Found:
    """What the caller may see of the resources of a type: ``_id`` (comma list), ``patient``, ``_count`` (1 to 100),
    ``_cursor``. A page may hold less than ``_count``, even nothing, and still have a next link.

    Raises UnsupportedParameter, InvalidInput, IntegrityError or Unavailable.
    """
    with Trail(records, call, Action.SEARCH, Target(known(type))) as trail:
        query = parse(parameters)
        authority = Authority(trail)
        after = open_cursor(trail, query.cursor)
        page = _look(trail, authority, query, after)
        trail.record(trail.event(), *_denial(trail, authority, query), *_releases(trail, page.views))
        found = list(_open(trail, page.views))
        cursor = None if page.after is None else seal_cursor(trail, page.after)
        matches = [(f"{released.type}/{released.id}", released.body) for released in found]
        return Found(type, len(found), searchset(matches, base_url, links=_links(type, query, cursor, base_url)))


def _look(trail: Trail, authority: Authority, query: Query, after: str) -> _Page:
    """Look at pages until ``_count`` resources are visible or PAGE_BYTES full, for ten pages at most; for one of
    RelatedPersons, since to see whose each is costs a key."""
    views: list[View] = []
    room = PAGE_BYTES
    for number in range(1 if trail.target.resource == "RelatedPerson" else MAX_PAGES):
        limit = PAGE if number else query.count + 1
        rows = _rows(trail, query, after, limit)
        for sealed, patient in _owned(trail, authority, rows):
            if len(views) == query.count or room <= 0:
                return _Page(views, after)
            after = sealed.id
            view = _visible(authority, query, sealed, patient)
            if view is not None:
                views.append(view)
                room -= len(sealed.envelope or b"")
        if len(rows) < limit:
            return _Page(views, None)
        after = rows[-1].id
    return _Page(views, after)


def _rows(trail: Trail, query: Query, after: str, limit: int) -> list[SealedVersion]:
    kind, patient = trail.target.resource, query.patient
    if patient is None and (kind == "Patient" or TYPES[kind].patient_element is not None):
        # Policies decide as ever: this only spares a patient's app from looking through everyone's records.
        patient = trail.call.principal.patient_id
    # A RelatedPerson is sealed under a subject of its own: those of a patient are found by looking.
    subject = None if patient is None or kind == "RelatedPerson" else f"Patient/{patient}"
    return trail.records.store.search(trail.tenant, kind, subject=subject, ids=query.ids, after=after, limit=limit)


def _owned(trail: Trail, authority: Authority, rows: Iterable[SealedVersion]) -> list[tuple[SealedVersion, str]]:
    """Rows with their patients, about whom the facts are then loaded in one call. What was erased is passed over."""
    owned = []
    for sealed in rows:
        try:
            owned.append((sealed, owner_of_sealed(trail, sealed).patient))
        except Gone:
            continue
    authority.load({patient for _, patient in owned})
    return owned


def _visible(authority: Authority, query: Query, sealed: SealedVersion, patient: str) -> View | None:
    if query.patient is not None and patient != query.patient:
        return None
    if not authority.granted("search", sealed.type, patient, PARAMETER_CLASSES):
        return None
    return decide(authority, "read", sealed, patient)


def _denial(trail: Trail, authority: Authority, query: Query) -> list[AuditEvent]:
    """Asking for a patient by id whose data the caller may not search at all is answered with nothing, the same as
    for one who doesn't exist, and recorded as the denial that it is."""
    if query.patient is None or authority.granted("search", trail.target.resource, query.patient, PARAMETER_CLASSES):
        return []
    return [trail.event(error=AccessDenied(), target=Target(trail.target.resource, patient=query.patient))]


def _releases(trail: Trail, views: Sequence[View]) -> list[AuditEvent]:
    """A line per patient whose data is returned; it names the resource where there is only one."""
    by_patient: dict[str, list[View]] = {}
    for view in views:
        by_patient.setdefault(view.patient, []).append(view)
    return [trail.event(_classes(group), target=_target(group)) for group in by_patient.values()]


def _classes(views: Iterable[View]) -> frozenset[DataClass]:
    return frozenset(data_class for view in views for data_class in view.classes)


def _target(views: Sequence[View]) -> Target:
    first = views[0].target
    return first if len(views) == 1 else Target(first.resource, patient=first.patient)


def _open(trail: Trail, views: Iterable[View]) -> Iterable[Released]:
    for view in views:
        try:
            yield reveal(trail, view)
        except Gone:  # erased since it was looked at
            continue


def _links(type: str, query: Query, cursor: str | None, base_url: str) -> dict[str, str]:
    here = [("_cursor", query.cursor)] if query.cursor else []
    links = {"self": f"{base_url}/{type}?{urlencode(query.parameters + here)}"}
    if cursor is not None:
        links["next"] = f"{base_url}/{type}?{urlencode([*query.parameters, ('_cursor', cursor)])}"
    return links
