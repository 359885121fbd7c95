"""The versions of one resource. FHIR R4, section 3.1.0.14.

Each version is decided as a read of it would be: by today's facts, and by the classes that its elements have in that
version. What the caller may see nothing of isn't in the list, and isn't counted by pages and next links; deletions are,
for those who might have seen something.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from phivault.audit.event import Action
from phivault.errors import AccessDenied, IntegrityError, NotFound
from phivault.phi.data_class import DataClass
from phivault.records.address import address
from phivault.records.anchors import newest
from phivault.records.authorise import EVERY_CLASS, Ask, Authority
from phivault.records.bundle_out import Version, history_bundle
from phivault.records.call import Call
from phivault.records.events import Trail
from phivault.records.look import MAX_PAGES, PAGE_BYTES
from phivault.records.open import codes_of, held, owner_of_sealed
from phivault.records.paging import Question, cursor, links, question
from phivault.records.pseudonyms import of_call
from phivault.records.released import View, reveal, view_of
from phivault.records.service import Records
from phivault.records.store import SealedHistory, SealedVersion


@dataclass(frozen=True, slots=True)
class Versions:
    """A page of a history. ``body`` is a Bundle of type history. Prints without it."""

    count: int
    body: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class _Shown:
    """A version that the caller sees, ``view`` being None for a deletion."""

    sealed: SealedVersion
    view: View | None


def history(
    records: Records, call: Call, type: str, id: str, parameters: Mapping[str, str], *, base_url: str
) -> Versions:
    """The versions of a resource that the caller may see, newest first: ``_count`` (1 to 100), ``_since``, ``_cursor``.

    Raises UnsupportedParameter, InvalidInput, NotFound (never used, or another tenant's), AccessDenied (nothing of it
    is shown; to a researcher no history is), Gone (the subject was erased), IntegrityError or Unavailable.
    """
    with Trail(records, call, Action.HISTORY, address(type, id)) as trail:
        if of_call(trail) is not None:
            raise AccessDenied(f"{type}: de-identified data is shown as it is now, without its versions")
        of = f"{type}/{id}/_history"
        asked = question(trail, of, parameters)
        shown, following = _look(trail, asked)
        trail.record(trail.event(_classes(shown)))
        made = [_version(trail, each) for each in shown]
        sealed = None if following is None else cursor(trail, of, asked, (type, str(following)))
        return Versions(len(made), history_bundle(made, base_url, links(f"{base_url}/{of}", parameters, asked, sealed)))


def _look(trail: Trail, asked: Question) -> tuple[list[_Shown], int | None]:
    """What is visible from a place on, and the version below which it goes on, where it does."""
    target, store = trail.target, trail.records.store
    head = newest(trail, target.resource, target.id)
    if head is None:
        raise NotFound(f"{target.resource} not found")
    patient = owner_of_sealed(trail, head).patient
    trail.about(patient=patient)
    authority = Authority(trail)
    readable = authority.granted("read", target.resource, patient, EVERY_CLASS)
    if not readable:
        raise AccessDenied(f"{target.resource}: the caller may not read it")
    shown: list[_Shown] = []
    before, room = head.version + 1 if asked.place is None else int(asked.place[1]), PAGE_BYTES
    for _ in range(MAX_PAGES):
        limit = asked.count - len(shown) + 1
        found = store.history(
            trail.tenant,
            target.resource,
            target.id,
            shown=codes_of(readable),
            before=before,
            since=asked.since,
            limit=limit,
            room=max(room, 1),
        )
        _require_all(asked, before, found)
        for each in _visible(authority, found.rows, patient):
            if len(shown) == asked.count or room <= 0:
                return shown, shown[-1].sealed.version
            shown.append(each)
            room -= len(each.sealed.envelope or b"")
        if found.low <= 1:
            _require_some(trail, asked, shown)
            return shown, None
        before = found.low
    return shown, before


def _require_all(asked: Question, before: int, found: SealedHistory) -> None:
    """Nobody takes a version away: the log names each. (From a time on, times decide, which needn't rise.)"""
    if asked.since is None and found.present != before - found.low:
        raise IntegrityError("A version is missing from a history")


def _visible(authority: Authority, rows: Sequence[SealedVersion], patient: str) -> Iterator[_Shown]:
    answers = authority.granted_all([Ask("read", each.type, patient, held(each)) for each in rows])
    for sealed, granted in zip(rows, answers, strict=True):
        view = None if sealed.envelope is None else view_of(sealed, patient, granted)
        if view is not None or (sealed.envelope is None and granted):
            yield _Shown(sealed, view)


def _require_some(trail: Trail, asked: Question, shown: Sequence[_Shown]) -> None:
    """Of a resource whose versions all hold only what the caller may not see, they are told nothing."""
    if not shown and asked.place is None and asked.since is None:
        raise AccessDenied(f"{trail.target.resource}: the caller may not read it")


def _classes(shown: Sequence[_Shown]) -> frozenset[DataClass]:
    return frozenset(kind for each in shown if each.view is not None for kind in each.view.classes)


def _version(trail: Trail, each: _Shown) -> Version:
    sealed = each.sealed
    method = "DELETE" if each.view is None else "POST" if sealed.version == 1 else "PUT"
    if each.view is None:
        return Version(method=method, type=sealed.type, id=sealed.id, version=sealed.version, at=sealed.at)
    released = reveal(trail, each.view)
    return Version(
        method=method,
        type=sealed.type,
        id=released.id,
        version=sealed.version,
        at=released.at,
        resource=released.body,
    )
