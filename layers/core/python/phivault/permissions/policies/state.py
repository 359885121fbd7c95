"""What a tenant's policies go through, and the port that keeps it.

::

                 propose, roll back            approve (another person; base is the current version)
    version n ────────────────────▶ proposal ──────────────────────────────────────────────────────▶ version n + 1
                                       │
                                       ├── withdraw ──▶ nothing
                                       └── 7 days ────▶ nothing

Versions only grow and never change: a rollback is a new version with an old text. Version 0 is no policies. Times are
Unix seconds.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

MOST_OPEN: Final = 20
LIFETIME_SECONDS: Final = 7 * 24 * 3600
SHOWN_VERSIONS: Final = 100


@dataclass(frozen=True, slots=True)
class Proposal:
    """``base`` is the version that it was made from, ``ids`` those of its policies; ``restores`` the version whose text
    a rollback brings back."""

    id: str
    base: int
    text: str
    ids: tuple[str, ...]
    proposed_by: str
    proposed: int
    expires: int
    restores: int | None = None

    @property
    def sha256(self) -> str:
        return sha256(self.text)


@dataclass(frozen=True, slots=True)
class PolicyVersion:
    """``proposal`` is the id of the one that became it."""

    version: int
    ids: tuple[str, ...]
    sha256: str
    proposal: str
    proposed_by: str
    proposed: int
    approved_by: str
    approved: int
    restores: int | None = None


class PolicyStore(Protocol):
    """Obligations: what returned is durable and seen by every later call; a proposal past its ``expires`` is as none.
    Raises Unavailable where it doesn't answer."""

    def current(self, tenant: str) -> int:
        """The version that holds, 0 for none."""

    def text(self, tenant: str, version: int) -> str:
        """Of a version from 1 on. Raises Unavailable where it isn't there."""

    def version(self, tenant: str, version: int) -> PolicyVersion | None:
        """None for one that never was, 0 too."""

    def history(self, tenant: str, limit: int) -> Sequence[PolicyVersion]:
        """The newest first."""

    def proposals(self, tenant: str) -> Sequence[Proposal]:
        """All that are open, the oldest first."""

    def propose(self, tenant: str, proposal: Proposal) -> None:
        """Raises Conflict where MOST_OPEN are open."""

    def approve(self, tenant: str, proposal: Proposal, by: str, now: int) -> None:
        """All at once, or nothing: the proposal goes, its text stands as version ``base`` + 1, and that holds. Raises
        Conflict where the proposal is gone, is ``by``'s own, or ``base`` isn't the current version."""

    def withdraw(self, tenant: str, proposal: Proposal) -> None:
        """Raises Conflict where it is gone."""


def sha256(text: str) -> str:
    """In hex, of the text in UTF-8."""
    return hashlib.sha256(text.encode()).hexdigest()
