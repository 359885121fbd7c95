"""All there is about one patient. FHIR R4, Patient/$everything (http://hl7.org/fhir/R4/patient-operation-everything.html).

What the caller may find and read of the patient's records, decided resource by resource and class by class, and beside
it the directory entries (who treated them, and where) to which a page refers. A page is opened inside the function to
see to what it refers; one PUT records its release, and only then does it leave.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from phivault.audit.event import Action, AuditEvent
from phivault.errors import AccessDenied, Gone, InvalidInput, NotFound
from phivault.phi.data_class import DataClass
from phivault.records import anchors
from phivault.records.address import address
from phivault.records.authorise import EVERY_CLASS, Ask, Authority
from phivault.records.bundle_out import searchset
from phivault.records.call import Call
from phivault.records.events import Target, Trail
from phivault.records.index.criterion import criterion
from phivault.records.index.key import index_key
from phivault.records.look import MAX_PAGES, PAGE_BYTES
from phivault.records.open import classes_in, codes_of, owner_of_sealed
from phivault.records.paging import Question, cursor, links, question
from phivault.records.pseudonyms import of_call
from phivault.records.released import Released, View, reveal, view_of
from phivault.records.search_warm import warm
from phivault.records.service import Records
from phivault.records.store import HoldingType, SealedVersion
from phivault.records.types import TYPES

PATIENTS = tuple(name for name, row in TYPES.items() if name == "Patient" or row.patient_element is not None)
"""The types of a patient's compartment."""
DIRECTORY = tuple(name for name in TYPES if name not in PATIENTS)
_MAX_DIRECTORY = 100
"""Of one type beside one page, and of all together no more than PAGE_BYTES and a resource of each."""
_REFERENCE = re.compile(rb'"reference"\s*:\s*"([A-Za-z]{1,64})/([A-Za-z0-9\-.]{1,64})(?:/_history/[0-9]{1,9})?"')
"""In valid JSON this isn't found inside a string, whose quotes are escaped."""


@dataclass(frozen=True, slots=True)
class Everything:
    """A page: ``count`` of the patient's resources. ``body`` is a searchset Bundle. Prints without it."""

    count: int
    body: bytes = field(repr=False)


def everything(records: Records, call: Call, id: str, parameters: Mapping[str, str], *, base_url: str) -> Everything:
    """What the caller may see of all there is about a patient, by type and id: ``_count`` (1 to 100), ``_type``,
    ``_since``, ``_cursor``.

    Raises UnsupportedParameter, InvalidInput, NotFound, Gone, AccessDenied (nothing about the patient is shown to the
    caller; to a researcher this isn't), IntegrityError or Unavailable.
    """
    with Trail(records, call, Action.EVERYTHING, address("Patient", id)) as trail:
        if of_call(trail) is not None:
            raise AccessDenied("Patient: de-identified data is shown type by type")
        of = f"Patient/{id}/$everything"
        asked = question(trail, of, parameters, _types)
        authority = Authority(trail)
        types = _holding_types(trail, authority, asked)
        views, place = _look(trail, authority, asked, types)
        warm(trail, [view.sealed for view in views])
        matches = list(_opened(trail, views))
        beside = _directory(trail, authority, matches)
        included = list(_opened(trail, beside))
        trail.record(_release(trail, views), *_relatives(trail, views), *_directory_releases(trail, beside))
        sealed = None if place is None else cursor(trail, of, asked, place)
        body = searchset(
            map(_placed, matches),
            base_url,
            links=links(f"{base_url}/{of}", parameters, asked, sealed),
            included=map(_placed, included),
        )
        return Everything(len(matches), body)


def _types(text: str) -> tuple[str, ...]:
    types = tuple(dict.fromkeys(text.split(",")))
    if not all(name in PATIENTS for name in types):
        raise InvalidInput("_type holds served types that are about a patient, separated by commas")
    return types


def _holding_types(trail: Trail, authority: Authority, asked: Question) -> list[HoldingType]:
    """Those of which the caller may find and read something, and by which classes: nothing else is looked at, so that
    neither a page nor a next link counts it. Who may see nothing about the patient learns what a read of the patient
    would tell them."""
    patient = trail.target.id
    newest = anchors.newest(trail, "Patient", patient)
    if newest is None:
        raise NotFound("Patient not found")
    trail.about(patient=patient)
    questions = [ask for kind in PATIENTS for ask in _asks(kind, patient, EVERY_CLASS)]
    answers = authority.granted_all(questions)
    shown = [
        HoldingType(kind, codes_of(found), codes_of(read))
        for kind, found, read in zip(PATIENTS, answers[::2], answers[1::2], strict=True)
        if found and read
    ]
    if not shown:
        raise AccessDenied("Patient: the caller may read nothing about them")
    if newest.envelope is None:
        raise Gone("Patient was deleted")
    return [each for each in shown if asked.types is None or each.type in asked.types]


