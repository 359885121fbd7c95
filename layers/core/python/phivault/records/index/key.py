"""The key of a tenant's index, and tokens under it.

It is derived from a subject key of the tenant's own, ``Index``. Version 1 of that counts whatever comes after it: under
another key nothing that was indexed before would be found. Erasing a person doesn't touch it; their tokens are deleted.
"""

from __future__ import annotations

import hmac
from dataclasses import dataclass, field
from typing import Final

from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from phivault.crypto.subject_key import KEY_BYTES, SubjectKey
from phivault.crypto.subject_keys import SubjectKeys

SUBJECT: Final = "Index"
TOKEN_BYTES: Final = 8
_VERSION: Final = 1
_FORMAT: Final = "phivault/search-index/1"


@dataclass(frozen=True, slots=True)
class IndexKey:
    """Prints without its 32 bytes."""

    material: bytes = field(repr=False)

    def token(self, type: str, field: str, term: str) -> bytes:
        """The first 8 bytes of HMAC-SHA256 over type, field and term, each after its length (4 bytes, big-endian), so
        that none can flow into the next."""
        parts = (type.encode(), field.encode(), term.encode())
        text = b"".join(len(part).to_bytes(4) + part for part in parts)
        return hmac.digest(self.material, text, "sha256")[:TOKEN_BYTES]


def index_key(keys: SubjectKeys, tenant: str) -> IndexKey:
    """The tenant's, made at its first use. Raises what ``SubjectKeys.for_sealing`` does."""
    newest = keys.for_sealing(tenant, SUBJECT)
    key = newest if newest.version == _VERSION else keys.for_unsealing(tenant, SUBJECT, _VERSION)
    return derived(key)


def derived(key: SubjectKey) -> IndexKey:
    """By HKDF-SHA512, bound to the tenant."""
    info = f"{_FORMAT}/{key.tenant}/{key.subject}"
    return IndexKey(HKDF(SHA512(), KEY_BYTES, None, info.encode()).derive(key.material))
