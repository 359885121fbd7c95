"""Sign in, next steps: answer a challenge; the last answer opens a session and yields tokens."""

from __future__ import annotations

from dataclasses import replace

from phivault.audit.event import Action
from phivault.errors import AccessDenied
from phivault.identity import enrolment, events, inputs, passwords
from phivault.identity.claims import read_own
from phivault.identity.limits import Limit
from phivault.identity.pending import PendingSignIn, account_of
from phivault.identity.provider import FACTORS, Challenged, ChallengeName, Tokens
from phivault.identity.service import Attempt, Identity, lives, withheld
from phivault.identity.session import Session
from phivault.identity.source import Source

ATTEMPT = "challenge:attempt"
_CHANGING = (ChallengeName.NEW_PASSWORD_REQUIRED, ChallengeName.MFA_SETUP)
"""Challenges whose right answer stays with the account, a password or a factor, also where no tokens follow."""


def challenge(identity: Identity, body: inputs.Challenge, source: Source) -> Challenged | Tokens:
    """The next challenge, or the tokens of a full sign-in. Raises InvalidCredentials, InvalidInput (a new password
    that the policy refuses), TooManyRequests, AccessDenied or Unavailable, each recorded first."""
    attempt = Attempt(identity, Action.CHALLENGE, source, body.email, body.challenge)
    with attempt.failure_recorded():
        account = account_of(identity.keys, body.email)
        # Not counted as a wrong code: whoever lacks a genuine session could lock accounts out with it.
        pending = identity.pending.of(body.session, body.challenge, account)
        attempt.user_id = pending.user_id
        enrolment.require_standing(identity, attempt, pending)
        if body.challenge is ChallengeName.MFA_SETUP:
            enrolment.require(identity, attempt, body.session)
        if body.new_password is not None:
            # The pool knows fewer rules than we do.
            passwords.check(body.new_password, email=body.email, place="new_password")
        with identity.lockout.counting(account, source) as who:
            if body.answer == ChallengeName.SMS_MFA:  # chosen: this answer, too, sends a text message
                identity.limits.spend(Limit.SIGN_IN, account, who)
            if body.challenge in _CHANGING:
                attempt.record_begun(ATTEMPT)
            answer = identity.provider.respond(body.challenge, body.session, body.email, body.answer)
    if isinstance(answer, Challenged):
        _go_on(identity, attempt, pending, body.session, answer)
    else:
        _issue(identity, attempt, pending, body.session, answer)
    return answer


def _go_on(identity: Identity, attempt: Attempt, pending: PendingSignIn, answered: str, answer: Challenged) -> None:
    with attempt.failure_recorded():
        enrolment.follow(identity, attempt, answer, answered)
        identity.pending.go_on(pending, answer, identity.now())
    attempt.record()


def _issue(identity: Identity, attempt: Attempt, pending: PendingSignIn, answered: str, tokens: Tokens) -> None:
    with withheld(identity, tokens.refresh_token):
        with attempt.failure_recorded():
            if attempt.step not in FACTORS:  # a new password, say: a pool that goes on without a factor is refused
                raise AccessDenied("The identity provider asked for no second factor")
            identity.pending.drop(answered)
            identity.lockout.clear(pending.account, attempt.source)
            claims = read_own(tokens.access_token, identity.sessions.rules, identity.now())
            identity.factors.enrolled(claims.user_id)  # from now on a password alone sets up no factor
            email = attempt.email or ""
            session = identity.sessions.open(claims, tokens.refresh_token, email, attempt.source, pending.began)
        try:
            _record_issue(identity, attempt, session, claims.role, lives(tokens, session, identity.now()))
        except BaseException:
            identity.sessions.end(session)
            raise


def _record_issue(identity: Identity, attempt: Attempt, session: Session, role: str, tokens: tuple[str, ...]) -> None:
    answered = identity.trace(Action.CHALLENGE, attempt.source, attempt.step)
    traces = [answered, replace(answered, action=Action.TOKEN_ISSUE, step="", flags=tokens)]
    who = (session.tenant, session.user_id, session.id, session.personal)
    identity.recorder.append([events.of_session(trace, *who, role=role) for trace in traces])
