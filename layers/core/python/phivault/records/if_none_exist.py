"""Conditional creates, and references by what a resource is known by. FHIR R4, sections 3.1.0.8.1 and 3.1.0.11.1.1.

The condition is the query of a search and may hold PHI: it is never recorded, logged or repeated. What counts are the
resources that the caller may find by it and see; another one isn't told, neither by an answer nor by a refusal. As in a
search, who isn't shown strangers is answered about their own patients and those whom the condition names, as far as
anything of these is shown to them: of others' resources nothing is asked, counted or opened, so that not even the time
it takes tells of them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from phivault.errors import Gone, InvalidInput, PreconditionFailed
from phivault.phi.data_class import DataClass
from phivault.records import anchors
from phivault.records.authorise import EVERY_CLASS, Ask, Authority
from phivault.records.events import Trail
from phivault.records.index.criterion import Criterion, criterion
from phivault.records.index.key import index_key
from phivault.records.index.parameters import OPAQUE
from phivault.records.look import PAGE_BYTES, own_patients, rank
from phivault.records.open import classes_in, open_elements, owner_of_sealed
from phivault.records.pseudonyms import of_call
from phivault.records.released import View, view_of
from phivault.records.search_match import classes_of
from phivault.records.search_query import split as values_of
from phivault.records.search_scopes import Scope, Scopes
from phivault.records.store import Absent, SealedVersion
from phivault.records.types import is_about_patients

MAX_BYTES: Final = 2048
MAX_CRITERIA: Final = 10
_PAGE: Final = 100
_MAX_CANDIDATES: Final = 1000


@dataclass(frozen=True, slots=True)
class Condition:
    """Criteria that a resource of ``type`` has to meet, all of them. Prints without them."""

    type: str
    criteria: tuple[Criterion, ...] = field(repr=False)


@dataclass(frozen=True, slots=True)
class Matches:
    """``views`` are those that the caller may see; ``absent`` says what a commit that found none has to hold to."""

    views: list[View]
    absent: Absent


def condition(type: str, query: str) -> Condition:
    """Read a condition (``identifier=system|value``, percent-encoded as in a URL). Raises UnsupportedParameter and
    InvalidInput, which name parameters and no value."""
    if len(query) > MAX_BYTES:
        raise InvalidInput(f"A condition has at most {MAX_BYTES} characters")
    try:
        pairs = parse_qsl(query, True, strict_parsing=True, max_num_fields=MAX_CRITERIA, errors="strict")
    except ValueError:
        pairs = []
    if not pairs:
        raise InvalidInput(f"A condition is a query of 1 to {MAX_CRITERIA} parameters, as in a URL")
    return Condition(type, tuple(criterion(type, name, values_of(value)) for name, value in pairs))


def matches(trail: Trail, authority: Authority, asked: Condition) -> Matches:
    """What meets the condition. Raises InvalidInput where more than a thousand resources that the caller may be told of
    could: it says too little."""
    # Before the look: what comes during it counts as well.
    absent = Absent(asked.type, _groups(trail, asked), trail.records.store.moment())
    if of_call(trail, asked.type) is not None:
        return Matches([], absent)
    candidates = _candidates(trail, asked.type, _scopes(trail, authority, asked))
    return Matches(_visible(trail, authority, asked, _owned(trail, candidates)), absent)


def _groups(trail: Trail, asked: Condition) -> tuple[tuple[bytes, ...], ...]:
    """Of every class: whoever else writes what meets the condition, it is there. The first is what is looked up: what
    the fewest have."""
    key = index_key(trail.records.keys, trail.tenant)
    return tuple(each.groups(key) for each in sorted(asked.criteria, key=rank))


def existing(trail: Trail, authority: Authority, asked: Condition) -> tuple[View | None, Absent]:
    """The one resource that meets a condition, None where none does. Raises PreconditionFailed where several do."""
    found = matches(trail, authority, asked)
    if len(found.views) > 1:
        raise PreconditionFailed("More than one resource meets the condition")
    return (found.views[0] if found.views else None), found.absent


def _candidates(trail: Trail, type: str, scopes: Sequence[Scope]) -> list[SealedVersion]:
    found: dict[str, SealedVersion] = {}
    for scope in scopes:
        for rows in _pages(trail, type, scope):
            found |= {row.id: row for row in rows}
            if len(found) > min(_MAX_CANDIDATES, trail.comparable):
                raise InvalidInput("The condition may fit too many resources: name an identifier")
    trail.comparable -= len(found)
    return list(found.values())


def _pages(trail: Trail, type: str, scope: Scope) -> Iterator[list[SealedVersion]]:
    after = ("", "")
    while scope.patients is None or (left := [each for each in scope.patients if each >= after[0]]):
        rows = trail.records.store.find(
            trail.tenant,
            type,
            groups=scope.groups,
            patients=None if scope.patients is None else left,
            ids=None,
            since=None,
            until=None,
            after=after,
            limit=_PAGE,
            room=PAGE_BYTES,
        )
        if not rows:
            break
        yield rows
        after = (rows[-1].patient, rows[-1].id)


def _scopes(trail: Trail, authority: Authority, asked: Condition) -> list[Scope]:
    """What is asked about whom: only what the caller may search by, as in a search."""
    scopes = Scopes(trail, authority, asked.type, sorted(asked.criteria, key=rank))
    confined = _confined(trail, authority, asked)
    if confined is not None:
        return scopes.among(confined)
    apart = is_about_patients(asked.type) and scopes.tells_relations_apart
    return scopes.of_all(own_patients(trail) if apart else [])


def _confined(trail: Trail, authority: Authority, asked: Condition) -> list[str] | None:
    """The patients about whom the caller is answered, in order; None for all."""
    if not is_about_patients(asked.type):
        return None
    searched = [each for each in asked.criteria if each.parameter.name not in OPAQUE]
    classes = [EVERY_CLASS, *map(classes_of, searched)]
    if all(authority.shows_strangers(asked.type, each) for each in classes):
        return None
    named = {id for each in asked.criteria if each.parameter.name in OPAQUE for id in each.terms}
    left = sorted(named.union(own_patients(trail)))
    for each in classes:
        left = authority.shown(asked.type, left, each) if left else []
    return left


def _owned(trail: Trail, rows: Sequence[SealedVersion]) -> list[tuple[SealedVersion, str]]:
    """Rows as they are now, with their patients. What was erased is passed over."""
    owned = []
    for sealed in anchors.current(trail.records.anchors, trail.records.store, trail.tenant, rows):
        try:
            owned.append((sealed, owner_of_sealed(trail, sealed).patient))
        except Gone:
            continue
    return owned


def _visible(
    trail: Trail, authority: Authority, asked: Condition, owned: Sequence[tuple[SealedVersion, str]]
) -> list[View]:
    """Decided by the classes that the elements have in each version: those that are compared have to be granted to the
    search, something of it to a read."""
    elements = _elements(asked.criteria)
    telling = _elements([each for each in asked.criteria if each.parameter.is_phi])
    asks = [ask for sealed, patient in owned for ask in _asks(sealed, patient, telling)]
    answers = authority.granted_all(asks)
    views = []
    for (sealed, patient), may_search, may_read in zip(owned, answers[::2], answers[1::2], strict=True):
        if not may_search or not set(_kinds(sealed, telling).values()) <= may_search:
            continue
        view = view_of(sealed, patient, may_read)
        if view is not None and patient:
            trail.consulted.add(patient)
        if view is not None and _fits(trail, asked, sealed, _kinds(sealed, elements)):
            views.append(view)
    return views


def _elements(criteria: Sequence[Criterion]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(name for each in criteria for name in each.parameter.elements))


def _asks(sealed: SealedVersion, patient: str, elements: Sequence[str]) -> tuple[Ask, Ask]:
    compared = frozenset(_kinds(sealed, elements).values()) or {DataClass.ADMINISTRATIVE}
    return (
        Ask("search", sealed.type, patient, compared),
        Ask("read", sealed.type, patient, frozenset(classes_in(sealed).values())),
    )


def _kinds(sealed: SealedVersion, elements: Sequence[str]) -> Mapping[str, DataClass]:
    held = classes_in(sealed)
    return {name: held[name] for name in elements if name in held}


def _fits(trail: Trail, asked: Condition, sealed: SealedVersion, kinds: Mapping[str, DataClass]) -> bool:
    """Opened here to compare: a token of eight bytes proves nothing."""
    try:
        members = open_elements(trail, sealed, kinds)
    except Gone:
        return False
    return all(each.matches(members) for each in asked.criteria)
