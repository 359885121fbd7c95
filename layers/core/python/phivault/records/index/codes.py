"""Tokens: codes, identifiers, contact points and references. FHIR R4, sections 3.1.1.4.10 and 3.1.1.4.12.

The index knows them by their value alone; a system or type that the search names is compared after opening.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Final

from phivault.errors import InvalidInput
from phivault.records.index.parameters import Parameter

_ESCAPED: Final = re.compile(r"\\([\\$,|])")
_PARTS: Final = re.compile(r"((?:[^\\|]|\\.)*)(?:\|((?:[^\\|]|\\.)*))?", re.DOTALL)
_REFERENCE: Final = re.compile(r"(?:([A-Z][A-Za-z]{0,63})/)?([A-Za-z0-9\-.]{1,64})")
_NANP_DIGITS: Final = 11


def unescape(text: str) -> str:
    """FHIR R4 3.1.1.4.3: a backslash keeps , | $ and itself from meaning anything."""
    return _ESCAPED.sub(r"\1", text)


def folded(value: str) -> str:
    """Codes are compared without regard to case: where in doubt, FHIR prefers finding too much."""
    return value.strip().casefold()


@dataclass(frozen=True, slots=True)
class Token:
    """``system`` is None for any, empty for none; ``implied`` is that of codes that name none themselves."""

    value: str
    system: str | None
    implied: str

    @property
    def terms(self) -> tuple[str, ...]:
        return (self.value,)

    def fits(self, value: Any) -> bool:
        systems = (None, "", self.implied) if isinstance(value, str) else ()
        return any(
            code == self.value and (self.system in systems or self.system in (None, system))
            for system, code in codes(value)
        )


@dataclass(frozen=True, slots=True)
class Reference:
    """``type`` is None for any."""

    id: str
    type: str | None

    @property
    def terms(self) -> tuple[str, ...]:
        return (self.id,)

    def fits(self, value: Any) -> bool:
        return any(id == self.id and self.type in (None, type) for type, id in targets(value))


@dataclass(frozen=True, slots=True)
class ContactPoint:
    """``read`` gives the phone numbers, or the addresses, of a value."""

    value: str
    read: Callable[[Any], Iterator[str]]

    @property
    def terms(self) -> tuple[str, ...]:
        return (self.value,)

    def fits(self, value: Any) -> bool:
        return self.value in self.read(value)


def codes(value: Any) -> Iterator[tuple[str, str]]:
    """(system, code) of a code, Coding, CodeableConcept or Identifier; "" where there is no system."""
    if isinstance(value, str):
        yield "", folded(value)
    elif isinstance(value, dict):
        for coding in value.get("coding", [value]):
            code = coding.get("code", coding.get("value"))
            if isinstance(code, str):
                yield coding.get("system", ""), folded(code)


def targets(value: Any) -> Iterator[tuple[str, str]]:
    """(type, id) of a relative reference."""
    text = value.get("reference") if isinstance(value, dict) else None
    match = _REFERENCE.fullmatch(text.partition("/_history/")[0]) if isinstance(text, str) else None
    if match and match[1]:
        yield match[1], match[2]


def phones(value: Any) -> Iterator[str]:
    return (digits(text) for text in _points(value, "phone"))


def emails(value: Any) -> Iterator[str]:
    return (folded(text) for text in _points(value, "email"))


def digits(text: str) -> str:
    """A number's digits; those of North America without the 1 before the area code, which many leave out."""
    found = "".join(str(unicodedata.decimal(character)) for character in text if character.isdecimal())
    return found[1:] if len(found) == _NANP_DIGITS and found[0] == "1" else found


def ask_token(parameter: Parameter, text: str) -> Token:
    """``code``, ``system|code``, or ``|code`` for one without a system."""
    match = _PARTS.fullmatch(text)
    parts = [unescape(part) for part in match.groups() if part is not None] if match else []
    value = folded(parts[-1]) if parts else ""
    if not value:
        raise InvalidInput(f"{parameter.name} is a code, a system|code, or |code")
    return Token(value, parts[0] if len(parts) > 1 else None, parameter.system)


def ask_reference(parameter: Parameter, text: str) -> Reference:
    """An id, or a type, a slash and an id."""
    match = _REFERENCE.fullmatch(unescape(text))
    if match is None:
        raise InvalidInput(f"{parameter.name} is an id, or a type and an id")
    return Reference(match[2], match[1])


def ask_phone(parameter: Parameter, text: str) -> ContactPoint:
    found = digits(text)
    if not found:
        raise InvalidInput(f"{parameter.name} holds digits")
    return ContactPoint(found, phones)


def ask_email(parameter: Parameter, text: str) -> ContactPoint:
    found = folded(unescape(text))
    if not found:
        raise InvalidInput(f"{parameter.name} is an address")
    return ContactPoint(found, emails)


def _points(value: Any, system: str) -> Iterator[str]:
    if isinstance(value, dict) and value.get("system") == system and isinstance(value.get("value"), str):
        yield value["value"]
