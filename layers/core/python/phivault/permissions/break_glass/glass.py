"""A broken glass: one user sees one patient's record in an emergency, for an hour, and another person judges it.

::

                   an hour, or ended by its               another person's verdict,
                   user or a reviewer                     due 72 hours after it opened
    (none) --open--> ACTIVE -----------------------> ENDED -----------------------> REVIEWED

There is no other way: an active one isn't reviewed, an ended one doesn't open again, a verdict stays. A user has one
active for a patient, three in all, and a hundred without a verdict. While one of theirs is overdue, what they have open
opens nothing and they get no other; the verdict ends that.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Final, Protocol

from phivault.access.roles import Role
from phivault.permissions.call import OPAQUE_ID

OPEN_SECONDS: Final = 3600
REVIEW_SECONDS: Final = 72 * 3600
MOST_ACTIVE: Final = 3
MOST_UNREVIEWED: Final = 100
"""Of one user. More than that, opened and ended one after the other, would hide one among many from who reviews them,
and outgrow the row that their due times stand on."""


class Reason(StrEnum):
    """Why nobody with access could be waited for. They stand in the log in clear, for as long as it is kept: what is
    wrong with the patient belongs in the note, which is sealed."""

    CANNOT_BE_ASKED = "cannot-be-asked"
    NO_TIME_TO_ASK = "no-time-to-ask"
    NO_CARE_TEAM_REACHABLE = "no-care-team-reachable"
    TRANSFER = "transfer"
    DISASTER = "disaster"


class State(StrEnum):
    ACTIVE = "active"
    ENDED = "ended"
    REVIEWED = "reviewed"


class Verdict(StrEnum):
    JUSTIFIED = "justified"
    UNJUSTIFIED = "unjustified"


@dataclass(frozen=True, slots=True, kw_only=True)
class Glass:
    """Times are Unix seconds, 0 for not yet; ``until`` is when it ends by itself. ``note`` and ``review_note`` are
    sealed (see note.py), b"" where there is none."""

    id: str
    tenant: str
    patient: str
    user_id: str
    role: Role
    reason: Reason
    opened: int
    until: int
    review_due: int
    note: bytes = field(default=b"", repr=False)
    ended: int = 0
    ended_by: str = ""
    verdict: Verdict | None = None
    reviewed: int = 0
    reviewed_by: str = ""
    review_note: bytes = field(default=b"", repr=False)

    def state(self, now: float) -> State:
        if self.verdict:
            return State.REVIEWED
        return State.ENDED if self.ended or now >= self.until else State.ACTIVE

    def is_overdue(self, now: float) -> bool:
        return self.verdict is None and now >= self.review_due

    def shown(self, now: float) -> dict[str, Any]:
        """To its user and to reviewers, without the notes."""
        return {
            "id": self.id,
            "patient": self.patient,
            "user_id": self.user_id,
            "role": self.role,
            "state": self.state(now),
            "reason": self.reason,
            "opened": self.opened,
            "until": self.until,
            "ended": self.ended or None,
            "ended_by": self.ended_by or None,
            "review_due": self.review_due,
            "overdue": self.is_overdue(now),
            "verdict": self.verdict,
            "reviewed": self.reviewed or None,
            "reviewed_by": self.reviewed_by or None,
        }


@dataclass(frozen=True, slots=True)
class Openings:
    """Of one user. ``until`` holds the ends of those that weren't ended early, ``due`` when the reviews are that nobody
    has made yet; ``count`` changes with every opening."""

    until: tuple[int, ...]
    due: tuple[int, ...]
    count: int

    def active(self, now: float) -> int:
        return sum(now < end for end in self.until)

    def is_suspended(self, now: float) -> bool:
        return any(due <= now for due in self.due)


@dataclass(frozen=True, slots=True)
class Due:
    """A review that is due at ``due`` (Unix seconds) and that nobody was told of as overdue yet."""

    due: int
    tenant: str
    id: str
    patient: str
    user_id: str
    reason: Reason


class Glasses(Protocol):
    """Obligations: reads see every earlier write; each write is atomic with the facts that decisions read (FactStore),
    and of two that exclude each other one raises Conflict. Unavailable when the store doesn't answer."""

    def openings(self, tenant: str, user_id: str) -> Openings: ...

    def glass(self, tenant: str, id: str) -> Glass | None: ...

    def glasses(self, tenant: str, *, user_id: str, before: str, limit: int) -> Sequence[Glass]:
        """Newest first, at most ``limit``, from the one after ``before`` ("" from the newest); of one user, or of all
        where ``user_id`` is ""."""

    def open(self, glass: Glass, openings: Openings) -> None:
        """Conflict where the user opened another since ``openings`` was read, or has one active for this patient."""

    def end(self, glass: Glass) -> None:
        """Keep ``ended`` and ``ended_by``. Conflict unless it is active at ``ended``."""

    def review(self, glass: Glass) -> None:
        """Keep ``verdict``, ``reviewed``, ``reviewed_by`` and ``review_note``. Conflict unless it has ended by then,
        has no verdict, and is somebody else's than ``reviewed_by``."""

    def due(self, now: float) -> Iterable[Due]:
        """Every review that is due by ``now`` and neither made nor marked as told, of all tenants, oldest first."""

    def told(self, due: Due) -> None:
        """Mark it. One that was reviewed meanwhile, or marked, is no error."""


def about(glass: Glass, *flags: str) -> dict[str, Any]:
    """What an event about it holds."""
    known = (f"for:{glass.user_id}", f"reason:{glass.reason}", *flags)
    return {"resource": "BreakGlass", "resource_id": glass.id, "patient": glass.patient, "flags": known}


def about_id(id: str) -> dict[str, Any]:
    """The same where nobody looked yet."""
    return {"resource": "BreakGlass", "resource_id": id if OPAQUE_ID.fullmatch(id) else ""}
