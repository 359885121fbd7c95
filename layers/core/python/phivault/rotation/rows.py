"""The rows that keys seal: the port that the PostgreSQL adapter fills."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Protocol

from phivault.records.store import SealedVersion

type Place = tuple[str, str, int]
"""Type, id and version of a row; ("", "", 0) is before all."""


class SealedRows(Protocol):
    """Obligations: every call is confined to ``tenant`` by row-level security, and sees every committed write.
    Unavailable is raised when the database can't be reached or doesn't answer in time; no other driver error escapes.
    Rows are the newest versions and the history; deletions hold nothing and aren't among them."""

    def subjects(self, tenant: str, after: str, limit: int) -> list[str]:
        """Subjects that own a row, in order, behind ``after``."""

    def key_versions(self, tenant: str, subjects: Sequence[str]) -> dict[str, dict[int, int]]:
        """Of each of these subjects that owns a row: how many are under which version of its key, as their envelopes
        say."""

    def sealed_below(
        self, tenant: str, subject: str, below: int, *, after: Place, limit: int, room: int
    ) -> list[SealedVersion]:
        """Rows under a version of the key below this one, in order, behind ``after``: at most ``limit``, and none
        behind ``room`` bytes of envelopes (the first one comes whatever its size)."""

    def tokens_of(self, tenant: str, subject: str) -> int:
        """How many tokens the search index has of what the subject owns."""

    def forget_tokens(self, tenant: str, subject: str) -> int:
        """Delete the tokens of all that the subject owns, durably; how many there were. For when its key is gone."""

    def reseal(self, tenant: str, pairs: Sequence[tuple[SealedVersion, SealedVersion]]) -> int:
        """Put the second of each pair where the first one was read, with its tokens where it is the newest version; how
        many were put. What was changed meanwhile stays. After Unavailable all are put, or none."""
