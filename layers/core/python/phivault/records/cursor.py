"""Where a search goes on: the last id that was looked at, sealed for the caller.

It may be the id of a resource that the caller can't see, so it doesn't travel in the clear; sealed, it can't be made
up or passed on either.
"""

from __future__ import annotations

import base64
import binascii

from phivault.crypto.element import Element, SealContext
from phivault.crypto.envelope import read_header, seal, unseal
from phivault.errors import Gone, IntegrityError, InvalidInput
from phivault.phi.data_class import DataClass
from phivault.records.events import Trail

_SUBJECT = "Tenant"
_AFTER = "after"
_MAX_CHARACTERS = 1024


def seal_cursor(trail: Trail, after: str) -> str:
    key = trail.records.keys.for_sealing(trail.tenant, _SUBJECT)
    element = Element(_AFTER, DataClass.ADMINISTRATIVE.value, after.encode())
    return base64.urlsafe_b64encode(seal(key, _context(trail), [element])).decode().rstrip("=")


def open_cursor(trail: Trail, cursor: str | None) -> str:
    """The id that the cursor holds, "" without one. Raises InvalidInput for what this server didn't give to this
    caller for a search of this type."""
    if cursor is None:
        return ""
    try:
        envelope = _decode(cursor)
        key = trail.records.keys.for_unsealing(trail.tenant, _SUBJECT, read_header(envelope).key_version)
        return unseal(key, _context(trail), envelope)[_AFTER].decode()
    except (IntegrityError, Gone, ValueError):
        raise InvalidInput("_cursor is not one that a search of yours returned") from None


def _decode(cursor: str) -> bytes:
    if len(cursor) > _MAX_CHARACTERS:
        raise binascii.Error
    return base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)


def _context(trail: Trail) -> SealContext:
    principal = trail.call.principal
    return SealContext(principal.tenant, _SUBJECT, f"Cursor-{trail.target.resource}", principal.user_id, 1)
