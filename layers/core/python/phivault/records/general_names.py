"""Names of generalised forms among the elements of an envelope: ``-birthDate`` beside ``birthDate``.

One byte, since the name of each element is stored with it. No member of a client's has a ``-`` in its name: no FHIR
element has. docs/envelope-format.md, section 1.
"""

from __future__ import annotations

_MARK = "-"
_BEFORE = "deidentified."
"""What the first rows had in its place. They are read for ever, and get the other when they are sealed again."""


def general_name(member: str) -> str:
    """The element that holds the generalised form of a member."""
    return _MARK + member


def is_general(name: str) -> bool:
    """Whether the element holds a generalised form."""
    return name.startswith((_MARK, _BEFORE))


def member_of(name: str) -> str:
    """The member that an element holds the generalised form of."""
    return name.removeprefix(_MARK).removeprefix(_BEFORE)
