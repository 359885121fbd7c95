"""Units of UCUM, and which quantities tell an age over 89 (45 CFR 164.514(b)(2)(i)(C))."""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from phivault.phi.terminology import TERMS

OLDEST: Final = 89
_MAX_CHARACTERS: Final = 64
_UNITS: Final = TERMS["units"]
_KNOWN: Final = frozenset(_UNITS["annotations"])
_IN_YEARS: Final = {
    "a": Decimal(1),
    "mo": Decimal(12),
    "wk": Decimal(52),
    "d": Decimal(365),
    "h": Decimal(365 * 24),
    "min": Decimal(365 * 24 * 60),
    "s": Decimal(365 * 24 * 3600),
    "ms": Decimal(365 * 24 * 3600 * 1000),
    "us": Decimal(365 * 24 * 3600 * 1_000_000),
}
"""How many of each a year has at least, so that no age comes out too low. Variants (``a_j``) count as their kind."""


def _alternatives(names: str) -> str:
    return "|".join(re.escape(name) for name in sorted(names.split(), key=len, reverse=True))


_TIME: Final = f"(?:{_alternatives(_UNITS['time'])})"
_METRIC: Final = f"(?:{_alternatives(_UNITS['prefixes'])})?(?:{_alternatives(_UNITS['metric'])})"
_OTHER: Final = rf"(?:{_METRIC}|{_alternatives(_UNITS['plain'])})[2-4]?"
_NOTE: Final = r"\{[!-z|~]*\}"
_NUMBER: Final = r"(?:10[*^]-?[0-9]{1,2}|10{0,3})"  # never two in a row: they could spell anything
_FIRST: Final = rf"(?:(?:{_OTHER}|{_NUMBER})(?:{_NOTE})?|{_NOTE})"
_FACTOR: Final = rf"(?:{_OTHER}(?:{_NOTE})?|{_NOTE})"
_DENOMINATOR: Final = rf"(?:(?:{_OTHER}|{_NUMBER}|{_TIME}2?)(?:{_NOTE})?|{_NOTE})"
# Time multiplies nothing and has no other power: 10.a and a-1 could hide an age, and nobody measures in them.
_COMPOUND: Final = re.compile(rf"(?:{_FIRST}(?:\.{_FACTOR})*)?(?:/{_DENOMINATOR})*", re.ASCII)
_TIME_ALONE: Final = re.compile(rf"({_TIME})(?:{_NOTE})?", re.ASCII)
_NOTES: Final = re.compile(_NOTE, re.ASCII)
_OF_TIME: Final = re.compile(r"\{[^}]*(age|y(ea)?r|\by/?o\b|month|week|day)", re.ASCII | re.IGNORECASE)


def unit(code: object) -> str:
    """A unit's code with no annotation but known ones; "" for what isn't built of known units."""
    if not isinstance(code, str) or not 0 < len(code) <= _MAX_CHARACTERS:
        return ""
    alone = _TIME_ALONE.fullmatch(code)
    if alone:
        return alone[1]
    if not _COMPOUND.fullmatch(code) or _OF_TIME.search(code):  # {years}: an age whose unit is its annotation
        return ""
    return _NOTES.sub(_without, code)


def years(number: Decimal, unit: str) -> Decimal | None:
    """How many years a quantity is, for one of time; None for any other. ``unit`` is as the function of that name gives
    it. Raises ArithmeticError for a number out of every range."""
    per_year = _IN_YEARS.get(unit.partition("_")[0])
    return None if per_year is None else number / per_year


def _without(note: re.Match[str]) -> str:
    if note[0] in _KNOWN:
        return note[0]
    stands_alone = note.start() == 0 or note.string[note.start() - 1] in "./"
    return "1" if stands_alone else ""
