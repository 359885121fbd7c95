"""Who may set up a factor while the provider asks for MFA_SETUP.

The provider asks whoever has the password and no factor. So a user who ever had one is let through only in the one
sign-in that ``recover`` began for them, known by its session: an enrolment that was allowed and abandoned leaves
nothing that the password alone could take up. Asked of every step, not of the first alone: a set-up that began before
another one was completed must not go on.
"""

from __future__ import annotations

import hashlib
import hmac

from phivault.errors import AccessDenied, InvalidCredentials
from phivault.identity.pending import PendingSignIn
from phivault.identity.provider import Challenged, ChallengeName
from phivault.identity.service import Attempt, Identity

SECONDS = 600


def require(identity: Identity, attempt: Attempt, session: str) -> None:
    """Raises InvalidCredentials, as for a wrong password, unless ``attempt.user_id`` may set up a factor in this
    session of the provider's. The event tells what it was: AccessDenied."""
    if attempt.user_id:
        kept = identity.factors.factors(attempt.user_id)
        allowed = hmac.compare_digest(kept.enrolment, _hash(session)) and kept.enrolment_until > identity.now()
        if allowed or not kept.enrolled:
            return
    attempt.ground = AccessDenied("Who ever had a second factor can't set one up by password alone")
    raise InvalidCredentials


def require_standing(identity: Identity, attempt: Attempt, pending: PendingSignIn) -> None:
    """Raises InvalidCredentials for a sign-in from before every session of its user was ended: its password may be one
    that was reset since, and what it may set up nobody's wish any more. Looked at before the provider is asked, which
    would take the factor; opening the session looks again."""
    if pending.user_id and identity.sessions.store.ended_before(pending.user_id) > pending.began:
        attempt.ground = AccessDenied("All sessions were ended after this sign-in began")
        raise InvalidCredentials


def follow(identity: Identity, attempt: Attempt, following: Challenged, before: str = "") -> None:
    """Go on with the challenge that followed the session ``before``. Raises as ``require`` where it is a set-up."""
    if before:
        carry(identity, attempt.user_id, before, following.session)
    if following.challenge is ChallengeName.MFA_SETUP:
        require(identity, attempt, following.session)


def allow(identity: Identity, user_id: str, session: str) -> None:
    """Let this session, and no other of the user's, set up a factor within SECONDS."""
    identity.factors.allow_enrolment(user_id, _hash(session), int(identity.now()) + SECONDS)


def carry(identity: Identity, user_id: str, before: str, after: str) -> None:
    """A permission of the session ``before`` is the next one's; where there is none, there is nothing to carry."""
    identity.factors.move_enrolment(user_id, _hash(before), _hash(after))


def _hash(session: str) -> str:
    return hashlib.sha256(session.encode()).hexdigest()
