"""Restriction of processing: a record rests, for every purpose or for those that are named, until it is lifted.

Regulation (EU) 2016/679, article 18(1)(a) to (d); an agreed request by 45 CFR 164.522(a). What still passes stands in
the policy ``a-restricted-record-rests``. Article 18(3), that the person is told before it is lifted, is for people.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Any, Protocol

from phivault.access.purpose import PurposeOfUse


class Ground(StrEnum):
    ACCURACY_CONTESTED = "accuracy-contested"
    UNLAWFUL = "unlawful"
    LEGAL_CLAIMS = "legal-claims"
    OBJECTION = "objection"
    AGREED_REQUEST = "agreed-request"


@dataclass(frozen=True, slots=True)
class Restriction:
    """``purposes`` are those that it restricts, every one where it is empty; ``since`` is RFC 3339."""

    ground: Ground
    purposes: tuple[PurposeOfUse, ...]
    since: str
    by: str

    def shown(self) -> dict[str, Any]:
        return {"ground": self.ground, "purposes": list(self.purposes), "since": self.since, "by": self.by}


class Restrictions(Protocol):
    """Obligations: reads see every earlier write, and so does the next decision of FactStore. Each write is atomic and
    durable once it returns. Unavailable when the store doesn't answer."""

    def restriction(self, tenant: str, patient: str) -> Restriction | None: ...

    def put(self, tenant: str, patient: str, restriction: Restriction) -> None:
        """In place of one that stands."""

    def lift(self, tenant: str, patient: str) -> None:
        """NotFound where none stands."""


def about(patient: str, restriction: Restriction | None = None) -> dict[str, Any]:
    """What an event about a restriction holds; flags have no underscore."""
    purposes = restriction.purposes if restriction else ()
    flags = tuple(f"purpose:{purpose.lower().replace('_', '-')}" for purpose in purposes)
    return {"resource": "Restriction", "patient": patient, "flags": flags}
