"""What an envelope holds, before it is sealed and after it is opened."""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Element:
    """A named value with its data class, to be sealed. Prints without the value.

    ``name`` is 1 to 64 visible ASCII characters; ``value`` is any bytes, for a FHIR element its original JSON text.
    """

    name: str
    data_class: str
    value: bytes = field(repr=False)


class Unsealed(dict[str, bytes]):
    """Values by name, in the envelope's order. Prints their names alone.

    A dict, because making one costs almost nothing beside opening its values. A copy with ``|``, ``copy`` or ``dict``
    is a plain one and prints everything.
    """

    __slots__ = ()

    def __repr__(self) -> str:
        return f"Unsealed({', '.join(self)})"


@dataclass(frozen=True, slots=True)
class SealContext:
    """What a seal is bound to: opening it in any other context fails. ``version`` counts from 1."""

    tenant: str
    subject: str
    type: str
    id: str
    version: int
