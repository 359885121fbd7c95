"""What is kept of a session, how long it lives, and the port that keeps it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from phivault.access.principal import Personal
from phivault.access.roles import Role
from phivault.identity.tenant_rules import TenantRules


@dataclass(frozen=True, slots=True)
class Session:
    """``ended`` is 0 while the session lives, then when it ended. ``began`` is when its sign-in did, ``auth_time`` when
    that was complete, ``seen`` when the session was last used, to the minute. Times are Unix seconds, ``began``
    milliseconds. ``refresh_hash`` is the SHA-256 (hex) of the one refresh token that may be used next; ``salt`` and
    ``place`` tell whether a request comes from where ``personal`` says, without keeping that in clear. ``token_ids``
    (jti, newest first) are the access tokens that may be used: the newest and the one before it, for requests on their
    way. ``role`` and ``patient_id`` are those of the sign-in and never change in a session."""

    user_id: str
    id: str
    tenant: str
    role: Role
    patient_id: str | None
    began: int
    auth_time: int
    opened: int
    seen: int
    expires: int
    personal: Personal = field(repr=False)
    salt: bytes = field(repr=False)
    place: bytes = field(repr=False)
    refresh_hash: str = field(repr=False)
    token_ids: tuple[str, ...]
    ended: int = 0


def end_of(session: Session, rules: TenantRules) -> int:
    """When the session ends at the latest. A limit that was shortened holds at once; a longer one is for new sessions:
    nobody agreed to it when this one was opened."""
    return min(session.expires, session.opened + rules.absolute)


def is_live(session: Session, rules: TenantRules, now: float) -> bool:
    # ``seen`` may be a minute behind the last use: a session is idle up to a minute early, never late.
    return not session.ended and now < end_of(session, rules) and now - session.seen < rules.idle


def milliseconds(at: float) -> int:
    """Unix seconds as milliseconds: within a second a password can be tried, reset and tried again."""
    return int(at * 1000)


class SessionStore(Protocol):
    """Obligations: reads see every earlier write (no eventual consistency); a row past its ``expires`` is absent;
    each write is atomic and durable once it returns. Raises Unavailable when the store doesn't answer."""

    def open(self, session: Session) -> None:
        """Keep a new session, how to find it by its refresh hash, and in the same transaction the sign-in in the
        tenant's directory, where a user who isn't known yet gets a row.

        AccessDenied where the directory says that the user isn't active or has another role or patient, or where
        every session of a sign-in as old as ``began`` was ended (``end_before``): whatever races with the sign-in, it
        loses. Conflict where the session stands already.
        """

    def load(self, user_id: str, session_id: str) -> Session | None:
        """The session, ended or not."""

    def load_with_rules(self, user_id: str, session_id: str, tenant: str) -> tuple[Session | None, TenantRules, int]:
        """The same with the tenant's rules and the version of its policies, in one round trip."""

    def of_user(self, user_id: str) -> Sequence[Session]:
        """Every session of a user, ended or not, in no order."""

    def find_by_refresh(self, refresh_hash: str) -> Session | None:
        """The session that this hash's token was issued in, be it the current token or one rotated out."""

    def touch(self, user_id: str, session_id: str, at: int) -> None:
        """Remember that the session was used then. An ended one stays as it is, a later use stays, an absent one is no
        error."""

    def rotate(self, session: Session, refresh_hash: str) -> None:
        """Make ``refresh_hash`` the session's only usable one and keep its new ``personal``, ``salt``, ``place``
        and ``token_ids``. Conflict unless the row still has ``session.refresh_hash`` and hasn't ended."""

    def end(self, user_id: str, session_id: str, at: int) -> bool:
        """End the session for good; whether this call did. The first end stays; an absent one is no error."""

    def end_before(self, user_id: str, at: int) -> None:
        """From now on no session of a sign-in that began before ``at`` (Unix milliseconds) can be opened; those that
        stand go on."""

    def ended_before(self, user_id: str) -> int:
        """The latest such ``at``; 0 for none in the last day."""
