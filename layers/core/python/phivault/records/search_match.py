"""Which of the rows that were met are matches: decided first, then compared by what the caller may search by.

An element is opened to be compared only where the caller may search by the class that it has in this version; what they
may not search by is as if it weren't there, so nothing of it shows in what is found. Whose keys that takes is recorded,
whether or not anything of theirs is found.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass

from phivault.errors import Gone
from phivault.phi.data_class import DataClass
from phivault.records.authorise import Ask, Authority
from phivault.records.events import Trail
from phivault.records.general_names import is_general
from phivault.records.index.criterion import Criterion
from phivault.records.open import classes_in, open_elements, owner_of_sealed
from phivault.records.released import View, view_of
from phivault.records.search_query import Query
from phivault.records.search_warm import warm
from phivault.records.search_ways import Place
from phivault.records.store import SealedVersion


@dataclass(frozen=True, slots=True)
class _Candidate:
    """``searchable`` are the classes of the version that the caller may search by."""

    view: View
    place: Place
    searchable: frozenset[DataClass]


def classes_of(criterion: Criterion) -> frozenset[DataClass]:
    """Those that what it reads can have: the catalogue's, and those that a resource raises it to."""
    return frozenset(criterion.parameter.classes)


def matching(
    trail: Trail, authority: Authority, query: Query, rows: Sequence[tuple[SealedVersion, Place]]
) -> list[tuple[View, Place]]:
    """What of these the caller may find and see, decided together. Raises Unavailable, and IntegrityError for a row
    that doesn't open."""
    candidates = [
        each
        for each in _decided(trail, authority, query, rows)
        if not (is_deidentified(each.view) and (query.criteria or query.is_timed))
        and all(_elements(each, criterion.parameter.elements) for criterion in query.criteria)
    ]
    if query.criteria:
        warm(trail, [each.view.sealed for each in candidates])
        candidates = [each for each in candidates if _fits(trail, query.criteria, each)]
    return [(each.view, each.place) for each in candidates]


def is_deidentified(view: View) -> bool:
    """Whether generalised forms are shown: of these neither times nor what the originals say is found."""
    return any(map(is_general, view.names))


def opened(
    trail: Trail, view: View, searchable: Collection[DataClass], names: Iterable[str]
) -> dict[str, bytes] | None:
    """Those of ``names`` that the caller may search by, opened for nobody to see; None of what was erased meanwhile."""
    classes = classes_in(view.sealed)
    wanted = [name for name in dict.fromkeys(names) if classes.get(name) in searchable]
    if view.patient:
        trail.consulted.add(view.patient)
    try:
        return dict(open_elements(trail, view.sealed, wanted))
    except Gone:
        return None


def _decided(
    trail: Trail, authority: Authority, query: Query, rows: Sequence[tuple[SealedVersion, Place]]
) -> list[_Candidate]:
    owned = _owned(trail, query, rows)
    asked: list[Ask] = []
    for sealed, patient, _ in owned:
        classes = frozenset(classes_in(sealed).values())
        asked += [Ask("search", sealed.type, patient, classes), Ask("read", sealed.type, patient, classes)]
    answers = authority.granted_all(asked)
    found = []
    for (sealed, patient, place), searchable, readable in zip(owned, answers[::2], answers[1::2], strict=True):
        view = view_of(sealed, patient, readable, query.shape) if searchable else None
        if view is not None:
            found.append(_Candidate(view, place, searchable))
    return found


def _owned(
    trail: Trail, query: Query, rows: Sequence[tuple[SealedVersion, Place]]
) -> list[tuple[SealedVersion, str, Place]]:
    """Rows with their patients. What was erased is passed over."""
    if trail.target.resource == "RelatedPerson":
        warm(trail, [sealed for sealed, _ in rows])
    found = []
    for sealed, place in rows:
        try:
            patient = owner_of_sealed(trail, sealed).patient
        except Gone:
            continue
        if query.patients is None or patient in query.patients:
            found.append((sealed, patient, place))
    return found


def _elements(candidate: _Candidate, names: Iterable[str]) -> list[str]:
    """Those of ``names`` that the version has and the caller may search by."""
    classes = classes_in(candidate.view.sealed)
    return [name for name in names if classes.get(name) in candidate.searchable]


def _fits(trail: Trail, criteria: Sequence[Criterion], candidate: _Candidate) -> bool:
    names = [name for criterion in criteria for name in criterion.parameter.elements]
    members = opened(trail, candidate.view, candidate.searchable, names)
    return members is not None and all(criterion.matches(members) for criterion in criteria)
