"""A subject key in the clear, for as long as a request needs it."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """32 bytes of one version (from 1) of the key of one subject of one tenant. Prints without the bytes."""

    tenant: str
    subject: str
    version: int
    material: bytes = field(repr=False)
