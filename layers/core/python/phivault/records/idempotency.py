"""Requests that are sent twice: made once, answered twice (draft-ietf-httpapi-idempotency-key-header).

A commit leaves a row (tenant, principal, hash of the key) -> hash of the request, versions made. No answer is stored:
a repeat is answered by reading the made versions anew, decided and recorded anew. The row counts for LIFE_DAYS; then
the key is as new, and the same request does what it says again.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Final

from phivault.errors import Conflict, InvalidInput, Unavailable, Unprocessable
from phivault.records.events import Trail
from phivault.records.store import Absent, IdempotencyRecord, SealedVersion

LIFE_DAYS: Final = 7
"""By the store's clock, from the commit. Long enough for whoever goes on after a weekend what an outage ended."""
_KEY = re.compile(r"[\x21-\x7e]{1,255}")
type Reference = tuple[str, str]


class Repeated(Conflict):
    """Another request with the same key and content committed first; ``record`` says what it made."""

    def __init__(self, record: IdempotencyRecord) -> None:
        super().__init__("The same request is already done")
        self.record = record


def request_hash(method: str, path: str, body: bytes) -> bytes:
    """SHA-256 over the parts of a request, each prefixed with its length so that none can flow into the next."""
    parts = (method.encode(), path.encode(), body)
    return hashlib.sha256(b"".join(len(part).to_bytes(8) + part for part in parts)).digest()


def once[Answer](
    trail: Trail,
    key: str | None,
    hashed: Callable[[], bytes],
    first: Callable[[IdempotencyRecord | None], Answer],
    again: Callable[[IdempotencyRecord], Answer],
) -> Answer:
    """``first`` when the key is new (or None), ``again`` with what it made when the request repeats.

    Raises InvalidInput for a malformed key, Unprocessable where another request used it.
    """
    if key is None:
        return first(None)
    if not _KEY.fullmatch(key):
        raise InvalidInput("Idempotency-Key has 1 to 255 visible ASCII characters")
    # Under the key, which isn't kept: the row mustn't confirm a guess at what was sent, least of all after an erasure.
    asked = hmac.digest(key.encode(), hashed(), "sha256")
    record = IdempotencyRecord(trail.call.principal.user_id, key, asked)
    found = _find(trail, record)
    if found is not None:
        return again(found)
    try:
        return first(record)
    except Repeated as error:
        trail.record(trail.event(error=error))
        return again(error.record)


def commit(
    trail: Trail,
    writes: Sequence[SealedVersion],
    references: Sequence[Reference],
    record: IdempotencyRecord | None,
    absent: Sequence[Absent] = (),
) -> None:
    """Commit writes whose events are recorded. With an idempotency record an unknown outcome becomes known. What the
    record says of the versions made stays, where it says something.

    Raises Conflict, Unprocessable, Unavailable as the store does, or Repeated.
    """
    store, tenant = trail.records.store, trail.tenant
    if record is None:
        store.commit(tenant, writes, references=references, idempotency=None, absent=absent)
        return
    made = tuple((write.type, write.id, write.version) for write in writes)
    record = replace(record, made=record.made or made)
    try:
        store.commit(tenant, writes, references=references, idempotency=record, absent=absent)
    except (Conflict, Unavailable):
        found = _find(trail, record)
        if found is None:
            raise
        if found.made != record.made:
            raise Repeated(found) from None


def _find(trail: Trail, record: IdempotencyRecord) -> IdempotencyRecord | None:
    found = trail.records.store.find_idempotent(trail.tenant, record.principal, record.key)
    if found is not None and found.request_hash != record.request_hash:
        raise Unprocessable("Idempotency-Key was used for another request")
    return found
