"""Two tenants keep the same words about somebody: who reads the whole database can't tell that they are the same."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.support.fhir import make, observation, patient
from tests.support.stored import superuser

if TYPE_CHECKING:
    import httpx

    from tests.support.stack import RunningStack

BLOCK = 16
"""Bytes of the cipher's block: equal plaintext under one key and nonce would repeat from one block on."""


def kept(client: httpx.Client) -> list[str]:
    """The ids of a patient and of an observation about them."""
    whose = str(make(client, patient())["id"])
    return [whose, str(make(client, observation(whose, note=[{"text": "The same words for both. " * 20}]))["id"])]


def stored(stack: RunningStack, ids: list[str]) -> tuple[list[bytes], set[bytes]]:
    """Envelopes by type, and index values."""
    with superuser(stack) as connection:
        rows = connection.execute(b"SELECT envelope FROM phi.resources WHERE id = ANY (%s) ORDER BY type", [ids])
        envelopes = [envelope for (envelope,) in rows]
        found = connection.execute(b"SELECT token FROM phi.search_tokens WHERE id = ANY (%s)", [ids])
        return envelopes, {token for (token,) in found}


def test_no_ciphertext_index_value_or_id_is_shared(stack: RunningStack) -> None:
    here, there = (kept(stack.api("clinician", tenant)) for tenant in stack.tenants[:2])
    assert not set(here) & set(there)
    (ours, our_tokens), (theirs, their_tokens) = stored(stack, here), stored(stack, there)
    assert len(our_tokens) == len(their_tokens) > 10, "the same words, and as many ways to find them"
    assert not our_tokens & their_tokens
    assert [len(envelope) for envelope in ours] == [len(envelope) for envelope in theirs]
    for one, other in zip(ours, theirs, strict=True):
        sealed = _behind_the_header(one, other)
        assert len(sealed) > 10
        assert not sealed & _behind_the_header(other, one)


def _behind_the_header(envelope: bytes, other: bytes) -> set[bytes]:
    """Every block of the envelope from where two of equal data first differ: their salts."""
    start = next(place for place, (a, b) in enumerate(zip(envelope, other, strict=True)) if a != b)
    listed = envelope.index(b"resourceType", start)  # names and lengths stand in the clear, the same in both
    end = listed + _clear(envelope[listed:], other[listed:])
    return {envelope[place : place + BLOCK] for place in range(end, len(envelope) - BLOCK)}


def _clear(one: bytes, other: bytes) -> int:
    """How far two envelopes go on alike."""
    return next(place for place, (a, b) in enumerate(zip(one, other, strict=True)) if a != b)
