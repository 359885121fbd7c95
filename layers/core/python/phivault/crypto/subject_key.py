"""A subject key in the clear, for as long as a request needs it."""

from __future__ import annotations

from dataclasses import dataclass, field

KEY_BYTES = 32
MAX_KEY_VERSION = (1 << 32) - 1


@dataclass(frozen=True, slots=True)
class SubjectKey:
    """32 bytes of one version (from 1) of the key of one subject of one tenant. Prints without the bytes."""

    tenant: str
    subject: str
    version: int
    material: bytes = field(repr=False)

    def __post_init__(self) -> None:
        # HKDF takes a key of any length, the empty one too, without complaint.
        if len(self.material) != KEY_BYTES:
            raise ValueError("A subject key is 32 bytes")
        if not 1 <= self.version <= MAX_KEY_VERSION:
            raise ValueError("A subject key's version is a positive 32-bit number")
