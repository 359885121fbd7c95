"""Sign-ins under way: what is known of a provider's session between the password and the tokens.

A challenge is answered only in a session that our own sign-in began, by the account that began it, so a session
moved to another user's e-mail address fails here before the provider is asked.
"""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass, field, replace
from typing import Protocol

from phivault.access.principal import Personal
from phivault.crypto.subject_keys import SubjectKeys
from phivault.errors import InvalidCredentials
from phivault.identity.provider import Challenged, ChallengeName
from phivault.identity.pseudonym import pseudonym

LIFETIME_SECONDS = 15 * 60  # the longest that Cognito lets a session be answered
LONGEST_SECONDS = 3600  # of a whole sign-in, however many challenges it has; the barrier of ended sessions lasts longer


@dataclass(frozen=True, slots=True)
class PendingSignIn:
    """``account`` is ``account_of`` the e-mail address; ``email`` holds the address sealed; ``began`` is when the
    sign-in did, before its password was looked at (Unix milliseconds, ``session_row.milliseconds``)."""

    challenge: ChallengeName
    account: str = field(repr=False)
    email: Personal = field(repr=False)
    user_id: str
    began: int
    expires: int


class PendingStore(Protocol):
    """Obligations as for SessionStore: consistent reads, nothing past its ``expires``, Unavailable on no answer."""

    def save_pending(self, session_hash: str, pending: PendingSignIn) -> None:
        """Keep it under the SHA-256 (hex) of the provider's session, replacing what stood there."""

    def load_pending(self, session_hash: str) -> PendingSignIn | None: ...

    def drop_pending(self, session_hash: str) -> None:
        """Forget it; an absent one is no error."""


class PendingSignIns:
    """The sign-ins under way, by the provider's session."""

    def __init__(self, store: PendingStore) -> None:
        self._store = store

    def save(self, challenged: Challenged, account: str, email: Personal, *, began: int, now: float) -> None:
        """A sign-in that met its first challenge."""
        pending = PendingSignIn(challenged.challenge, account, email, challenged.user_id, began, _until(began, now))
        self._store.save_pending(_hash(challenged.session), pending)

    def go_on(self, pending: PendingSignIn, following: Challenged, now: float) -> None:
        """The same sign-in's next challenge."""
        moved = replace(pending, challenge=following.challenge, expires=_until(pending.began, now))
        self._store.save_pending(_hash(following.session), moved)

    def of(self, session: str, challenge: ChallengeName, account: str | None = None) -> PendingSignIn:
        """The sign-in of this session. InvalidCredentials unless it waits for ``challenge`` by ``account``."""
        pending = self._store.load_pending(_hash(session))
        if pending is None or pending.challenge is not challenge:
            raise InvalidCredentials
        if account is not None and not hmac.compare_digest(pending.account, account):
            raise InvalidCredentials
        return pending

    def drop(self, session: str) -> None:
        self._store.drop_pending(_hash(session))


def account_of(keys: SubjectKeys, email: str) -> str:
    """A name for the account that tells nothing of the address. What is kept under it, failures for a day and known
    places for 30, is forgotten with a rotated key."""
    return pseudonym(keys, "account", email)


def _until(began: int, now: float) -> int:
    return min(int(now) + LIFETIME_SECONDS, began // 1000 + LONGEST_SECONDS)


def _hash(session: str) -> str:
    return hashlib.sha256(session.encode()).hexdigest()
