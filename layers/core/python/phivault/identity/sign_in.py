"""Sign in, first step: a password buys a challenge, never tokens."""

from __future__ import annotations

from phivault.access.principal import Personal
from phivault.audit.event import Action
from phivault.identity import enrolment, inputs, personal
from phivault.identity.limits import Limit
from phivault.identity.pending import account_of
from phivault.identity.provider import Challenged
from phivault.identity.service import Attempt, Identity
from phivault.identity.session_row import milliseconds
from phivault.identity.source import Source
from phivault.ids import uuid7


def sign_in(identity: Identity, body: inputs.SignIn, source: Source) -> Challenged:
    """Raises InvalidCredentials, TooManyRequests (Retry-After is set), AccessDenied or Unavailable; the attempt is
    recorded before either an answer or an error leaves."""
    attempt = Attempt(identity, Action.SIGN_IN, source, body.email)
    with attempt.failure_recorded():
        account, began = account_of(identity.keys, body.email), milliseconds(identity.now())
        with identity.lockout.counting(account, source) as who:
            identity.limits.spend(Limit.SIGN_IN, account, who)  # a right password may send a text message
            challenged = identity.provider.initiate(body.email, body.password)
            attempt.user_id, attempt.step = challenged.user_id, challenged.challenge
            enrolment.follow(identity, attempt, challenged)
        remember(identity, challenged, body.email, source, began)
    attempt.record()
    return challenged


def remember(identity: Identity, challenged: Challenged, email: str, source: Source, began: int) -> None:
    """Let the challenge of a sign-in be answered that has just begun: ``began`` is from before its password was looked
    at, so that it is older than whatever ends all sessions after that."""
    account, sealed = account_of(identity.keys, email), _sealed(identity, email, source)
    identity.pending.save(challenged, account, sealed, began=began, now=identity.now())


def _sealed(identity: Identity, email: str, source: Source) -> Personal:
    subject = personal.unattributed_subject(identity.now())
    return personal.seal(identity.keys, personal.NO_TENANT, subject, uuid7(), source, email)
