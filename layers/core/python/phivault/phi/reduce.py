"""Reducers: a FHIR value in, what of it identifies nobody out, None for nothing.

They build anew from parts that they know and copy nothing else: no text, references, notes or extensions. A value
of another shape than its element's gives None: validation is done elsewhere.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from decimal import Decimal

from phivault.phi.raw_json import Number, Value
from phivault.phi.terms import code, coding
from phivault.phi.units import OLDEST, unit, years

type Reducer = Callable[[Value], Value]

_UCUM = "http://unitsofmeasure.org"
_YEAR = re.compile(r"([0-9]{4})(-[0-9]{2}.*)?", re.ASCII | re.DOTALL)
_AT_LEAST = frozenset({">", ">="})
_COMPARATORS = _AT_LEAST | {"<", "<="}
_MAX_DIGITS = 32


def codes(value: Value) -> Value:
    return _each(value, code)


def flag(value: Value) -> Value:
    return value if isinstance(value, bool) else None


def presence(value: Value) -> Value:
    """True for a date, which isn't kept."""
    return True if isinstance(value, str) and value else None


def concept(value: Value) -> Value:
    """A CodeableConcept without its text."""
    kept = _each(value.get("coding"), coding) if isinstance(value, dict) else None
    return {"coding": kept} if kept else None


def concepts(value: Value) -> Value:
    return _each(value, concept)


def quantity(value: Value) -> Value:
    """A measured value with its coded unit; the unit's free text gives way to the code. No age over 89."""
    if not isinstance(value, dict) or value.get("system") != _UCUM:
        return None
    number, measure, comparator = value.get("value"), unit(value.get("code")), value.get("comparator")
    if not measure or not isinstance(number, Number) or len(number.text) > _MAX_DIGITS:
        return None
    known = comparator if isinstance(comparator, str) and comparator in _COMPARATORS else ""
    if is_older(number, measure, OLDEST, at_least=known in _AT_LEAST):
        return None
    kept: dict[str, Value] = {"value": number} | ({"comparator": known} if known else {})
    return kept | {"unit": measure, "system": _UCUM, "code": measure}


def is_older(number: Number, measure: str, most: int, *, at_least: bool = False) -> bool:
    """Whether this is time of more than ``most`` years, and so may be an age. What can't be compared may be; so may,
    with ``at_least``, what begins there."""
    try:
        found = years(Decimal(number.text), measure)
    except ArithmeticError:
        return True
    return found is not None and (found > most or (at_least and found >= most))


def components(value: Value) -> Value:
    """Observation.component, each with its code."""
    return _each(value, _component)


def year(value: Value) -> Value:
    found = _YEAR.fullmatch(value) if isinstance(value, str) else None
    return found[1] if found else None


def period(value: Value) -> Value:
    if not isinstance(value, dict):
        return None
    kept: dict[str, Value] = {name: part for name in ("start", "end") if (part := year(value.get(name)))}
    return kept or None


_COMPONENT = {
    "code": concept,
    "valueQuantity": quantity,
    "valueCodeableConcept": concept,
    "dataAbsentReason": concept,
    "interpretation": concepts,
}


def _component(value: Value) -> Value:
    if not isinstance(value, dict):
        return None
    parts = ((name, reducer(value.get(name))) for name, reducer in _COMPONENT.items())
    kept: dict[str, Value] = {name: part for name, part in parts if part is not None}
    return kept if "code" in kept else None


def _each(value: Value, reducer: Reducer) -> Value:
    items = value if isinstance(value, list) else []
    return [kept for item in items if (kept := reducer(item)) is not None] or None
