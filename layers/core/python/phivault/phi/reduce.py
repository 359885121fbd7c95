"""Reducers: a FHIR value in, what of it identifies nobody out, None for nothing.

They build anew from parts that they know and copy nothing else: no text, references, notes or extensions. A value
of another shape than its element's gives None: validation is done elsewhere.
"""

from __future__ import annotations

import re
import tomllib
from collections.abc import Callable
from decimal import Decimal
from importlib.resources import files

from phivault.phi.raw_json import Number, Value

type Reducer = Callable[[Value], Value]

_TERMS = tomllib.loads((files("phivault.phi") / "terminology.toml").read_text("utf-8"))
_CODES = frozenset(code for codes in _TERMS["codes"].values() for code in codes)
_PUBLIC_SYSTEMS = frozenset(_TERMS["systems"])
_PUBLIC_FAMILIES = re.compile(
    r"http://(terminology\.hl7\.org/CodeSystem|hl7\.org/fhir/us/core/CodeSystem|snomed\.info/sct)/[A-Za-z0-9./-]{1,64}",
    re.ASCII,
)
_UCUM = "http://unitsofmeasure.org"
_CODE = re.compile(r"[!-~]{1,100}")  # no space: names have one
_YEAR = re.compile(r"([0-9]{4})(-[0-9]{2}.*)?", re.ASCII | re.DOTALL)
_COMPARATORS = frozenset({"<", "<=", ">=", ">"})
_OLDEST = {"a": Decimal(89), "mo": Decimal(89 * 12), "wk": Decimal(89 * 52), "d": Decimal(89 * 365)}
_MAX_DIGITS = 32
_MAX_DISPLAY = 255  # the longest name that LOINC gives


def code(value: Value) -> Value:
    return value if isinstance(value, str) and value in _CODES else None


def codes(value: Value) -> Value:
    return _each(value, code)


def flag(value: Value) -> Value:
    return value if isinstance(value, bool) else None


def presence(value: Value) -> Value:
    """True for a date, which isn't kept."""
    return True if isinstance(value, str) and value else None


def coding(value: Value) -> Value:
    if not isinstance(value, dict) or not _public(value.get("system")) or not _is_code(value.get("code")):
        return None
    kept: dict[str, Value] = {"system": value["system"], "code": value["code"]}
    display = value.get("display")
    if isinstance(display, str) and len(display) <= _MAX_DISPLAY:
        kept["display"] = display
    return kept


def concept(value: Value) -> Value:
    """A CodeableConcept without its text."""
    kept = _each(value.get("coding"), coding) if isinstance(value, dict) else None
    return {"coding": kept} if kept else None


def concepts(value: Value) -> Value:
    return _each(value, concept)


def quantity(value: Value) -> Value:
    """A measured value with its coded unit; the unit's free text gives way to the code. No age over 89."""
    if not isinstance(value, dict) or value.get("system") != _UCUM or not _is_code(value.get("code")):
        return None
    number, unit = value.get("value"), value["code"]
    if not isinstance(number, Number) or len(number.text) > _MAX_DIGITS or _is_old_age(number, unit):
        return None
    kept: dict[str, Value] = {"value": number}
    if value.get("comparator") in _COMPARATORS:
        kept["comparator"] = value["comparator"]
    return kept | {"unit": unit, "system": _UCUM, "code": unit}


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


def _public(system: Value) -> bool:
    return isinstance(system, str) and (system in _PUBLIC_SYSTEMS or _PUBLIC_FAMILIES.fullmatch(system) is not None)


def _is_code(value: Value) -> bool:
    return isinstance(value, str) and _CODE.fullmatch(value) is not None


def _is_old_age(number: Number, unit: Value) -> bool:
    """Whether this may be an age over 89 (45 CFR 164.514(b)(2)(i)(C)). What can't be compared may be."""
    if not isinstance(unit, str) or unit not in _OLDEST:
        return False
    try:
        return Decimal(number.text) > _OLDEST[unit]
    except ArithmeticError:
        return True
