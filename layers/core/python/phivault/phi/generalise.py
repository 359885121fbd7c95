"""De-identified forms of a resource, made when it is written (45 CFR 164.514(b)(2), Safe Harbor).

They are sealed beside the elements that they come from, so that a de-identified read never unseals an identifier.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import date
from typing import Final

from phivault.phi.places import addresses
from phivault.phi.raw_json import Number, Value, encode, parse
from phivault.phi.reduce import (
    Reducer,
    codes,
    components,
    concept,
    concepts,
    flag,
    is_older,
    period,
    presence,
    quantity,
    year,
)
from phivault.phi.terms import code, coding
from phivault.phi.units import OLDEST

REDUCERS: Final[dict[str, dict[str, Reducer]]] = {
    "Patient": {
        "gender": code,
        "birthDate": year,
        "address": addresses,
        "deceasedBoolean": flag,
        "deceasedDateTime": presence,
    },
    "Encounter": {
        "status": code,
        "class": coding,
        "type": concepts,
        "serviceType": concept,
        "priority": concept,
        "reasonCode": concepts,
        "period": period,
    },
    "Condition": {
        "clinicalStatus": concept,
        "verificationStatus": concept,
        "category": concepts,
        "severity": concept,
        "code": concept,
        "bodySite": concepts,
        "onsetDateTime": year,
        "onsetPeriod": period,
        "abatementDateTime": year,
        "abatementPeriod": period,
        "recordedDate": year,
    },
    "Observation": {
        "status": code,
        "category": concepts,
        "code": concept,
        "effectiveDateTime": year,
        "effectivePeriod": period,
        "valueQuantity": quantity,
        "valueCodeableConcept": concept,
        "dataAbsentReason": concept,
        "interpretation": concepts,
        "bodySite": concept,
        "method": concept,
        "component": components,
    },
    "DiagnosticReport": {
        "status": code,
        "category": concepts,
        "code": concept,
        "effectiveDateTime": year,
        "effectivePeriod": period,
        "conclusionCode": concepts,
    },
    "MedicationRequest": {
        "status": code,
        "statusReason": concept,
        "intent": code,
        "category": concepts,
        "priority": code,
        "medicationCodeableConcept": concept,
        "authoredOn": year,
        "reasonCode": concepts,
        "courseOfTherapyType": concept,
    },
    "AllergyIntolerance": {
        "clinicalStatus": concept,
        "verificationStatus": concept,
        "type": code,
        "category": codes,
        "criticality": code,
        "code": concept,
        "onsetDateTime": year,
        "onsetPeriod": period,
        "recordedDate": year,
        "lastOccurrence": year,
    },
    "Procedure": {
        "status": code,
        "statusReason": concept,
        "category": concept,
        "code": concept,
        "performedDateTime": year,
        "performedPeriod": period,
        "reasonCode": concepts,
        "bodySite": concepts,
        "outcome": concept,
        "complication": concepts,
    },
    "Immunization": {
        "status": code,
        "statusReason": concept,
        "vaccineCode": concept,
        "occurrenceDateTime": year,
        "recorded": year,
        "site": concept,
        "route": concept,
        "doseQuantity": quantity,
        "reasonCode": concepts,
    },
}
"""What is kept of which member, by type. A type that isn't here has no de-identified form. Neither has an element that
is an age (``onsetAge``): with the year of another element it would tell an age over 89 that neither tells alone."""

_KEPT_AS = {"deceasedDateTime": "deceasedBoolean"}
_DATES = frozenset(name for rules in REDUCERS.values() for name, rule in rules.items() if rule in (year, period))
_MEASURED = frozenset(
    name for rules in REDUCERS.values() for name, rule in rules.items() if rule in (quantity, components)
)
_MASKED = encode(
    {"extension": [{"url": "http://hl7.org/fhir/StructureDefinition/data-absent-reason", "valueCode": "masked"}]}
)


def generalise(resource_type: str, members: Mapping[str, bytes]) -> dict[str, bytes]:
    """The de-identified forms of a resource's top-level members (raw JSON text), by the name of the FHIR member that
    each stands for. Numbers stay as written. What can't be reduced, odd shapes included, is left out."""
    reduced = {}
    for name, reducer in REDUCERS.get(resource_type, {}).items():
        kept = reducer(parse(members[name])) if name in members else None
        if kept is not None:
            reduced[_KEPT_AS.get(name, name)] = encode(kept)
    return reduced


def present(members: Mapping[str, bytes], today: date) -> dict[str, bytes]:
    """FHIR members for a reader who holds only these forms, ``members`` being what ``generalise`` gave.

    A year tells an age over 89 once it lies 90 years back (164.514(b)(2)(i)(C)), which time alone brings about: such
    a year is left out on the day it is read, and the absent birth date says ``masked``. So is a measured age that makes
    more than 89 years with those that passed since the resource's year.
    """
    years = {name: _recent(parse(members[name]), today.year - OLDEST) for name in members if name in _DATES}
    passed = max((today.year - found for value in years.values() for found in _years(value)), default=0)
    shown = {}
    for name, text in members.items():
        if name in years:
            kept = years[name]
        elif name in _MEASURED:
            kept = _young(parse(text), OLDEST - passed)
        else:
            shown[name] = text
            continue
        if kept is not None:
            shown[name] = encode(kept)
        elif name == "birthDate":
            shown["_birthDate"] = _MASKED
    return shown


def _recent(value: Value, earliest: int) -> Value:
    """A year, or a period's years, from ``earliest`` on."""
    if isinstance(value, dict):
        return {name: part for name, part in value.items() if _recent(part, earliest) is not None} or None
    found = year(value)
    return found if isinstance(found, str) and int(found) >= earliest else None


def _years(value: Value) -> Iterator[int]:
    for part in value.values() if isinstance(value, dict) else [value]:
        if isinstance(part, str):
            yield int(part)


def _young(value: Value, most: int) -> Value:
    """A quantity, or components without those quantities, that may be an age of more than ``most`` years."""
    if isinstance(value, list):
        return [_young_component(part, most) for part in value]
    return None if _is_old(value, most) else value


def _young_component(value: Value, most: int) -> Value:
    if not isinstance(value, dict):
        return value
    return {name: part for name, part in value.items() if not _is_old(part, most)}


def _is_old(value: Value, most: int) -> bool:
    if not isinstance(value, dict) or not isinstance(value.get("value"), Number):
        return False
    number, measure = value["value"], value.get("code")
    at_least = value.get("comparator") in (">", ">=")
    return isinstance(number, Number) and is_older(number, str(measure), most, at_least=at_least)
