"""What a search brings along: patients and practitioners that its matches refer to. FHIR R4, section 3.1.1.5.4.

A reference is followed where the caller sees the element that holds it, and leads to what they may read. All of it is
decided like a read, recorded with the page, and stands in it once.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

from phivault.errors import Gone, InvalidInput, UnsupportedParameter
from phivault.records import anchors
from phivault.records.authorise import Ask, Authority
from phivault.records.events import Trail
from phivault.records.json_members import parse
from phivault.records.open import classes_in, open_elements
from phivault.records.released import View, view_of
from phivault.records.shape import Shape
from phivault.records.store import SealedVersion
from phivault.records.types import TYPES

PRACTITIONERS: Final = frozenset({"Practitioner", "PractitionerRole"})
MAX_INCLUDED: Final = 200
"""So many resources come along with a page at most."""
_ROOM_BYTES: Final = 8 << 20
"""Of sealed rows of one type that come along, and one row more."""
_REFERENCE: Final = re.compile(r"([A-Z][A-Za-z]{0,63})/([A-Za-z0-9.-]{1,64})")
_INCLUDE: Final = re.compile(r"([A-Za-z]{1,64}):([a-z-]{1,64})(?::([A-Za-z]{1,64}))?")

_ROWS: Final[Mapping[str, Mapping[str, str]]] = {
    "AllergyIntolerance": {"asserter": "asserter", "recorder": "recorder"},
    "CareTeam": {"participant": "participant"},
    "Condition": {"asserter": "asserter"},
    "Consent": {"consentor": "performer"},
    "DiagnosticReport": {"performer": "performer", "results-interpreter": "resultsInterpreter"},
    "DocumentReference": {"authenticator": "authenticator", "author": "author"},
    "Encounter": {"participant": "participant", "practitioner": "participant"},
    "Immunization": {"performer": "performer"},
    "MedicationRequest": {"intended-performer": "performer", "requester": "requester"},
    "Observation": {"performer": "performer"},
    "Patient": {"general-practitioner": "generalPractitioner"},
    "PractitionerRole": {"practitioner": "practitioner"},
    "Procedure": {"performer": "performer"},
    "QuestionnaireResponse": {"author": "author", "source": "source"},
    "ServiceRequest": {"performer": "performer", "requester": "requester"},
}
INCLUDES: Final = MappingProxyType(
    {
        name: MappingProxyType(
            dict(_ROWS.get(name, {}))
            | ({"patient": row.patient_element} if row.patient_element else {})
            | ({"subject": "subject"} if row.patient_element == "subject" else {})
        )
        for name, row in TYPES.items()
    }
)
"""Of each type the search parameters that may be included, with the element that each reads."""


@dataclass(frozen=True, slots=True)
class Include:
    """``element`` holds the references; ``kinds`` are the types that they are followed to."""

    element: str
    kinds: frozenset[str]


def include_of(type: str, text: str) -> Include:
    """Read one ``_include``: ``Observation:subject``, ``Observation:performer:Practitioner``. Raises InvalidInput or
    UnsupportedParameter, without the text."""
    match = _INCLUDE.fullmatch(text)
    if match is None:
        raise InvalidInput("_include is a type, a colon and a search parameter, and a type to follow it to if need be")
    source, name, kind = match.groups()
    element = INCLUDES[type].get(name)
    if source != type or element is None:
        raise UnsupportedParameter(f"_include is supported of {', '.join(_named(type)) or 'nothing'} here")
    kinds = frozenset({"Patient"}) if element == TYPES[type].patient_element else PRACTITIONERS
    if kind is not None and kind not in kinds:
        raise UnsupportedParameter(f"_include follows {type}:{name} to {' or '.join(sorted(kinds))}")
    return Include(element, kinds if kind is None else frozenset({kind}))


def _named(type: str) -> list[str]:
    return [f"{type}:{name}" for name in sorted(INCLUDES[type])]


def included(
    trail: Trail, authority: Authority, includes: Sequence[Include], matches: Sequence[View], shape: Shape
) -> list[list[View]]:
    """Of each match, what comes along with it and with none before it."""
    wanted = [_wanted(trail, includes, view) for view in matches]
    found = _found(trail, authority, _limited(matches, wanted), shape)
    return [[found.pop(place) for place in places if place in found] for places in wanted]


type _Place = tuple[str, str]


def _wanted(trail: Trail, includes: Sequence[Include], view: View) -> list[_Place]:
    shown = [include for include in includes if include.element in view.names]
    places = [("Patient", view.patient) for include in shown if "Patient" in include.kinds and view.patient]
    kinds = {include.element: include.kinds for include in shown if "Patient" not in include.kinds}
    try:
        members = open_elements(trail, view.sealed, kinds) if kinds else {}
    except Gone:
        return []
    for element, text in members.items():
        places += [place for place in _references(parse(text)) if place[0] in kinds[element]]
    return list(dict.fromkeys(places))


def _references(value: Any) -> Iterator[_Place]:
    """The (type, id) of every reference inside, at any depth."""
    for part in value.values() if isinstance(value, dict) else value:
        if isinstance(part, (dict, list)):
            yield from _references(part)
    match = _REFERENCE.fullmatch(str(value.get("reference"))) if isinstance(value, dict) else None
    if match is not None:
        yield match[1], match[2]


def _limited(matches: Sequence[View], wanted: Iterable[Sequence[_Place]]) -> list[_Place]:
    here = {(view.sealed.type, view.sealed.id) for view in matches}
    places = dict.fromkeys(place for places in wanted for place in places)
    return [place for place in places if place not in here][:MAX_INCLUDED]


def _found(trail: Trail, authority: Authority, places: Sequence[_Place], shape: Shape) -> dict[_Place, View]:
    rows: list[SealedVersion] = []
    for kind in sorted({kind for kind, _ in places}):
        ids = [id for of, id in places if of == kind]
        asked = trail.records.store.search(
            trail.tenant, kind, subject=None, ids=ids, after="", limit=len(ids), room=_ROOM_BYTES
        )
        rows += anchors.current(trail.records.anchors, trail.records.store, trail.tenant, asked)
    owned = [(row, row.id if row.type == "Patient" else "") for row in rows]
    asks = [Ask("read", row.type, patient, frozenset(classes_in(row).values())) for row, patient in owned]
    answers = authority.granted_all(asks)
    views = [view_of(row, patient, granted, shape) for (row, patient), granted in zip(owned, answers, strict=True)]
    return {(view.sealed.type, view.sealed.id): view for view in views if view is not None}
