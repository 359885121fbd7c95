"""What is wrong with a resource: where, and which rule. Never what stands there."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from phivault.errors import InvalidInput

MAX_FINDINGS = 10


@dataclass(frozen=True, slots=True)
class Finding:
    """``path`` as FHIRPath writes it (Patient.name[0].use) and the ``rule`` that is broken there."""

    path: str
    rule: str


class InvalidResource(InvalidInput):
    """A resource that isn't valid FHIR, with at most ten findings."""

    def __init__(self, found: Sequence[Finding]) -> None:
        super().__init__("; ".join(f"{finding.path} {finding.rule}" for finding in found))
        self.findings = tuple(found)

    def inside(self, place: str) -> InvalidResource:
        """The same of a resource that stands at ``place`` in another: Patient.name is then place.name."""
        return InvalidResource([Finding(_moved(found.path, place), found.rule) for found in self.findings])


def _moved(path: str, place: str) -> str:
    _, dot, rest = path.partition(".")
    return place + dot + rest
