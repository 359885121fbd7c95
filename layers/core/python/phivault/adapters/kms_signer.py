"""Ed25519 signatures by a KMS key (key spec ECC_NIST_EDWARDS25519), which never leaves KMS."""

from __future__ import annotations

from functools import cached_property

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from phivault.adapters.aws import client, translated
from phivault.errors import IntegrityError


class KmsSigner:
    """Fills phivault.audit.log.store.Signer. Needs kms:Sign and kms:GetPublicKey on the key, or the second alone
    where only its public half is asked for. ``key_arn`` is the key's ARN, never an alias, which could be moved."""

    def __init__(self, key_arn: str) -> None:
        self._key_arn = key_arn

    @cached_property
    def public_key(self) -> bytes:
        """32 bytes, asked for once. Raises IntegrityError for a key of another kind."""
        with translated("KMS"):
            found = client("kms").get_public_key(KeyId=self._key_arn)
        key = load_der_public_key(found["PublicKey"])
        if not isinstance(key, Ed25519PublicKey):
            raise IntegrityError("The signing key isn't an Ed25519 key")
        return key.public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        with translated("KMS"):
            signed = client("kms").sign(
                KeyId=self._key_arn, Message=message, MessageType="RAW", SigningAlgorithm="ED25519_SHA_512"
            )
        return signed["Signature"]
