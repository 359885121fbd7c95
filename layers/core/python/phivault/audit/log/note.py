"""C2SP signed-note: text signed by keys that the reader already has. Ed25519 signatures (type 0x01) and witnesses'
timestamped cosignatures (type 0x04, C2SP tlog-cosignature). No IO of its own.

Read strictly: bytes that are accepted are the only encoding of what was read. Duplicate signatures of one key, more
than 100, and notes above 1 MB are refused.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Collection
from dataclasses import dataclass
from hashlib import sha256
from typing import Final, Self

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from phivault.audit.log.store import Signer
from phivault.errors import IntegrityError, InvalidInput

ED25519: Final = 0x01
COSIGNATURE: Final = 0x04
MAX_NOTE: Final = 1_000_000
MAX_SIGNATURES: Final = 100
_KEY_SIZE: Final = 32
_KEY_ID_SIZE: Final = 4
_STAMP_SIZE: Final = 8
_COSIGNATURE_SIZE: Final = _STAMP_SIZE + 64
_MAX_TIME: Final = 2**63 - 1
_DASH: Final = "— "


@dataclass(frozen=True, slots=True)
class Signature:
    """One signature line. ``key_id`` is 4 bytes; ``body`` is what the key's type makes of it."""

    name: str
    key_id: bytes
    body: bytes

    def line(self) -> str:
        """The line with its newline."""
        return f"{_DASH}{self.name} {encode_base64(self.key_id + self.body)}\n"


@dataclass(frozen=True, slots=True)
class Note:
    """``text`` ends in a newline. Nothing in it may be believed before ``open_note``."""

    text: str
    signatures: tuple[Signature, ...]

    def encode(self) -> bytes:
        """Raises IntegrityError for what ``parse`` would refuse."""
        body = f"{self.text}\n{''.join(signature.line() for signature in self.signatures)}".encode()
        parse(body)
        return body


def parse(data: bytes) -> Note:
    """Raises IntegrityError."""
    if len(data) > MAX_NOTE:
        raise IntegrityError("a note is too long")
    try:
        whole = data.decode()
    except UnicodeDecodeError:
        raise IntegrityError("a note isn't UTF-8") from None
    if any(character < " " and character != "\n" for character in whole):
        raise IntegrityError("a note has a control character")
    text, blank, lines = whole.rpartition("\n\n")
    if not blank:
        raise IntegrityError("a note has no blank line before its signatures")
    return Note(f"{text}\n", parse_signatures(lines))


def parse_signatures(lines: str) -> tuple[Signature, ...]:
    """At least one signature line, each with its newline. Raises IntegrityError."""
    *each, rest = lines.split("\n")
    if not each or rest:
        raise IntegrityError("a note's signatures don't end in a newline")
    if len(each) > MAX_SIGNATURES:
        raise IntegrityError("a note has too many signatures")
    signatures = tuple(_parse_signature(line) for line in each)
    if len({(signature.name, signature.key_id) for signature in signatures}) != len(signatures):
        raise IntegrityError("a note has two signatures of one key")
    return signatures


def _parse_signature(line: str) -> Signature:
    name, space, text = line.removeprefix(_DASH).partition(" ")
    if not (line.startswith(_DASH) and space and is_key_name(name)):
        raise IntegrityError("a signature line is malformed")
    signature = decode_base64(text, "a signature")
    if len(signature) <= _KEY_ID_SIZE:
        raise IntegrityError("a signature is too short")
    return Signature(name, signature[:_KEY_ID_SIZE], signature[_KEY_ID_SIZE:])


@dataclass(frozen=True, slots=True)
class VerifierKey:
    """A public key of ``kind`` ED25519 (a log's) or COSIGNATURE (a witness's)."""

    name: str
    kind: int
    public_key: bytes

    def __post_init__(self) -> None:
        if not is_key_name(self.name):
            raise InvalidInput("a verifier key's name is empty or has a space, plus sign or control character")
        if self.kind not in (ED25519, COSIGNATURE):
            raise InvalidInput("a verifier key is of an unknown type")
        if len(self.public_key) != _KEY_SIZE:
            raise InvalidInput("a verifier key isn't 32 bytes long")

    @classmethod
    def parse(cls, vkey: str) -> Self:
        """``<name>+<key id, hex>+<base64 of type and key>``. Raises InvalidInput: the reader brings it."""
        try:
            name, _, text = vkey.split("+", 2)
            material = decode_base64(text, "a verifier key")
        except (ValueError, IntegrityError):
            raise InvalidInput("a verifier key isn't <name>+<key id>+<base64>") from None
        key = cls(name, material[0] if material else 0, material[1:])
        if key.vkey != vkey:
            raise InvalidInput("a verifier key's id isn't the key's")
        return key

    @property
    def key_id(self) -> bytes:
        return sha256(b"%b\n%c%b" % (self.name.encode(), self.kind, self.public_key)).digest()[:_KEY_ID_SIZE]

    @property
    def vkey(self) -> str:
        return f"{self.name}+{self.key_id.hex()}+{encode_base64(bytes([self.kind]) + self.public_key)}"


