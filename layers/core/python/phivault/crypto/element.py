"""What an envelope holds."""

from __future__ import annotations

from dataclasses import dataclass, field


# Not frozen: unsealing makes one per element, and a frozen one costs as much to make as its value to decrypt.
@dataclass(slots=True, unsafe_hash=True)
class Element:
    """A named value with its data class; a value object, never changed. Prints without the value.

    ``name`` is 1 to 64 visible ASCII characters; ``value`` is any bytes, for a FHIR element its original JSON text.
    """

    name: str
    data_class: str
    value: bytes = field(repr=False)


@dataclass(frozen=True, slots=True)
class SealContext:
    """What a seal is bound to: opening it in any other context fails. ``version`` counts from 1."""

    tenant: str
    subject: str
    type: str
    id: str
    version: int
