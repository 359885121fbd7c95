"""What envelopes cost.

The measure is a plain loop: one raw AES-256-GCM key, a random nonce before each value, no binding to anything.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Iterator
from typing import Any

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from phivault.crypto.element import Element, SealContext, Unsealed
from phivault.crypto.envelope import seal, unseal
from phivault.crypto.subject_key import SubjectKey
from tests.bench._measure import Figure, ratio

NAMES = (
    *("resourceType", "id", "meta", "text", "identifier", "active", "name", "telecom", "gender", "birthDate"),
    *("deceasedDateTime", "address.line", "address.city", "maritalStatus", "multipleBirthBoolean", "contact"),
    *("communication", "generalPractitioner", "managingOrganization", "link"),
)
THREE = ("name", "gender", "birthDate")
EVEN = [61] * len(NAMES)
MIXED = [4 + 12 * position for position in range(len(NAMES))]  # three of them are padded


class Patient:
    """Values of these lengths, to seal and to open either way."""

    def __init__(self, lengths: list[int]) -> None:
        self.values = [os.urandom(length) for length in lengths]
        self.elements = [Element(name, "identifying", value) for name, value in zip(NAMES, self.values, strict=True)]
        self.key = SubjectKey("t-1", "Patient/p-1", 1, os.urandom(32))
        self.context = SealContext("t-1", "Patient/p-1", "Patient", "p-1", 1)
        self.raw = AESGCM(os.urandom(32))
        self.envelope, self.looped = self.seal(), self.loop_seal()

    def seal(self) -> bytes:
        return seal(self.key, self.context, self.elements)

    def unseal(self) -> Unsealed:
        return unseal(self.key, self.context, self.envelope)

    def unseal_three(self) -> Unsealed:
        return unseal(self.key, self.context, self.envelope, THREE)

    def loop_seal(self) -> list[bytes]:
        encrypt = self.raw.encrypt
        return [(nonce := os.urandom(12)) + encrypt(nonce, value, None) for value in self.values]

    def loop_unseal(self) -> list[bytes]:
        decrypt = self.raw.decrypt
        return [decrypt(sealed[:12], sealed[12:], None) for sealed in self.looped]


def figures() -> Iterator[Figure]:
    even, mixed = Patient(EVEN), Patient(MIXED)
    loop = "plain AES-GCM loop"
    yield Figure(f"seal a patient of 20 elements / {loop} over the same values", ratio(even.seal, even.loop_seal), 1.3)
    yield Figure(f"unseal a patient of 20 elements / {loop}", ratio(even.unseal, even.loop_unseal), 2.0)
    yield Figure("open 3 of 20 elements / open all 20", ratio(even.unseal_three, even.unseal), 0.6)
    added = len(even.envelope) - sum(EVEN)
    yield Figure("bytes that an envelope of 20 elements adds to its values", added, 28 * len(NAMES) + 128)
    yield Figure(f"seal values of 4 to 232 bytes / {loop}", ratio(mixed.seal, mixed.loop_seal))
    yield Figure(f"unseal values of 4 to 232 bytes / {loop}", ratio(mixed.unseal, mixed.loop_unseal))
    yield Figure(f"unseal with no header read before / {loop}", _unknown_headers())
    yield from _sdk_messages(even)


def _unknown_headers() -> float:
    """A header is usually read to decide before it is opened, and remembered; here none is, as more of them than are
    remembered take turns."""
    patients = [Patient([33 + byte % 60 for byte in os.urandom(len(NAMES))]) for _ in range(400)]
    turns = itertools.cycle(patients)
    return ratio(lambda: next(turns).unseal(), patients[0].loop_unseal)


def _sdk_messages(patient: Patient) -> Iterator[Figure]:
    """An envelope against one AWS Encryption SDK message per value, under a raw key in memory: no KMS is waited for."""
    import aws_encryption_sdk
    from aws_encryption_sdk.identifiers import EncryptionKeyType, WrappingAlgorithm
    from aws_encryption_sdk.internal.crypto.wrapping_keys import WrappingKey
    from aws_encryption_sdk.key_providers.raw import RawMasterKey

    wrapping = WrappingKey(
        WrappingAlgorithm.AES_256_GCM_IV12_TAG16_NO_PADDING, os.urandom(32), EncryptionKeyType.SYMMETRIC
    )
    master = RawMasterKey(key_id="bench", provider_id="bench", wrapping_key=wrapping)
    sdk = aws_encryption_sdk.EncryptionSDKClient()
    suite = aws_encryption_sdk.Algorithm.AES_256_GCM_HKDF_SHA512_COMMIT_KEY

    def encrypt() -> list[Any]:
        return [
            sdk.encrypt(source=value, key_provider=master, encryption_context={"t": "1"}, algorithm=suite)[0]
            for value in patient.values
        ]

    messages = encrypt()

    def decrypt() -> list[Any]:
        return [sdk.decrypt(source=message, key_provider=master)[0] for message in messages]

    yield Figure("seal 20 elements / 20 AWS Encryption SDK messages", ratio(patient.seal, encrypt, count=20, repeats=3))
    yield Figure(
        "unseal 20 elements / 20 AWS Encryption SDK messages", ratio(patient.unseal, decrypt, count=20, repeats=3)
    )
