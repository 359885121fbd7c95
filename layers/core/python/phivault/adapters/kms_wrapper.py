"""Wrap subject keys: AWS Encryption SDK messages under a KMS key. docs/envelope-format.md, part 2.

KMS actions: GenerateDataKey (wrap) and Decrypt (unwrap) on the key, one call each; Decrypt alone on former keys.
"""

from __future__ import annotations

import io
import struct
from collections.abc import Collection
from functools import cache
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from cryptography.exceptions import InvalidTag

from phivault.adapters.aws import client, error_code
from phivault.errors import IntegrityError, Unavailable

PURPOSE = "subject-key"

_MAX_MESSAGE = 4096
# Message format 2 with suite 0x0478: AES-256-GCM, HKDF-SHA512, key commitment, no signature.
_SUITE = bytes.fromhex("020478")
# The message or the key it was made with is wrong; every other code says that KMS can't serve us now.
_ALTERED = {"InvalidCiphertextException", "IncorrectKeyException"}


class KmsKeyWrapper:
    """Fills phivault.crypto.subject_key_store.KeyWrapper. ``key_arn`` is the ARN of the KMS key that wraps, never an
    alias; ``former`` are those of keys that wrapped before: they unwrap still."""

    def __init__(self, key_arn: str, former: Collection[str] = ()) -> None:
        self.current = key_arn
        self._known = frozenset({key_arn, *former})

    def wrapped_by(self, wrapped: bytes) -> str:
        try:
            return _key_named(wrapped)
        except (struct.error, ValueError):
            raise IntegrityError("A wrapped subject key names no key that wrapped it") from None

    def wrap(self, tenant: str, subject: str, material: bytes) -> bytes:
        sdk = _sdk()
        try:
            message, _ = sdk.client.encrypt(
                source=material,
                key_provider=sdk.master_key(self.current),
                encryption_context=_context(tenant, subject),
                algorithm=sdk.algorithm,
            )
        except (sdk.error, BotoCoreError):
            raise Unavailable("The key service can't wrap a key") from None
        return bytes(message)

    def unwrap(self, tenant: str, subject: str, wrapped: bytes) -> bytes:
        if wrapped[:3] != _SUITE or len(wrapped) > _MAX_MESSAGE:
            raise IntegrityError("A wrapped subject key isn't a message of the required suite")
        material, context, rest = self._open(wrapped)
        # The SDK opens a message with whatever context it carries: that it is ours is for us to check.
        if context != _context(tenant, subject):
            raise IntegrityError("A wrapped subject key belongs to another tenant or subject")
        if rest:
            raise IntegrityError("A wrapped subject key has bytes left over")
        return material

    def _open(self, wrapped: bytes) -> tuple[bytes, dict[str, str], bytes]:
        # What a message says of itself chooses among the keys that we know, and no other.
        named = self.wrapped_by(wrapped)
        if named not in self._known:
            raise IntegrityError("A wrapped subject key names a key that isn't ours")
        sdk = _sdk()
        source = io.BytesIO(wrapped)
        stream = sdk.client.stream(mode="decrypt-unsigned", source=source, key_provider=sdk.master_key(named))
        try:
            material = stream.read()
            return material, dict(stream.header.encryption_context), source.read()
        except BotoCoreError:
            raise Unavailable("The key service can't unwrap a key") from None
        except (sdk.error, InvalidTag, ValueError, LookupError, TypeError, struct.error):
            raise IntegrityError("A wrapped subject key doesn't open") from None
        finally:
            # Without a footer the SDK's close raises once more, from the garbage collector, into standard error.
            stream.footer = None


def _key_named(message: bytes) -> str:
    """The ARN in a message's only encrypted data key, which nothing proves yet. The header of message format 2: suite
    and message id (35 bytes), context, count of data keys, then provider and key, each after its length."""
    at = 35
    at += 2 + int(struct.unpack_from(">H", message, at)[0])
    (count,) = struct.unpack_from(">H", message, at)
    at += 2
    at += 2 + int(struct.unpack_from(">H", message, at)[0])
    (size,) = struct.unpack_from(">H", message, at)
    named = message[at + 2 : at + 2 + size]
    if count != 1 or len(named) != size:
        raise ValueError
    return named.decode("ascii")


def _context(tenant: str, subject: str) -> dict[str, str]:
    return {"tenant": tenant, "subject": subject, "purpose": PURPOSE}


class _Sdk:
    """The SDK, imported when the first cold key needs it: it costs about 100 ms of a cold start."""

    def __init__(self) -> None:
        from aws_encryption_sdk import Algorithm, CommitmentPolicy, EncryptionSDKClient
        from aws_encryption_sdk.exceptions import AWSEncryptionSDKClientError
        from aws_encryption_sdk.key_providers.kms import KMSMasterKeyConfig

        self.error = AWSEncryptionSDKClientError
        self.algorithm = Algorithm.AES_256_GCM_HKDF_SHA512_COMMIT_KEY
        self.client = EncryptionSDKClient(
            commitment_policy=CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT, max_encrypted_data_keys=1
        )
        self._config = KMSMasterKeyConfig
        self._master_key = _master_key_class()

    def master_key(self, key_arn: str) -> Any:
        return self._master_key(config=self._config(key_id=key_arn, client=client("kms")))


@cache
def _sdk() -> _Sdk:
    return _Sdk()


def _master_key_class() -> Any:
    """The SDK's strict master key (our client, one ARN), except that it tells a KMS that can't answer from a message
    that doesn't open. The SDK's own provider gives one error for both, and makes its clients itself."""
    from aws_encryption_sdk.key_providers.kms import KMSMasterKey

    class StrictMasterKey(KMSMasterKey):  # type: ignore[misc]  # the SDK has no types
        def _decrypt_data_key(self, *arguments: Any, **named: Any) -> Any:
            try:
                return super()._decrypt_data_key(*arguments, **named)
            except Exception as error:
                cause = error.__cause__
                if isinstance(cause, ClientError) and error_code(cause) not in _ALTERED:
                    raise Unavailable("The key service can't unwrap a key") from None
                raise

    return StrictMasterKey
