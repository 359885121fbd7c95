"""The keys that a page opens with, fetched at once: a call of KMS for each cold subject at most, 16 at a time."""

from __future__ import annotations

from collections.abc import Iterable

from phivault.crypto.envelope import read_header
from phivault.records.events import Trail
from phivault.records.store import SealedVersion


def warm(trail: Trail, rows: Iterable[SealedVersion]) -> None:
    """What doesn't unwrap is left for whoever opens with it to find. Raises Unavailable."""
    wanted = {(row.subject, read_header(row.envelope).key_version): None for row in rows if row.envelope is not None}
    trail.records.keys.warm_versions(trail.tenant, wanted)
