"""Codes of public terminologies: words that anybody can look up, in the form that their terminology gives them.

No ``display`` and no ``text`` pass, which are whatever a sender writes: a code's name is found in its terminology.
"""

from __future__ import annotations

import re
from typing import Final

from phivault.phi.raw_json import Value
from phivault.phi.terminology import TERMS
from phivault.phi.units import unit

_HL7: Final = "http://terminology.hl7.org/CodeSystem/"
_SNOMED: Final = "http://snomed.info/sct"
_UCUM: Final = "http://unitsofmeasure.org"
_WORDS: Final = frozenset(word for words in TERMS["codes"].values() for word in words)
_FORMS: Final = {system: re.compile(form, re.ASCII) for system, form in TERMS["systems"].items()}
_CODES: Final = {_HL7 + name: frozenset(codes.split()) for name, codes in TERMS["hl7"].items()}
_CONCEPTS: Final = frozenset({"00", "10"})
"""The partition identifiers of SNOMED CT's concepts, the two digits before the check digit."""


def code(value: Value) -> Value:
    """A word of one of FHIR's required bindings."""
    return value if isinstance(value, str) and value in _WORDS else None


def coding(value: Value) -> Value:
    """A Coding's system and code."""
    if not isinstance(value, dict):
        return None
    system, word = value.get("system"), value.get("code")
    if not isinstance(system, str) or not isinstance(word, str) or not _is_of(system, word):
        return None
    return {"system": system, "code": word}


def _is_of(system: str, word: str) -> bool:
    if system in _CODES:
        return word in _CODES[system]
    if system == _UCUM:
        return unit(word) == word
    form = _FORMS.get(system)
    return form is not None and form.fullmatch(word) is not None and (system != _SNOMED or _is_concept(word))


def _is_concept(digits: str) -> bool:
    return digits[-3:-1] in _CONCEPTS and _verhoeff(digits) == 0


def _verhoeff(digits: str) -> int:
    """0 where the last digit is Verhoeff's check digit of those before it (SNOMED CT, section 5.5)."""
    check = 0
    for place, digit in enumerate(reversed(digits)):
        number = int(digit)
        for _ in range(place % 8):
            number = _PERMUTED[number]
        check = _of_dihedral(check, number)
    return check


_PERMUTED: Final = (1, 5, 7, 6, 2, 8, 3, 0, 9, 4)


def _of_dihedral(one: int, other: int) -> int:
    """The product of two elements of the dihedral group of order 10: 0 to 4 are rotations, 5 to 9 reflections."""
    turned = (one + other if one < 5 else one - other) % 5
    return turned + 5 * ((one >= 5) != (other >= 5))
