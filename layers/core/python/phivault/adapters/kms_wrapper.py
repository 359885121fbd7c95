"""Wrap subject keys: AWS Encryption SDK messages under a KMS key. docs/envelope-format.md, part 2.

KMS actions: GenerateDataKey (wrap) and Decrypt (unwrap) on the key, one call each.
"""

from __future__ import annotations

import io
from functools import cached_property
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError
from cryptography.exceptions import InvalidTag

from phivault.errors import IntegrityError, Unavailable

if TYPE_CHECKING:
    from mypy_boto3_kms import KMSClient

PURPOSE = "subject-key"

_KEY_BYTES = 32
_MAX_MESSAGE = 4096
# Message format 2 with suite 0x0478: AES-256-GCM, HKDF-SHA512, key commitment, no signature.
_SUITE = bytes.fromhex("020478")
# The message or the key it was made with is wrong; every other code says that KMS can't serve us now.
_ALTERED = {"InvalidCiphertextException", "IncorrectKeyException"}


class KmsKeyWrapper:
    """Fills phivault.crypto.subject_keys.KeyWrapper. ``key_arn`` is the ARN of the KMS key, never an alias."""

    def __init__(self, kms: KMSClient, key_arn: str) -> None:
        self._kms = kms
        self._key_arn = key_arn

    def wrap(self, tenant: str, subject: str, material: bytes) -> bytes:
        context = _context(tenant, subject)
        return self._sdk.encrypt(material, context)

    def unwrap(self, tenant: str, subject: str, wrapped: bytes) -> bytes:
        if wrapped[:3] != _SUITE or len(wrapped) > _MAX_MESSAGE:
            raise IntegrityError("A wrapped subject key isn't a message of the required suite")
        material, context = self._sdk.decrypt(wrapped)
        # The SDK opens a message with whatever context it carries: that it is ours is for us to check.
        if context != _context(tenant, subject):
            raise IntegrityError("A wrapped subject key belongs to another tenant or subject")
        return material

    @cached_property
    def _sdk(self) -> _Sdk:
        return _Sdk(self._kms, self._key_arn)


class _Sdk:
    """The SDK behind our errors. It is imported here, when the first cold key needs it: 100 ms of a cold start."""

    def __init__(self, kms: KMSClient, key_arn: str) -> None:
        from aws_encryption_sdk import Algorithm, CommitmentPolicy, EncryptionSDKClient
        from aws_encryption_sdk.exceptions import AWSEncryptionSDKClientError
        from aws_encryption_sdk.key_providers.kms import KMSMasterKeyConfig

        self._error = AWSEncryptionSDKClientError
        self._algorithm = Algorithm.AES_256_GCM_HKDF_SHA512_COMMIT_KEY
        self._client = EncryptionSDKClient(
            commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT, max_encrypted_data_keys=1
        )
        self._key = _master_key_class()(config=KMSMasterKeyConfig(key_id=key_arn, client=kms))

    def encrypt(self, plaintext: bytes, context: dict[str, str]) -> bytes:
        try:
            message, _ = self._client.encrypt(
                source=plaintext, key_provider=self._key, encryption_context=context, algorithm=self._algorithm
            )
        except (self._error, BotoCoreError):
            raise Unavailable("The key service can't wrap a key") from None
        return bytes(message)

    def decrypt(self, message: bytes) -> tuple[bytes, dict[str, str]]:
        source = io.BytesIO(message)
        try:
            with self._client.stream(mode="decrypt-unsigned", source=source, key_provider=self._key) as stream:
                plaintext = stream.read()
                rest = source.read()
        except BotoCoreError:
            raise Unavailable("The key service can't unwrap a key") from None
        except (self._error, InvalidTag, ValueError, LookupError, TypeError):
            raise IntegrityError("A wrapped subject key doesn't open") from None
        if rest:
            raise IntegrityError("A wrapped subject key has bytes left over")
        return bytes(plaintext), dict(stream.header.encryption_context)


def _context(tenant: str, subject: str) -> dict[str, str]:
    return {"tenant": tenant, "subject": subject, "purpose": PURPOSE}


def _master_key_class() -> Any:
    """The SDK's strict master key (one client, one ARN), except that it tells a KMS that can't answer from a message
    that doesn't open. The SDK's own provider gives one error for both and makes its clients itself."""
    from aws_encryption_sdk.key_providers.kms import KMSMasterKey

    class StrictMasterKey(KMSMasterKey):  # type: ignore[misc]  # the SDK has no types
        def _decrypt_data_key(self, *arguments: Any, **named: Any) -> Any:
            try:
                return super()._decrypt_data_key(*arguments, **named)
            except Exception as error:
                cause = error.__cause__
                if isinstance(cause, ClientError) and cause.response["Error"]["Code"] not in _ALTERED:
                    raise Unavailable("The key service can't unwrap a key") from None
                raise

    return StrictMasterKey