@dataclass(frozen=True, slots=True)
class Verified:
    """A signature that verified, and by what key; ``timestamp`` (Unix seconds) if it is a cosignature."""

    key: VerifierKey
    timestamp: int | None = None


def open_note(note: Note, keys: Collection[VerifierKey]) -> list[Verified]:
    """The signatures of known keys, in the note's order. Unknown ones are ignored. Raises IntegrityError if one of a
    known key fails, or if none is of a known key."""
    known = {(key.name, key.key_id): key for key in keys}
    if len(known) != len(set(keys)):
        raise InvalidInput("two verifier keys have one name and id")
    verified = [
        _verify(note.text.encode(), signature, known[signature.name, signature.key_id])
        for signature in note.signatures
        if (signature.name, signature.key_id) in known
    ]
    if not verified:
        raise IntegrityError("a note has no signature of a known key")
    return verified


def witnessed_at(note: Note) -> int | None:
    """When the note says that it was cosigned (Unix seconds), the last time of several. Nothing is verified: it tells
    where to look, not what to believe."""
    stamps = (each.body[:_STAMP_SIZE] for each in note.signatures if len(each.body) == _COSIGNATURE_SIZE)
    return max(map(int.from_bytes, stamps), default=None)


def _verify(text: bytes, signature: Signature, key: VerifierKey) -> Verified:
    stamp, message, body = None, text, signature.body
    if key.kind == COSIGNATURE:
        stamp, body = int.from_bytes(body[:_STAMP_SIZE]), body[_STAMP_SIZE:]
        message = _cosigned(text, stamp)
    try:
        Ed25519PublicKey.from_public_bytes(key.public_key).verify(body, message)
    except (InvalidSignature, ValueError):
        raise IntegrityError("a signature of a known key doesn't verify") from None
    return Verified(key, stamp)


def sign(text: str, name: str, signer: Signer) -> Signature:
    """A log's signature over ``text``, which ends in a newline. Raises Unavailable."""
    key = VerifierKey(name, ED25519, signer.public_key)
    return Signature(name, key.key_id, signer.sign(text.encode()))


def cosign(text: str, name: str, signer: Signer, timestamp: int) -> Signature:
    """A witness's cosignature/v1 over a checkpoint's text at ``timestamp`` (Unix seconds). Raises Unavailable."""
    key = VerifierKey(name, COSIGNATURE, signer.public_key)
    signature = signer.sign(_cosigned(text.encode(), timestamp))
    return Signature(name, key.key_id, timestamp.to_bytes(_STAMP_SIZE) + signature)


def _cosigned(text: bytes, timestamp: int) -> bytes:
    if timestamp > _MAX_TIME:
        raise IntegrityError("a cosignature's time is out of range")
    return b"cosignature/v1\ntime %d\n%b" % (timestamp, text)


def log_vkey(name: str, public_key: bytes) -> str:
    return VerifierKey(name, ED25519, public_key).vkey


def witness_vkey(name: str, public_key: bytes) -> str:
    return VerifierKey(name, COSIGNATURE, public_key).vkey


def is_key_name(name: str) -> bool:
    return name.isprintable() and bool(name) and not any(each.isspace() or each == "+" for each in name)


def encode_base64(data: bytes) -> str:
    return base64.b64encode(data).decode()


def decode_base64(text: str, what: str) -> bytes:
    """Standard base64 with padding, in its only form. Raises IntegrityError naming ``what``."""
    try:
        data = base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise IntegrityError(f"{what} isn't base64") from None
    if encode_base64(data) != text:
        raise IntegrityError(f"{what} isn't canonical base64")
    return data
