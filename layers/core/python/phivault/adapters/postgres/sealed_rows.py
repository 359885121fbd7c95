"""Rows as rotation sees them: by the keys that they are sealed under."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import sha256
from typing import LiteralString

from phivault.adapters.postgres.calls import TenantCalls
from phivault.adapters.postgres.link import OutcomeUnknown
from phivault.errors import Unavailable
from phivault.records.store import SealedVersion

_SUBJECTS: LiteralString = "SELECT * FROM app.subjects(%b, %b::text, %b::bigint)"
_KEY_VERSIONS: LiteralString = "SELECT subject, key_version, rows FROM app.key_versions(%b, %t::text[])"
_TOKENS_OF: LiteralString = "SELECT app.tokens_of(%b, %b)"
_FORGET: LiteralString = "SELECT app.forget_tokens(%b, %b)"
_BELOW: LiteralString = """SELECT type, id, version, subject, at, envelope
  FROM app.sealed_below(%b, %b, %b::bigint, %b, %b, %b::bigint, %b::bigint, %b::bigint)"""
_RESEAL: LiteralString = """SELECT * FROM app.reseal(
  %b, %b::text[], %b::text[], %b::bigint[], %b::bytea[], %b::bytea[], %b::text[], %b::bigint[], %b::bytea[])"""


class PostgresSealedRows(TenantCalls):
    """Fills ``phivault.rotation.rows.SealedRows``, as the rotator's role: the application's may make none of these
    calls."""

    def subjects(self, tenant: str, after: str, limit: int) -> list[str]:
        return [subject for (subject,) in self._read(tenant, _SUBJECTS, after, limit)]

    def key_versions(self, tenant: str, subjects: Sequence[str]) -> dict[str, dict[int, int]]:
        found: dict[str, dict[int, int]] = {}
        for subject, version, rows in self._read(tenant, _KEY_VERSIONS, list(subjects)):
            found.setdefault(subject, {})[version] = rows
        return found

    def sealed_below(
        self, tenant: str, subject: str, below: int, *, after: tuple[str, str, int], limit: int, room: int
    ) -> list[SealedVersion]:
        return [SealedVersion(*row) for row in self._read(tenant, _BELOW, subject, below, *after, limit, room)]

    def tokens_of(self, tenant: str, subject: str) -> int:
        [(found,)] = self._read(tenant, _TOKENS_OF, subject)
        return int(found)

    def forget_tokens(self, tenant: str, subject: str) -> int:
        [(gone,)] = self._call(tenant, _FORGET, (subject,), repeatable=True)
        return int(gone)

    def reseal(self, tenant: str, pairs: Sequence[tuple[SealedVersion, SealedVersion]]) -> int:
        after = [new for _, new in pairs]
        placed = [(place, token) for place, new in enumerate(after, 1) for token in sorted(new.tokens)]
        arguments = (
            [new.type for new in after],
            [new.id for new in after],
            [new.version for new in after],
            [sha256(old.envelope or b"").digest() for old, _ in pairs],
            [new.envelope for new in after],
            [new.patient for new in after],
            [place for place, _ in placed],
            [token for _, token in placed],
        )
        try:
            # Not sent twice: a repeat would say of what it did before that somebody else changed it.
            return len(self._call(tenant, _RESEAL, arguments, repeatable=False))
        except OutcomeUnknown:
            raise Unavailable("PostgreSQL dropped the connection: what was sealed again is unknown") from None
