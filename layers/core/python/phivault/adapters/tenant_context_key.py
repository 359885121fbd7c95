"""The key that signs tenant contexts: KMS-wrapped in the environment, unwrapped once per process."""

from __future__ import annotations

import base64
import threading
from collections.abc import Mapping

from phivault.adapters.aws import client, translated

PURPOSE = {"purpose": "tenant-context"}


class TenantContextKey:
    """``wrapped`` maps key ids to base64 KMS ciphertexts; the last one signs. Two may live at a time, so that a
    rotation can reach every function before the database forgets the older one. Raises Unavailable."""

    def __init__(self, wrapped: Mapping[str, str]) -> None:
        self._key_id, self._wrapped = list(wrapped.items())[-1]
        self._material: bytes | None = None
        self._unwrapping = threading.Lock()

    def __call__(self) -> tuple[str, bytes]:
        with self._unwrapping:
            if self._material is None:
                self._material = _unwrap(self._wrapped)
        return self._key_id, self._material


def _unwrap(wrapped: str) -> bytes:
    with translated("KMS"):
        return client("kms").decrypt(CiphertextBlob=base64.b64decode(wrapped), EncryptionContext=PURPOSE)["Plaintext"]


def wrap(key_arn: str, material: bytes) -> str:
    """A key of 32 bytes as the environment holds it. For operators, not for functions."""
    with translated("KMS"):
        made = client("kms").encrypt(KeyId=key_arn, Plaintext=material, EncryptionContext=PURPOSE)
    return base64.b64encode(made["CiphertextBlob"]).decode()
