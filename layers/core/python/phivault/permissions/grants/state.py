"""What a grant goes through.

::

    propose            approve (another person)             until is over
    ───────▶ PROPOSED ─────────────────────────▶ ACTIVE ──────────────────▶ ended
                │                                │ ▲  │
                ├── withdraw ──▶ WITHDRAWN       │ │  └── revoke ──▶ REVOKED
                └── 7 days ────▶ expired         │ │
                                      propose a  │ │ approve (another person), withdraw, 7 days
                                      change,    ▼ │
                                      roll back  ACTIVE, a version waiting

There is no other way. While a version waits, the approved one holds as it is. What is withdrawn, expired, revoked or
ended never holds again: that takes a new grant. Ended and expired are told by the clock, nothing is written then.
Versions count proposals, so that an approval names what was looked at; one that was never approved leaves a gap.

Times are Unix seconds.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

LIFETIME_SECONDS: Final = 7 * 24 * 3600
"""Of a proposal."""


class Kind(StrEnum):
    ACCESS = "access"
    DELEGATE = "delegate"
    PROJECT = "project"


class Relation(StrEnum):
    PARENT = "parent"
    GUARDIAN = "guardian"
    CARER = "carer"


class State(StrEnum):
    """As it is kept. ENDED and EXPIRED never are: see ``Grant.state_at``."""

    PROPOSED = "proposed"
    ACTIVE = "active"
    REVOKED = "revoked"
    WITHDRAWN = "withdrawn"
    ENDED = "ended"
    EXPIRED = "expired"


@dataclass(frozen=True, slots=True)
class Terms:
    """``classes`` are data classes, ``purposes`` purposes of use; a project's have neither. It holds from ``starts``
    on and before ``until``."""

    classes: tuple[str, ...]
    purposes: tuple[str, ...]
    starts: int
    until: int


@dataclass(frozen=True, slots=True)
class Approved:
    """A version that was approved."""

    version: int
    terms: Terms
    proposed_by: str
    proposed: int
    approved_by: str
    approved: int
    restores: int = 0


@dataclass(frozen=True, slots=True)
class Waiting:
    """A version that was proposed. ``restores`` is the version whose terms a rollback brings back, 0 for none."""

    version: int
    terms: Terms
    proposed_by: str
    proposed: int
    expires: int
    restores: int = 0

    def approved(self, by: str, now: int) -> Approved:
        return Approved(self.version, self.terms, self.proposed_by, self.proposed, by, now, self.restores)


@dataclass(frozen=True, slots=True)
class Grant:
    """``user_id`` is the grantee. ``patient`` is "" for a project, ``relation`` for all but a delegate, ``project`` for
    all but a project. ``latest`` is the newest version that was ever proposed. ``closed_by`` withdrew or revoked it.

    A version of ``waiting`` that expired is still in there: ask ``waiting_at``.
    """

    id: str
    kind: Kind
    user_id: str
    patient: str
    relation: str
    project: str
    state: State
    latest: int
    holds: Approved | None = None
    waiting: Waiting | None = None
    closed_by: str = ""
    closed: int = 0

    def state_at(self, now: float) -> State:
        if self.state is State.PROPOSED and self.waiting_at(now) is None:
            return State.EXPIRED
        if self.state is State.ACTIVE and self.holds and self.holds.terms.until <= now:
            return State.ENDED
        return self.state

    def waiting_at(self, now: float) -> Waiting | None:
        return self.waiting if self.waiting and now < self.waiting.expires else None

    @property
    def version(self) -> int:
        """The approved one, 0 for none."""
        return self.holds.version if self.holds else 0
