"""The states of keys on the local KMS: moto keeps them, and lets a disabled key work on. KMS refuses it.

https://docs.aws.amazon.com/kms/latest/developerguide/key-state.html
"""

from __future__ import annotations

from typing import Any

from moto.core.exceptions import JsonRESTError
from moto.kms.models import KmsBackend

_moto_encrypt, _moto_decrypt = KmsBackend.encrypt, KmsBackend.decrypt
_BY_ARN = ("disable_key", "enable_key", "schedule_key_deletion", "cancel_key_deletion")


class _Refused(JsonRESTError):
    code = 400


def install() -> None:
    """Make moto refuse to encrypt (data keys too) and to decrypt with a key that isn't enabled, and take the ARN of one
    whose state changes. It has no hooks."""
    for name, ours in (("encrypt", _encrypt), ("decrypt", _decrypt), *((name, _by_arn(name)) for name in _BY_ARN)):
        setattr(KmsBackend, name, ours)


def _by_arn(name: str) -> Any:
    moto = getattr(KmsBackend, name)
    return lambda backend, key_id, *given, **named: moto(backend, backend.get_key_id(key_id), *given, **named)


def _encrypt(backend: KmsBackend, key_id: str, *given: Any, **named: Any) -> tuple[bytes, str]:
    _require_enabled(backend, key_id)
    return _moto_encrypt(backend, key_id, *given, **named)


def _decrypt(backend: KmsBackend, *given: Any, **named: Any) -> tuple[bytes, str]:
    plaintext, arn = _moto_decrypt(backend, *given, **named)  # only the ciphertext names its key
    _require_enabled(backend, arn)
    return plaintext, arn


def _require_enabled(backend: KmsBackend, key_id: str) -> None:
    key = backend.keys[backend.any_id_to_key_id(key_id)]
    if key.key_state == "Disabled":
        raise _Refused("DisabledException", f"{key.arn} is disabled.")
    if key.key_state != "Enabled":
        raise _Refused("KMSInvalidStateException", f"{key.arn} is pending deletion.")
