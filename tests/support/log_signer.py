"""An Ed25519 key in memory: fills ``phivault.audit.log.store.Signer``."""

from __future__ import annotations

from hashlib import sha256

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey


class LocalSigner:
    """The same ``name`` is always the same key, so that vectors and failures can be repeated."""

    def __init__(self, name: str) -> None:
        self.private_key = Ed25519PrivateKey.from_private_bytes(sha256(f"phivault test key: {name}".encode()).digest())

    @property
    def public_key(self) -> bytes:
        return self.private_key.public_key().public_bytes_raw()

    def sign(self, message: bytes) -> bytes:
        return self.private_key.sign(message)
