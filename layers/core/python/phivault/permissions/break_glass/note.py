"""What somebody wrote about an emergency or its review: free text about a patient, so sealed under that patient's key
and the most protective class."""

from __future__ import annotations

from typing import Annotated, Final

from pydantic import Field

from phivault.crypto import envelope
from phivault.crypto.element import Element, SealContext
from phivault.errors import Gone
from phivault.permissions.break_glass.glass import Glass
from phivault.permissions.call import Call
from phivault.phi.data_class import DataClass

CLASSES: Final = (DataClass.SENSITIVE.value,)
"""What an opened note is, on the event of its release."""
_TYPE: Final = "BreakGlass"
_NAME: Final = "note"
_BY_USER, _BY_REVIEWER = 1, 2  # versions of one context, so that neither opens in the place of the other

type Note = Annotated[str, Field(min_length=1, max_length=500)]


def sealed(call: Call, glass_id: str, patient: str, note: str | None) -> bytes:
    """Of the user who opens. b"" for no note. Raises Gone where the patient's key was destroyed, or Unavailable."""
    return _sealed(call, glass_id, patient, note, _BY_USER)


def sealed_review(call: Call, glass: Glass, note: str | None) -> bytes:
    """Of the reviewer."""
    return _sealed(call, glass.id, glass.patient, note, _BY_REVIEWER)


def opened(call: Call, glass: Glass) -> dict[str, str | None]:
    """Both notes, None for what isn't there or was erased with the patient's key. Their release is on record before.
    Raises IntegrityError or Unavailable."""
    return {
        "note": _opened(call, glass, glass.note, _BY_USER),
        "review_note": _opened(call, glass, glass.review_note, _BY_REVIEWER),
    }


def _sealed(call: Call, id: str, patient: str, note: str | None, version: int) -> bytes:
    if note is None:
        return b""
    context = _context(call, id, patient, version)
    # No rotation finds a note to seal it again: this version of the patient's key is kept for it.
    key = call.permissions.keys.for_keeping(context.tenant, context.subject)
    return envelope.seal(key, context, [Element(_NAME, DataClass.SENSITIVE, note.encode())])


def _opened(call: Call, glass: Glass, note: bytes, version: int) -> str | None:
    if not note:
        return None
    context = _context(call, glass.id, glass.patient, version)
    try:
        key = call.permissions.keys.for_unsealing(
            context.tenant, context.subject, envelope.read_header(note).key_version
        )
    except Gone:
        return None
    return envelope.unseal(key, context, note)[_NAME].decode()


def _context(call: Call, id: str, patient: str, version: int) -> SealContext:
    return SealContext(call.tenant, f"Patient/{patient}", _TYPE, id, version)
