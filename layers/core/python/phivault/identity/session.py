"""Sessions: a row per sign-in, opened when tokens are issued; no row, no access.

A session is (sub, origin_jti), which refresh keeps. The row carries the sealed person, so that a request from the
place of the sign-in seals nothing and calls no KMS (DESIGN, P10).
"""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Protocol

from phivault.access.principal import Personal, Principal
from phivault.audit.event import Action
from phivault.audit.recorder import Recorder
from phivault.crypto.subject_keys import SubjectKeys
from phivault.errors import Gone, IntegrityError, PhivaultError, Unauthenticated
from phivault.identity import events, personal
from phivault.identity.claims import Claims, TokenRules, parse
from phivault.identity.source import Source

LIFETIME_SECONDS = 12 * 3600  # absolute: refresh doesn't prolong it
_REFUSED = "Sign in again: no live session"


@dataclass(frozen=True, slots=True)
class Session:
    """``ended`` is 0 while the session lives, then when it ended; times are Unix seconds. ``refresh_hash`` is the
    SHA-256 (hex) of the one refresh token that may be used next; ``salt`` and ``place`` tell whether a request
    comes from where ``personal`` says, without keeping that in clear. ``token_ids`` (jti, newest first) are the
    access tokens that may be used: the newest and the one before it, for requests on their way."""

    user_id: str
    id: str
    tenant: str
    auth_time: int
    expires: int
    personal: Personal = field(repr=False)
    salt: bytes = field(repr=False)
    place: bytes = field(repr=False)
    refresh_hash: str = field(repr=False)
    token_ids: tuple[str, ...]
    ended: int = 0


class SessionStore(Protocol):
    """Obligations: reads see every earlier write (no eventual consistency); a row past its ``expires`` is absent;
    each write is atomic and durable once it returns. Raises Unavailable when the store doesn't answer."""

    def open(self, session: Session) -> None:
        """Keep a new session and how to find it by its refresh hash. Conflict where it stands already."""

    def load(self, user_id: str, session_id: str) -> Session | None:
        """The session, ended or not."""

    def find_by_refresh(self, refresh_hash: str) -> Session | None:
        """The session that this hash's token was issued in, be it the current token or one rotated out."""

    def rotate(self, session: Session, refresh_hash: str) -> None:
        """Make ``refresh_hash`` the session's only usable one and keep its new ``personal``, ``salt``, ``place``
        and ``token_ids``. Conflict unless the row still has ``session.refresh_hash`` and hasn't ended."""

    def end(self, user_id: str, session_id: str, at: int) -> None:
        """End the session for good; the first end stays. An absent one is no error."""


class Sessions:
    """``now`` answers Unix seconds."""

    def __init__(
        self,
        store: SessionStore,
        recorder: Recorder,
        keys: SubjectKeys,
        rules: TokenRules,
        *,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.store, self.rules = store, rules
        self._recorder, self._keys, self._now = recorder, keys, now

    def authenticate(self, claims: Mapping[str, object], source: Source) -> Principal:
        """Who asks, from the claims that the authorizer verified. Raises Unauthenticated, or IntegrityError where
        the session's sealed person was altered, once it is recorded."""
        checked = None
        try:
            checked = parse(claims, self.rules, self._now())
            session = self._live(checked)
            person = self.person(session, source)
        except (Unauthenticated, IntegrityError) as error:
            self._record(Action.SESSION_REFUSED, checked, source, error)
            raise
        return Principal(
            user_id=checked.user_id,
            tenant=checked.tenant,
            role=checked.role,
            session_id=checked.session_id,
            auth_time=session.auth_time,
            source_ip=source.ip,
            personal=person,
            patient_id=checked.patient_id,
            mfa=True,  # a row is opened for tokens that followed a factor's challenge, and for no others
        )

    def record_refused(
        self, action: Action, claims: Mapping[str, object], source: Source, error: PhivaultError
    ) -> None:
        """Record a request that failed before its verb could: by the token's holder, as far as there is a token."""
        try:
            checked = parse(claims, self.rules, self._now())
        except Unauthenticated:
            checked = None
        self._record(action, checked, source, error)

    def open(self, claims: Claims, refresh_token: str, email: str, source: Source) -> Session:
        """Start the session of tokens about to be issued."""
        subject = personal.user_subject(claims.user_id)
        salt = os.urandom(16)
        session = Session(
            user_id=claims.user_id,
            id=claims.session_id,
            tenant=claims.tenant,
            auth_time=claims.auth_time,
            expires=int(self._now()) + LIFETIME_SECONDS,
            personal=personal.seal(self._keys, claims.tenant, subject, claims.session_id, source, email),
            salt=salt,
            place=_place(salt, source),
            refresh_hash=hash_of(refresh_token),
            token_ids=(claims.token_id,),
        )
        self.store.open(session)
        return session

    def person(self, session: Session, source: Source) -> Personal:
        """The sealed person of this request: the row's own, or sealed anew where the request comes from elsewhere,
        so that no event names a place it didn't come from. Raises Unauthenticated for a destroyed key."""
        if hmac.compare_digest(session.place, _place(session.salt, source)):
            return session.personal
        try:
            email = personal.unseal_email(self._keys, session.tenant, session.personal)
            subject = session.personal.subject
            return personal.seal(self._keys, session.tenant, subject, session.personal.ref, source, email)
        except Gone:
            raise Unauthenticated(_REFUSED) from None

    def of_refresh_token(self, refresh_token: str) -> Session | None:
        return self.store.find_by_refresh(hash_of(refresh_token))

    def rotate(self, session: Session, claims: Claims, refresh_token: str, person: Personal, source: Source) -> None:
        """Go on with new tokens. Conflict where another request was first."""
        salt = os.urandom(16)
        usable = (claims.token_id, *session.token_ids)[:2]
        seen = replace(session, personal=person, salt=salt, place=_place(salt, source), token_ids=usable)
        self.store.rotate(seen, hash_of(refresh_token))

    def end(self, session: Session) -> None:
        self.store.end(session.user_id, session.id, int(self._now()))

    def _live(self, claims: Claims) -> Session:
        session = self.store.load(claims.user_id, claims.session_id)
        if session is None or session.ended or session.tenant != claims.tenant:
            raise Unauthenticated(_REFUSED)
        if claims.token_id not in session.token_ids:
            # Genuine, yet not from us: someone took a refresh token to the provider's public endpoint.
            raise Unauthenticated(_REFUSED)
        return session

    def _record(self, action: Action, claims: Claims | None, source: Source, error: PhivaultError) -> None:
        trace = events.Trace(action, source, self._now(), error=error)
        if claims is None:
            event = events.unattributed(self._keys, trace)
        else:
            event = events.of_claims(self._keys, trace, claims)
        self._recorder.append([event])


def hash_of(refresh_token: str) -> str:
    """How a refresh token is remembered: its own entropy is enough that a plain SHA-256 tells nothing."""
    return hashlib.sha256(refresh_token.encode()).hexdigest()


def _place(salt: bytes, source: Source) -> bytes:
    # The salt keeps equal places of different sessions from looking equal; lengths keep ("a", "bc") from ("ab", "c").
    digest = hashlib.sha256(salt)
    for text in (source.ip, source.user_agent):
        octets = text.encode(errors="replace")
        digest.update(len(octets).to_bytes(4) + octets)
    return digest.digest()
