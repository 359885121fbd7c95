"""Strings: a search matches what begins with its value, whatever case, accents and punctuation. FHIR R4 3.1.1.4.7."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Final

from phivault.errors import InvalidInput
from phivault.records.index.codes import unescape
from phivault.records.index.parameters import Parameter

LONGEST: Final = 8
"""So many characters of a value are indexed, and so many of a longer search are looked up; the rest is compared."""
_FIRST_IDEOGRAPH: Final = "\u2e80"


def normalise(text: str) -> str:
    """Compatibility-decomposed, case-folded; without combining marks and punctuation; one space for each gap."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", text).casefold())
    kept = (character for character in folded if not unicodedata.combining(character))
    return " ".join("".join(character for character in kept if _says(character)).split())


def terms(value: Any) -> Iterator[str]:
    """Each beginning of the value that may be searched for, up to ``LONGEST`` characters."""
    text = normalise(value) if isinstance(value, str) else ""
    for length in range(_shortest(text), min(len(text), LONGEST) + 1):
        yield text[:length]


@dataclass(frozen=True, slots=True)
class Beginning:
    text: str

    @property
    def terms(self) -> tuple[str, ...]:
        return (self.text[:LONGEST],)

    def fits(self, value: Any) -> bool:
        return isinstance(value, str) and normalise(value).startswith(self.text)


def ask(parameter: Parameter, text: str) -> Beginning:
    """Raises InvalidInput for too short a value: one letter would open a large part of everything."""
    wanted = normalise(unescape(text))
    if len(wanted) < _shortest(wanted):
        raise InvalidInput(f"{parameter.name} holds at least two letters or digits")
    return Beginning(wanted)


def _shortest(text: str) -> int:
    """One ideograph may be a whole name."""
    return 1 if text >= _FIRST_IDEOGRAPH else 2


def _says(character: str) -> bool:
    # Symbols and punctuation go; what separates words stays, as a space (split joins gaps of any kind).
    return unicodedata.category(character)[0] in "LNMZ" or character.isspace()
