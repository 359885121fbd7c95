"""Attack: GCM commits to no key, so whoever holds two keys can make one ciphertext that opens under both, to
different values ("invisible salamanders", Dodis et al., CRYPTO 2018). The envelope's commitment must stop it."""

from __future__ import annotations

import os

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from phivault.crypto.associated_data import associated_data
from phivault.crypto.element import Element, SealContext
from phivault.crypto.envelope import unseal
from phivault.crypto.header import encode
from phivault.crypto.subject_key import SubjectKey
from phivault.errors import IntegrityError

NONCE = bytes(12)
CONTEXT = SealContext("t-1", "Patient/p-1", "Patient", "p-1", 1)


def _multiply(x: int, y: int) -> int:
    """In GHASH's field, NIST SP 800-38D section 6.3."""
    product = 0
    for bit in range(127, -1, -1):
        if x >> bit & 1:
            product ^= y
        y = y >> 1 ^ (0xE1 << 120 if y & 1 else 0)
    return product


def _inverse(x: int) -> int:
    result, power = 1 << 127, x
    for _ in range(127):
        power = _multiply(power, power)
        result = _multiply(result, power)
    return result


def _block(key: bytes, block: bytes) -> int:
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # the bare block cipher, as GCM uses it
    return int.from_bytes(encryptor.update(block))


def _opens_under_both(one: bytes, two: bytes) -> bytes:
    """Two blocks and a tag that AES-GCM accepts under both keys: the second block is solved for equal tags."""
    h1, h2 = _block(one, bytes(16)), _block(two, bytes(16))
    first = int.from_bytes(os.urandom(16))
    lengths = 256

    def squared(h: int) -> int:
        return _multiply(h, h)

    def known(key: bytes, h: int) -> int:
        return _multiply(first, _multiply(h, squared(h))) ^ _multiply(lengths, h) ^ _block(key, NONCE + b"\0\0\0\1")

    second = _multiply(known(one, h1) ^ known(two, h2), _inverse(squared(h1) ^ squared(h2)))
    tag = known(one, h1) ^ _multiply(second, squared(h1))
    return b"".join(part.to_bytes(16) for part in (first, second, tag))


def test_one_ciphertext_that_gcm_opens_under_two_keys_is_refused_by_one_of_them() -> None:
    keys = [SubjectKey(CONTEXT.tenant, CONTEXT.subject, 1, os.urandom(32)) for _ in range(2)]
    salt = os.urandom(32)
    header = encode(1, salt, [Element("name", "identifying", bytes(32))])
    bound = associated_data(CONTEXT, header)
    derived = [HKDF(SHA512(), 64, salt, bound).derive(key.material) for key in keys]
    forged = _opens_under_both(derived[0][:32], derived[1][:32])
    values = {AESGCM(secret[:32]).decrypt(NONCE, forged, None) for secret in derived}
    assert len(values) == 2  # the attack works on GCM alone
    envelopes = [header + secret[32:] + forged for secret in derived]
    for own, other, envelope in ((keys[0], keys[1], envelopes[0]), (keys[1], keys[0], envelopes[1])):
        assert unseal(own, CONTEXT, envelope)["name"] in values
        with pytest.raises(IntegrityError):
            unseal(other, CONTEXT, envelope)
