"""Where a list goes on: the whole question with a place in it, sealed for the caller.

It may hold what tells about a person (a name that was searched for) and ids that the caller can't see, so nothing of it
travels in the clear; sealed, it can't be made up, altered or passed on either. It is good for an hour: an address is
kept in histories.
"""

from __future__ import annotations

import base64
import binascii
import zlib
from typing import Final

from phivault.crypto.element import Element, SealContext
from phivault.crypto.envelope import read_header, seal, unseal
from phivault.errors import Gone, IntegrityError, InvalidInput
from phivault.phi.data_class import DataClass
from phivault.records.events import Trail

_SUBJECT: Final = "Tenant"
_QUESTION: Final = "question"
_PLACE: Final = "place"
LIFETIME_SECONDS: Final = 3600
MAX_CHARACTERS: Final = 6000
"""With a token beside it a request still has the 10,240 bytes that API Gateway takes before its body."""


def seal_cursor(trail: Trail, question: str, place: str) -> str:
    """``place`` may name what the caller can't see. It isn't compressed with the question, which they wrote: the length
    would tell them how much of one stands in the other. Raises InvalidInput where both are too long for an address."""
    until = int(trail.records.now().timestamp()) + LIFETIME_SECONDS
    value = zlib.compress(f"{until} {question}".encode(), 9)
    key = trail.records.keys.for_sealing(trail.tenant, _SUBJECT)
    kind = DataClass.SENSITIVE.value
    sealed = seal(key, _context(trail), [Element(_QUESTION, kind, value), Element(_PLACE, kind, place.encode())])
    cursor = _encode(sealed)
    if len(cursor) > MAX_CHARACTERS:
        raise InvalidInput("The search has more values than a link to its next page holds: ask for fewer at a time")
    return cursor


def open_cursor(trail: Trail, cursor: str) -> tuple[str, str]:
    """The question that the cursor holds, and the place. Raises InvalidInput for what this server didn't give to this
    caller for a list of this type within the last hour."""
    try:
        envelope = _decode(cursor)
        key = trail.records.keys.for_unsealing(trail.tenant, _SUBJECT, read_header(envelope).key_version)
        # Authentic, so it is what was compressed above, and no larger than a request.
        held = unseal(key, _context(trail), envelope)
        text, place = zlib.decompress(held[_QUESTION]).decode(), held[_PLACE].decode()
    except (IntegrityError, Gone, KeyError, ValueError):
        raise InvalidInput("_cursor is not one that a search of yours returned") from None
    until, _, question = text.partition(" ")
    if trail.records.now().timestamp() > int(until):
        raise InvalidInput("_cursor was good for an hour: search again without it")
    return question, place


def _decode(cursor: str) -> bytes:
    if len(cursor) > MAX_CHARACTERS:
        raise binascii.Error
    raw = base64.b64decode(cursor + "=" * (-len(cursor) % 4), altchars=b"-_", validate=True)
    if _encode(raw) != cursor:  # the last character has bits that say nothing
        raise binascii.Error
    return raw


def _encode(raw: bytes) -> str:
    return base64.urlsafe_b64encode(raw).decode().rstrip("=")


def _context(trail: Trail) -> SealContext:
    # With the project: gone on with in another one, a list would show where in it a resource of the first stands.
    principal, kind = trail.call.principal, "-".join(filter(None, (trail.target.resource, trail.call.project)))
    return SealContext(principal.tenant, _SUBJECT, f"Cursor-{kind}", principal.user_id, 1)
