"""Sessions: a row per sign-in, opened when tokens are issued; no row, no access.

A session is (sub, origin_jti), which refresh keeps. The row carries the sealed person, so that a request from the
place of the sign-in seals nothing and calls no KMS (DESIGN, P10). Every request meets the limits and the places that
its tenant allows now, not those of the sign-in.
"""

from __future__ import annotations

import hashlib
import hmac
import os
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace

from phivault.access.principal import Personal, Principal
from phivault.audit.event import Action
from phivault.audit.recorder import Recorder
from phivault.crypto.subject_keys import SubjectKeys
from phivault.errors import Gone, IntegrityError, PhivaultError, SourceRefused, Unauthenticated
from phivault.identity import events, personal
from phivault.identity.claims import Claims, TokenRules, parse
from phivault.identity.session_row import Session, SessionStore, end_of, is_live, milliseconds
from phivault.identity.source import Source
from phivault.identity.tenant_rules import TenantRules, TenantRulesStore

__all__ = ["Session", "SessionStore", "Sessions", "end_of", "hash_of"]

SEEN_SECONDS = 60
"""How far ``seen`` may be behind: a write for every request would cost more than it tells."""
_REFUSED = "Sign in again: no live session"
_LAPSED = "Sign in again: the session was idle for too long, or lasted as long as it may"
_ELSEWHERE = "Your organisation doesn't let your role in from where you are"


class Sessions:
    """``now`` answers Unix seconds."""

    def __init__(
        self,
        store: SessionStore,
        recorder: Recorder,
        keys: SubjectKeys,
        rules: TokenRules,
        *,
        tenants: TenantRulesStore,
        now: Callable[[], float] = time.time,
    ) -> None:
        self.store, self.rules, self.tenants = store, rules, tenants
        self._recorder, self._keys, self._now = recorder, keys, now

    def authenticate(self, claims: Mapping[str, object], source: Source) -> Principal:
        """Who asks, from the claims that the authorizer verified. Raises Unauthenticated, SourceRefused, or
        IntegrityError where the session's sealed person was altered, once it is recorded."""
        checked = None
        try:
            checked = parse(claims, self.rules, self._now())
            session, rules, policies = self._live(checked, source)
            person = self.person(session, source)
        except (Unauthenticated, SourceRefused, IntegrityError) as error:
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
            policies=policies,
            default_purpose=rules.purposes.get(checked.role, ""),
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

    def open(self, claims: Claims, refresh_token: str, email: str, source: Source, began: int) -> Session:
        """Start the session of tokens about to be issued; ``began`` (Unix milliseconds) is when their sign-in did.
        Raises SourceRefused, or AccessDenied for a user who is suspended, offboarded or about to be something else, and
        for a sign-in that began before all sessions of the user were ended."""
        rules = self.tenants.rules(claims.tenant)
        admit(rules, claims.role, source)
        subject = personal.user_subject(claims.user_id)
        salt, now = os.urandom(16), int(self._now())
        session = Session(
            user_id=claims.user_id,
            id=claims.session_id,
            tenant=claims.tenant,
            role=claims.role,
            patient_id=claims.patient_id,
            began=began,
            auth_time=claims.auth_time,
            opened=now,
            seen=now,
            expires=now + rules.absolute,  # refresh doesn't prolong it
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

    def require_renewable(self, session: Session, source: Source) -> None:
        """Raises Unauthenticated for a session that is over, SourceRefused for a place that the tenant doesn't let the
        session's role in from. A refresh isn't use: a client left open must not keep its session alive."""
        rules = self.tenants.rules(session.tenant)
        self._require_live(session, rules)
        admit(rules, session.role, source)

    def rotate(self, session: Session, claims: Claims, refresh_token: str, person: Personal, source: Source) -> None:
        """Go on with new tokens. Conflict where another request was first."""
        salt = os.urandom(16)
        usable = (claims.token_id, *session.token_ids)[:2]
        moved = replace(session, personal=person, salt=salt, place=_place(salt, source), token_ids=usable)
        self.store.rotate(moved, hash_of(refresh_token))

    def list(self, user_id: str) -> Sequence[Session]:
        """A user's sessions that live by their tenant's rules now, newest first."""
        kept, now = self.store.of_user(user_id), self._now()
        rules = {tenant: self.tenants.rules(tenant) for tenant in {each.tenant for each in kept}}
        live = [each for each in kept if is_live(each, rules[each.tenant], now)]
        return sorted(live, key=lambda each: (each.opened, each.id), reverse=True)

    def end(self, session: Session) -> None:
        self.store.end(session.user_id, session.id, int(self._now()))

    def end_all(self, user_id: str, at: float) -> int:
        """End every session of a user that is open or about to be, of a sign-in that began before ``at``; how many were
        ended.
        Raises Unavailable where some may be left: call it again."""
        # First the door, then the room: a sign-in that was faster than this stands in the list.
        self.store.end_before(user_id, milliseconds(at))
        open_ones = [each for each in self.store.of_user(user_id) if not each.ended]
        return sum(self.store.end(user_id, each.id, int(at)) for each in open_ones)

    def _live(self, claims: Claims, source: Source) -> tuple[Session, TenantRules, int]:
        session, rules, policies = self.store.load_with_rules(claims.user_id, claims.session_id, claims.tenant)
        if session is None or session.ended:
            raise Unauthenticated(_REFUSED)
        given = (session.tenant, session.role, session.patient_id)
        # Genuine, yet not from us: someone took a refresh token to the provider's public endpoint.
        if (claims.tenant, claims.role, claims.patient_id) != given or claims.token_id not in session.token_ids:
            raise Unauthenticated(_REFUSED)
        self._require_live(session, rules)
        admit(rules, claims.role, source)
        now = self._now()
        if now - session.seen >= SEEN_SECONDS:
            self.store.touch(session.user_id, session.id, int(now))
        return session, rules, policies

    def _require_live(self, session: Session, rules: TenantRules) -> None:
        if session.ended:
            raise Unauthenticated(_REFUSED)
        if not is_live(session, rules, self._now()):
            self.end(session)  # for good: rules that are relaxed later revive nobody
            raise Unauthenticated(_LAPSED)

    def _record(self, action: Action, claims: Claims | None, source: Source, error: PhivaultError) -> None:
        trace = events.Trace(action, source, self._now(), error=error)
        if claims is None:
            event = events.unattributed(self._keys, trace)
        else:
            event = events.of_claims(self._keys, trace, claims)
        self._recorder.append([event])


def admit(rules: TenantRules, role: str, source: Source) -> None:
    """Raises SourceRefused where the tenant doesn't let the role in from there."""
    if not rules.admits(role, source.ip):
        raise SourceRefused(_ELSEWHERE)


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