def _asks(kind: str, patient: str, classes: frozenset[DataClass]) -> tuple[Ask, Ask]:
    """As of a search by ids alone: found is what holds anything by which the caller may search."""
    return Ask("search", kind, patient, classes), Ask("read", kind, patient, classes)


def _look(
    trail: Trail, authority: Authority, asked: Question, types: Sequence[HoldingType]
) -> tuple[list[View], tuple[str, str] | None]:
    """What is visible behind the place, and where it goes on, where more is visible or the look came to its bound."""
    views: list[View] = []
    after, room = asked.place or ("", ""), PAGE_BYTES
    relatives = _relatives_tokens(trail) if any(each.type == "RelatedPerson" for each in types) else ()
    for _ in range(MAX_PAGES):
        limit = asked.count - len(views) + 1
        rows = trail.records.store.of_patient(
            trail.tenant,
            trail.target.id,
            types=types,
            relatives=relatives,
            after=after,
            since=asked.since,
            limit=limit,
            room=max(room, 1),
        )
        for view in _visible(trail, authority, rows):
            if len(views) == asked.count or room <= 0:
                return views, (views[-1].sealed.type, views[-1].sealed.id)
            views.append(view)
            room -= len(view.sealed.envelope or b"")
        if not rows:
            return views, None
        after = (rows[-1].type, rows[-1].id)
    return views, after


def _relatives_tokens(trail: Trail) -> tuple[bytes, ...]:
    key = index_key(trail.records.keys, trail.tenant)
    return criterion("RelatedPerson", "patient", [trail.target.id]).groups(key)


def _visible(trail: Trail, authority: Authority, rows: Sequence[SealedVersion]) -> Iterator[View]:
    patient = trail.target.id
    now = anchors.current(trail.records.anchors, trail.records.store, trail.tenant, rows)
    warm(trail, [sealed for sealed in now if sealed.type == "RelatedPerson"])  # opened to see whose they are
    owned = [sealed for sealed in now if _owner(trail, sealed) == patient]
    asks = [ask for each in owned for ask in _asks(each.type, patient, frozenset(classes_in(each).values()))]
    answers = authority.granted_all(asks)
    for sealed, found, granted in zip(owned, answers[::2], answers[1::2], strict=True):
        view = view_of(sealed, patient, granted) if found else None
        if view is not None:
            yield view


def _owner(trail: Trail, sealed: SealedVersion) -> str | None:
    """None for a RelatedPerson who was erased."""
    try:
        return owner_of_sealed(trail, sealed).patient
    except Gone:
        return None


def _opened(trail: Trail, views: Iterable[View]) -> Iterator[Released]:
    for view in views:
        try:
            yield reveal(trail, view)
        except Gone:
            if view.sealed.type != "RelatedPerson":  # a person of their own, erased meanwhile
                raise


def _directory(trail: Trail, authority: Authority, matches: Iterable[Released]) -> list[View]:
    """What the caller may read of the directory entries to which these refer."""
    wanted: dict[str, dict[str, None]] = {}
    for released in matches:
        for kind, id in _REFERENCE.findall(released.body):
            if kind.decode() in DIRECTORY:
                wanted.setdefault(kind.decode(), {})[id.decode()] = None
    rows: list[SealedVersion] = []
    for kind, ids in sorted(wanted.items()):
        some = list(ids)[:_MAX_DIRECTORY]
        room = max(1, PAGE_BYTES - sum(len(row.envelope or b"") for row in rows))
        rows += trail.records.store.search(
            trail.tenant, kind, subject=None, ids=some, after="", limit=len(some), room=room
        )
    now = anchors.current(trail.records.anchors, trail.records.store, trail.tenant, rows)
    asks = [ask for each in now for ask in _asks(each.type, "", frozenset(classes_in(each).values()))]
    answers = authority.granted_all(asks)
    found = zip(now, answers[::2], answers[1::2], strict=True)
    return [view for sealed, may, granted in found if may and (view := view_of(sealed, "", granted)) is not None]


def _release(trail: Trail, views: Iterable[View]) -> AuditEvent:
    return trail.event(frozenset(kind for view in views for kind in view.classes))


def _relatives(trail: Trail, views: Iterable[View]) -> list[AuditEvent]:
    """A line for each RelatedPerson: they have keys of their own."""
    return [trail.event(view.classes, target=view.target) for view in views if view.sealed.type == "RelatedPerson"]


def _directory_releases(trail: Trail, views: Sequence[View]) -> list[AuditEvent]:
    """A line per type."""
    by_type: dict[str, set[DataClass]] = {}
    for view in views:
        by_type.setdefault(view.sealed.type, set()).update(view.classes)
    return [trail.event(classes, target=Target(kind)) for kind, classes in by_type.items()]


def _placed(released: Released) -> tuple[str, bytes]:
    return f"{released.type}/{released.id}", released.body
