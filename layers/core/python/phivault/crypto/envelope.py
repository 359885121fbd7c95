"""Seal and unseal the elements of one resource version. docs/envelope-format.md gives bytes and security argument."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from hmac import compare_digest
from itertools import repeat
from os import urandom

from cryptography.exceptions import InvalidTag
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from phivault.crypto import header as headers
from phivault.crypto.associated_data import associated_data
from phivault.crypto.element import Element, SealContext, Unsealed
from phivault.crypto.header import Header, Layout, Slot
from phivault.crypto.padding import BLOCK, pad, unpad
from phivault.crypto.subject_key import KEY_BYTES, SubjectKey
from phivault.errors import ContentTooLarge, IntegrityError

_SHA512 = SHA512()
_DERIVED_BYTES = KEY_BYTES + headers.COMMITMENT_BYTES


def seal(key: SubjectKey, context: SealContext, elements: Sequence[Element]) -> bytes:
    """An envelope of these elements, in this order, that opens with this key in this context only.

    IntegrityError if the key belongs to another subject; InvalidInput or ContentTooLarge if the format can't hold
    the elements (1 to 1024, names unique, each value under 4 MiB, 8 MiB in all).
    """
    _check_owner(key, context)
    salt = urandom(headers.SALT_BYTES)
    header = headers.encode(key.version, salt, elements)
    cipher, commitment = _derive(key, salt, associated_data(context, header))
    sealed = map(cipher.encrypt, headers.NONCES, _padded(elements), repeat(None))
    envelope = b"".join((header, commitment, *sealed))
    if len(envelope) > headers.MAX_ENVELOPE:
        raise ContentTooLarge("The elements are larger than 8 MiB in all")
    return envelope


def unseal(key: SubjectKey, context: SealContext, envelope: bytes, names: Collection[str] | None = None) -> Unsealed:
    """The values by name, in header order: all, or those of ``names`` (a name that the envelope lacks is passed over).

    The whole header is proven, also where no element is opened. IntegrityError if anything differs from what was
    sealed: bytes, key, tenant, subject, type, id or version.
    """
    _check_owner(key, context)
    layout = headers.parse(envelope)
    if layout.key_version != key.version:
        raise IntegrityError("The envelope was sealed with another version of the key")
    cipher = _proven(key, context, layout, envelope)
    if cipher is None:
        raise IntegrityError("The envelope doesn't belong to this key and context")
    slots = layout.table.slots
    return _open(cipher, slots if names is None else _only(frozenset(names), slots), envelope)


def read_header(envelope: bytes) -> Header:
    """What the envelope says of itself. It isn't proven until ``unseal`` returns: decide by it, release nothing by
    it. IntegrityError if it can't be read."""
    layout = headers.parse(envelope)
    return Header(layout.key_version, layout.table)


def _check_owner(key: SubjectKey, context: SealContext) -> None:
    if key.tenant != context.tenant or key.subject != context.subject:
        raise IntegrityError("The key belongs to another subject")


def _derive(key: SubjectKey, salt: bytes, bound: bytes) -> tuple[AESGCM, bytes]:
    """The envelope's cipher and key commitment: the two halves of 64 bytes of HKDF-SHA512 (RFC 5869).

    Associated data goes in here and not into each element's own: so it also decides the commitment.
    """
    derived = HKDF(_SHA512, _DERIVED_BYTES, salt, bound).derive(key.material)
    return AESGCM(derived[:KEY_BYTES]), derived[KEY_BYTES:]


def _proven(key: SubjectKey, context: SealContext, layout: Layout, envelope: bytes) -> AESGCM | None:
    """The cipher, if the envelope commits to this key, context and header. A frame that raised here would show the
    expected commitment to whatever prints locals."""
    cipher, commitment = _derive(key, layout.salt, associated_data(context, layout.raw))
    # GCM commits to no key: without this, bytes can be made that open under two keys.
    return cipher if compare_digest(commitment, envelope[layout.table.commitment]) else None


def _padded(elements: Sequence[Element]) -> list[bytes]:
    # In a frame of its own, so that no value has a name in seal's.
    return [value if len(value := element.value) >= BLOCK else pad(value) for element in elements]


def _only(names: frozenset[str], slots: Iterable[Slot]) -> list[Slot]:
    return [slot for slot in slots if slot[0] in names]


def _open(cipher: AESGCM, slots: Iterable[Slot], envelope: bytes) -> Unsealed:
    decrypt = cipher.decrypt
    try:
        # No value gets a name of its own: this frame is in the traceback when an element doesn't open.
        return Unsealed(
            {
                name: decrypt(nonce, envelope[start:end], None)
                if length
                else unpad(decrypt(nonce, envelope[start:end], None))
                for name, length, nonce, start, end in slots
            }
        )
    except InvalidTag:
        raise IntegrityError("An element doesn't open: it was altered") from None
