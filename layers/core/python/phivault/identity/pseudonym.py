"""Names that tell nothing of what they stand for, for rows that are looked up and never read."""

from __future__ import annotations

import hmac

from phivault.crypto.subject_keys import SubjectKeys
from phivault.identity.personal import NO_TENANT


def pseudonym(keys: SubjectKeys, purpose: str, *parts: str) -> str:
    """HMAC-SHA256 (hex) of ``parts`` under a key of the deployment's own subject, other for each purpose. A rotated key
    gives new names: what is kept under them is forgotten."""
    material = keys.for_sealing(NO_TENANT, "Tenant").material
    key = hmac.digest(material, b"phivault pseudonym v1 " + purpose.encode(), "sha256")
    digest = hmac.new(key, digestmod="sha256")
    for part in parts:  # lengths keep ("a", "bc") from ("ab", "c")
        octets = part.encode(errors="replace")
        digest.update(len(octets).to_bytes(4) + octets)
    return digest.hexdigest()
