"""Refresh: each refresh token counts once; one that comes back ends its session (RFC 9700 section 4.14.2).

Whoever uses the second copy, thief or owner, both lose the session, since which is which can't be told.
"""

from __future__ import annotations

from contextlib import suppress

from phivault.access.principal import Personal
from phivault.audit.event import Action, RiskLevel
from phivault.errors import Conflict, InvalidCredentials, PhivaultError, Unauthenticated
from phivault.identity import events, inputs
from phivault.identity.claims import Claims, read_own
from phivault.identity.directory import Status
from phivault.identity.provider import Tokens
from phivault.identity.service import Attempt, Identity, lives, withheld
from phivault.identity.session import Session, hash_of
from phivault.identity.source import Source

_AGAIN = "Sign in again: the refresh token is not usable"


def refresh(identity: Identity, body: inputs.Refresh, source: Source) -> Tokens:
    """New tokens of the same session. Raises Unauthenticated, AccessDenied (the user lost a factor or role),
    SourceRefused (the tenant doesn't let the role in from there; the token isn't used up) or Unavailable; each
    recorded first, and no tokens leave unless the refresh is recorded."""
    with Attempt(identity, Action.TOKEN_REFRESH, source).failure_recorded():
        session = identity.sessions.of_refresh_token(body.refresh_token)
        if session is None:
            raise Unauthenticated(_AGAIN)
        person = identity.sessions.person(session, source)
    step = _Step(identity, session, person, source)
    if session.ended:
        raise step.refused(Unauthenticated(_AGAIN))
    if session.refresh_hash != hash_of(body.refresh_token):
        raise step.reused(body.refresh_token)
    try:
        identity.sessions.require_renewable(session, source)
        user = identity.directory.user(session.tenant, session.user_id)
    except PhivaultError as error:
        raise step.refused(error) from None
    if user is not None and user.status is not Status.ACTIVE:
        raise step.over()
    return step.renewed(body.refresh_token)


def reused(identity: Identity, session: Session, refresh_token: str, source: Source) -> PhivaultError:
    """A used token came back elsewhere than here: end its session and record that. The error to raise."""
    return _Step(identity, session, identity.sessions.person(session, source), source).reused(refresh_token)


class _Step:
    """One refresh of a known session."""

    def __init__(self, identity: Identity, session: Session, person: Personal, source: Source) -> None:
        self._identity, self._session, self._person, self._source = identity, session, person, source

    def renewed(self, refresh_token: str) -> Tokens:
        identity = self._identity
        try:
            tokens = identity.provider.refresh(refresh_token)
        except InvalidCredentials as error:
            # The newest token is dead at the provider: expired, or used there without us. Either way it is over.
            identity.sessions.end(self._session)
            self._record(Action.TOKEN_REFRESH, error, RiskLevel.HIGH)
            raise Unauthenticated(_AGAIN) from None
        except PhivaultError as error:
            raise self.refused(error) from None
        with withheld(identity, tokens.refresh_token):
            try:
                claims = self._own_claims(tokens)
                identity.sessions.rotate(self._session, claims, tokens.refresh_token, self._person, self._source)
            except Conflict:  # two requests with one token: the other was first, so this is its second use
                raise self.reused(refresh_token) from None
            except PhivaultError as error:
                raise self.refused(error) from None
            self._record_or_end(claims, tokens)
        return tokens

    def refused(self, error: PhivaultError) -> PhivaultError:
        self._record(Action.TOKEN_REFRESH, error)
        return error

    def over(self) -> PhivaultError:
        """The user is suspended or offboarded, and an outage kept that from ending this session: it ends here."""
        self._identity.sessions.end(self._session)
        error = Unauthenticated(_AGAIN)
        self._record(Action.TOKEN_REFRESH, error, RiskLevel.HIGH)
        return error

    def reused(self, refresh_token: str) -> PhivaultError:
        """End the family. Its newer refresh token may be unknown to us, but what it yields names this session."""
        identity = self._identity
        identity.sessions.end(self._session)
        with suppress(PhivaultError):
            identity.provider.revoke(refresh_token)
        error = Unauthenticated(_AGAIN)
        self._record(Action.TOKEN_REUSE, error, RiskLevel.CRITICAL)
        return error

    def _own_claims(self, tokens: Tokens) -> Claims:
        claims = read_own(tokens.access_token, self._identity.sessions.rules, self._identity.now())
        session = self._session
        who = (session.user_id, session.id, session.tenant, session.role, session.patient_id)
        # Another role or patient: its sessions are being ended, or somebody changed the account past us.
        if (claims.user_id, claims.session_id, claims.tenant, claims.role, claims.patient_id) != who:
            raise Unauthenticated(_AGAIN)
        return claims

    def _record_or_end(self, claims: Claims, tokens: Tokens) -> None:
        flags = lives(tokens, self._session, self._identity.now())
        try:
            self._record(Action.TOKEN_REFRESH, role=claims.role, flags=flags)
        except BaseException:
            self._identity.sessions.end(self._session)
            raise

    def _record(
        self,
        action: Action,
        error: PhivaultError | None = None,
        risk: RiskLevel | None = None,
        role: str = "",
        flags: tuple[str, ...] = (),
    ) -> None:
        identity, session = self._identity, self._session
        trace = events.Trace(action, self._source, identity.now(), error=error, risk=risk, flags=flags)
        event = events.of_session(trace, session.tenant, session.user_id, session.id, self._person, role=role)
        identity.recorder.append([event])
