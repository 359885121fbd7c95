"""What detection finds: a span of text, what kind of identifier it is, and how sure the rule is."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class Kind(StrEnum):
    """Kinds of identifiers. ``letter`` is the paragraph of 45 CFR 164.514(b)(2)(i) that names the kind."""

    letter: str

    def __new__(cls, value: str, letter: str) -> Kind:
        kind = str.__new__(cls, value)
        kind._value_ = value
        kind.letter = letter
        return kind

    NAME = "name", "A"
    ADDRESS = "address", "B"
    POSTCODE = "postcode", "B"
    DATE = "date", "C"
    AGE = "age", "C"
    PHONE = "phone", "D"
    FAX = "fax", "E"
    EMAIL = "email", "F"
    SSN = "ssn", "G"
    NHS = "nhs", "H"
    MRN = "mrn", "H"
    PLAN = "plan", "I"
    ACCOUNT = "account", "J"
    CARD = "card", "J"
    LICENSE = "license", "K"
    VEHICLE = "vehicle", "L"
    DEVICE = "device", "M"
    URL = "url", "N"
    IP = "ip", "O"
    ID = "id", "R"


@dataclass(frozen=True, slots=True)
class Finding:
    """``start`` and ``end`` count characters of the text, ``end`` excluded. ``score`` is from 0 to 1: how rarely the
    rule is wrong, as judged by who wrote it, not a measured probability."""

    kind: Kind
    start: int
    end: int
    score: float

    @property
    def letter(self) -> str:
        return self.kind.letter
