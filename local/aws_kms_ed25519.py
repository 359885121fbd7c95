"""Ed25519 keys on the local KMS, which moto doesn't have: key spec ECC_NIST_EDWARDS25519 with ED25519_SHA_512 over the
message itself (RAW). The prehashed variant is refused: nothing here uses it.

https://docs.aws.amazon.com/kms/latest/developerguide/symm-asymm-choose-key-spec.html
"""

from __future__ import annotations

from typing import Any

from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat
from moto.kms import models
from moto.kms.exceptions import ValidationException
from moto.kms.responses import KmsResponse
from moto.kms.utils import AbstractPrivateKey, KeySpec, generate_private_key

SPEC = "ECC_NIST_EDWARDS25519"
ALGORITHM = "ED25519_SHA_512"
MAX_MESSAGE = 4096

_moto_key_specs = KeySpec.key_specs
_moto_signing_algorithms: Any = models.Key.__dict__["signing_algorithms"]
_moto_sign, _moto_verify, _moto_create = KmsResponse.sign, KmsResponse.verify, KmsResponse.create_key


class Ed25519Key(AbstractPrivateKey):
    """RFC 8032. moto has checked the algorithm before it calls."""

    def __init__(self) -> None:
        self._private = Ed25519PrivateKey.generate()

    def sign(self, message: bytes, signing_algorithm: str) -> bytes:  # noqa: ARG002  (moto's signature)
        return self._private.sign(message)

    def verify(self, message: bytes, signature: bytes, signing_algorithm: str) -> bool:  # noqa: ARG002  (as above)
        try:
            self._private.public_key().verify(signature, message)
        except InvalidSignature:
            return False
        return True

    def public_key(self) -> bytes:
        """DER, SubjectPublicKeyInfo (RFC 8410)."""
        return self._private.public_key().public_bytes(Encoding.DER, PublicFormat.SubjectPublicKeyInfo)


def install() -> None:
    """Make moto know the spec. It has no hooks: it makes keys in ``generate_private_key`` and asks the others."""
    for owner, name, ours in (
        (KeySpec, "key_specs", staticmethod(lambda: [*_moto_key_specs(), SPEC])),
        (models.Key, "signing_algorithms", property(_signing_algorithms)),
        (models, "generate_private_key", _generate),
        (KmsResponse, "create_key", _create),
        (KmsResponse, "sign", _sign),
        (KmsResponse, "verify", _verify),
    ):
        setattr(owner, name, ours)


def _generate(key_spec: str) -> AbstractPrivateKey:
    return Ed25519Key() if key_spec == SPEC else generate_private_key(key_spec)


def _signing_algorithms(key: models.Key) -> list[str]:
    if key.key_spec == SPEC and key.key_usage == "SIGN_VERIFY":
        return [ALGORITHM]
    found: list[str] = _moto_signing_algorithms.fget(key)
    return found


def _create(response: KmsResponse) -> str:
    asked: Any = response._get_param  # noqa: SLF001  (moto's own way to read)
    if asked("KeySpec") == SPEC and asked("KeyUsage") != "SIGN_VERIFY":
        raise ValidationException(f"KeySpec {SPEC} is for KeyUsage SIGN_VERIFY")
    return _moto_create(response)


def _sign(response: KmsResponse) -> str:
    _require_raw(response)
    return _moto_sign(response)


def _verify(response: KmsResponse) -> str:
    _require_raw(response)
    return _moto_verify(response)


def _require_raw(response: KmsResponse) -> None:
    asked: Any = response._get_param  # noqa: SLF001  (as above)
    if asked("SigningAlgorithm") != ALGORITHM:
        return
    if asked("MessageType", "RAW") != "RAW":
        raise ValidationException(f"{ALGORITHM} takes MessageType RAW")
    if len(asked("Message")) > MAX_MESSAGE:
        raise ValidationException(f"A RAW message has at most {MAX_MESSAGE} bytes")
