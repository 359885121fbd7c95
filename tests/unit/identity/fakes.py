"""Fakes that keep the ports' contracts, and a small world made of them."""

from __future__ import annotations

import base64
import json
import os
import secrets
import uuid
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from phivault.audit.canonical import EventLine, parse
from phivault.audit.event import AuditEvent
from phivault.audit.recorder import Recorder
from phivault.audit.store import RecordedEvent
from phivault.crypto import envelope
from phivault.crypto.element import SealContext
from phivault.crypto.subject_keys import StoredKey, SubjectKeys
from phivault.errors import AccessDenied, Conflict, InvalidCredentials, InvalidInput, TooManyRequests, Unavailable
from phivault.identity import inputs
from phivault.identity.claims import SCOPE, TokenRules
from phivault.identity.directory import User
from phivault.identity.limits import Limits
from phivault.identity.lockout import Lockout
from phivault.identity.messages import Message
from phivault.identity.pending import PendingSignIn, PendingSignIns
from phivault.identity.provider import Challenged, ChallengeName, Tokens, TotpSecret
from phivault.identity.service import Identity
from phivault.identity.session import Session, Sessions
from phivault.identity.source import Source
from phivault.identity.tenant_rules import TenantRules
from tests.unit.identity.factor_fakes import FakeFactorProvider, MemoryFactors
from tests.unit.identity.fake_administration import FakeUserAdmin, MemoryDirectory, MemoryMfaResets
from tests.unit.identity.fakes_sign_up import FakeAccounts, MemorySignUps
from tests.unit.identity.throttle_fakes import MemoryThrottle

RULES = TokenRules("https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Test", "client-of-tests")
HOME = Source("198.51.100.7", "ExampleApp/1.0", "0199b3c2-0000-7000-8000-000000000001")
ELSEWHERE = Source("203.0.113.99", "curl/8", "0199b3c2-0000-7000-8000-000000000002")


class Clock:
    def __init__(self) -> None:
        self.time = 1_790_000_000.25

    def __call__(self) -> float:
        return self.time


class MemoryKeys:
    """SubjectKeyStore and KeyWrapper. ``calls`` counts what would be calls of KMS."""

    def __init__(self) -> None:
        self._rows: dict[tuple[str, str], StoredKey] = {}
        self.calls = 0

    def destroy(self, tenant: str, subject: str) -> None:
        self._rows[tenant, subject] = StoredKey(1, None)

    def newest(self, tenant: str, subject: str) -> StoredKey | None:
        return self._rows.get((tenant, subject))

    def read(self, tenant: str, subject: str, version: int) -> StoredKey | None:
        return self.newest(tenant, subject) if version == 1 else None

    def create(self, tenant: str, subject: str, version: int, wrapped: bytes) -> bool:
        return self._rows.setdefault((tenant, subject), StoredKey(version, wrapped)).wrapped == wrapped

    def wrap(self, tenant: str, subject: str, material: bytes) -> bytes:
        self.calls += 1
        return material

    def unwrap(self, tenant: str, subject: str, wrapped: bytes) -> bytes:
        self.calls += 1
        return wrapped


class MemoryEvents:
    """EventStore and EventIndex. ``down`` refuses before persisting, ``lost_answer`` fails after it."""

    def __init__(self) -> None:
        self.objects: dict[str, bytes] = {}
        self.down = self.lost_answer = False

    def put(self, key: str, body: bytes, *, deadline: float) -> None:
        if self.down:
            raise Unavailable("The bucket is down")
        self.objects[key] = body
        if self.lost_answer:
            raise Unavailable("No answer")

    def add(self, events: Sequence[RecordedEvent]) -> None:
        pass

    @property
    def events(self) -> list[AuditEvent]:
        lines = [parse(line) for body in self.objects.values() for line in body.splitlines()]
        return [line.event for line in lines if isinstance(line, EventLine)]


class MemoryRules:
    """TenantRulesStore. ``by_tenant`` may be set from outside, as an earlier change would have."""

    def __init__(self) -> None:
        self.by_tenant: dict[str, TenantRules] = {}
        self.down = False

    def rules(self, tenant: str) -> TenantRules:
        if self.down:
            raise Unavailable("The table is down")
        return self.by_tenant.get(tenant, TenantRules())

    def replace_rules(self, tenant: str, rules: TenantRules) -> None:
        if self.rules(tenant).version != rules.version - 1:
            raise Conflict
        self.by_tenant[tenant] = rules

    def tenant_of(self, registration: str) -> str | None:
        found = [name for name, rules in self.by_tenant.items() if rules.registration == registration]
        return found[0] if found and self.rules(found[0]).self_sign_up else None


class MemoryState:
    """SessionStore and PendingStore."""

    def __init__(self, now: Clock, rules: MemoryRules | None = None, directory: MemoryDirectory | None = None) -> None:
        self._now = now
        self.rules, self.directory = rules or MemoryRules(), directory or MemoryDirectory()
        self.barriers: dict[str, int] = {}
        self.sessions: dict[tuple[str, str], Session] = {}
        self.refresh: dict[str, tuple[str, str]] = {}
        self.pending: dict[str, PendingSignIn] = {}
        self.down = False

    def open(self, session: Session) -> None:
        self._check()
        key = (session.user_id, session.id)
        if session.began < self.barriers.get(session.user_id, 0):
            raise AccessDenied
        if key in self.sessions:
            raise Conflict
        now, who = session.opened, (session.user_id, session.tenant, session.role, session.patient_id)
        if not self.directory.signed_in(User(*who, session.personal, created=now, last_sign_in=now)):
            raise AccessDenied
        self.sessions[key], self.refresh[session.refresh_hash] = session, key

    def load(self, user_id: str, session_id: str) -> Session | None:
        self._check()
        session = self.sessions.get((user_id, session_id))
        return session if session and session.expires > self._now() else None

    def load_with_rules(self, user_id: str, session_id: str, tenant: str) -> tuple[Session | None, TenantRules]:
        return self.load(user_id, session_id), self.rules.rules(tenant)

    def of_user(self, user_id: str) -> Sequence[Session]:
        self._check()
        kept = [session for (owner, _), session in self.sessions.items() if owner == user_id]
        return [session for session in kept if session.expires > self._now()]

    def find_by_refresh(self, refresh_hash: str) -> Session | None:
        key = self.refresh.get(refresh_hash)
        return self.load(*key) if key else None

    def rotate(self, session: Session, refresh_hash: str) -> None:
        self._check()
        key = (session.user_id, session.id)
        stored = self.sessions[key]
        if stored.ended or stored.refresh_hash != session.refresh_hash:
            raise Conflict
        moved = replace(session, refresh_hash=refresh_hash, seen=stored.seen)
        self.sessions[key], self.refresh[refresh_hash] = moved, key

    def touch(self, user_id: str, session_id: str, at: int) -> None:
        self._check()
        session = self.sessions.get((user_id, session_id))
        if session and not session.ended and session.seen < at:
            self.sessions[user_id, session_id] = replace(session, seen=at)

    def end(self, user_id: str, session_id: str, at: int) -> bool:
        self._check()
        session = self.sessions.get((user_id, session_id))
        if session is None or session.ended:
            return False
        self.sessions[user_id, session_id] = replace(session, ended=at)
        return True

    def end_before(self, user_id: str, at: int) -> None:
        self._check()
        self.barriers[user_id] = max(at, self.barriers.get(user_id, 0))

    def ended_before(self, user_id: str) -> int:
        self._check()
        return self.barriers.get(user_id, 0)

    def save_pending(self, session_hash: str, pending: PendingSignIn) -> None:
        self._check()
        self.pending[session_hash] = pending

    def load_pending(self, session_hash: str) -> PendingSignIn | None:
        self._check()
        pending = self.pending.get(session_hash)
        return pending if pending and pending.expires > self._now() else None

    def drop_pending(self, session_hash: str) -> None:
        self._check()
        self.pending.pop(session_hash, None)

    def _check(self) -> None:
        if self.down:
            raise Unavailable("The table is down")


@dataclass
class Person:
    email: str
    role: str = "clinician"
    tenant: str = "tenant-a"
    password: str = field(default_factory=lambda: secrets.token_urlsafe(16))
    code: str = field(default_factory=lambda: f"{secrets.randbelow(10**6):06}")
    sub: str = field(default_factory=lambda: str(uuid.uuid4()))
    challenge: ChallengeName = ChallengeName.SOFTWARE_TOKEN_MFA
    extra: dict[str, Any] = field(default_factory=dict)


class FakeProvider:
    """Keeps IdentityProvider's contract, unless told not to: ``trusting`` answers any live session for any user and
    lets a session be used again, ``factorless`` yields tokens for a new password, as a broken provider would."""

    def __init__(self, now: Clock) -> None:
        self._now = now
        self.people: dict[str, Person] = {}
        self.sessions: dict[str, Person] = {}
        self.families: dict[str, tuple[Person, str, int]] = {}
        self.spent: set[str] = set()
        self.revoked: list[str] = []
        self.calls = 0
        self.trusting = self.factorless = self.locked = self.refusing = self.down = False

    def initiate(self, email: str, password: str) -> Challenged:
        self._check()
        person = self.people.get(email)
        if person is None or person.password != password:
            raise InvalidCredentials
        return self._challenged(person, person.challenge)

    def respond(self, challenge: ChallengeName, session: str, email: str, answer: str) -> Challenged | Tokens:
        self._check()
        person = self.sessions.get(session)
        if person is None or (not self.trusting and self.people.get(email) is not person):
            raise InvalidCredentials
        if challenge is ChallengeName.NEW_PASSWORD_REQUIRED:
            person.password = answer
            if self.factorless:
                return self._tokens(person, str(uuid.uuid4()), int(self._now()))
            return self._challenged(person, ChallengeName.MFA_SETUP)
        if challenge is ChallengeName.SELECT_MFA_TYPE:
            return self._challenged(person, ChallengeName(answer))
        if answer != person.code:
            raise InvalidCredentials
        if not self.trusting:
            del self.sessions[session]
        return self._tokens(person, str(uuid.uuid4()), int(self._now()))

    def begin_totp(self, session: str) -> TotpSecret:
        self._check()
        if session not in self.sessions:
            raise InvalidCredentials
        following = self._challenged(self.sessions.pop(session), ChallengeName.MFA_SETUP)
        return TotpSecret(base64.b32encode(os.urandom(20)).decode(), following.session)

    def refresh(self, refresh_token: str) -> Tokens:
        self._check()
        if refresh_token not in self.families or (refresh_token in self.spent and not self.trusting):
            raise InvalidCredentials
        self.spent.add(refresh_token)
        return self._tokens(*self.families[refresh_token])

    def revoke(self, refresh_token: str) -> None:
        self.revoked.append(refresh_token)

    def _challenged(self, person: Person, challenge: ChallengeName) -> Challenged:
        session = secrets.token_urlsafe(48)
        self.sessions[session] = person
        return Challenged(challenge, session, user_id=person.sub)

    def _tokens(self, person: Person, origin_jti: str, auth_time: int) -> Tokens:
        refresh_token = secrets.token_urlsafe(64)
        self.families[refresh_token] = (person, origin_jti, auth_time)
        claims = access_claims(self._now, sub=person.sub, origin_jti=origin_jti, auth_time=auth_time)
        claims |= {"role": person.role, "tenant_id": person.tenant} | person.extra
        return Tokens(unsigned(claims), unsigned({"token_use": "id"}), refresh_token, 900)

    def _check(self) -> None:
        self.calls += 1
        if self.down:
            raise Unavailable("The provider is down")
        if self.locked:
            raise TooManyRequests
        if self.refusing:
            raise AccessDenied


def access_claims(now: Clock, **changes: Any) -> dict[str, Any]:
    """Claims of an access token, as Cognito writes them."""
    claims = {
        "sub": str(uuid.uuid4()),
        "iss": RULES.issuer,
        "client_id": RULES.client_id,
        "origin_jti": str(uuid.uuid4()),
        "jti": str(uuid.uuid4()),
        "token_use": "access",
        "scope": SCOPE,
        "auth_time": int(now()),
        "iat": int(now()),
        "exp": int(now()) + 900,
        "username": "somebody",
        "tenant_id": "tenant-a",
        "role": "clinician",
    }
    return claims | changes


def unsigned(claims: dict[str, Any]) -> str:
    header, payload = (
        base64.urlsafe_b64encode(json.dumps(part).encode()).rstrip(b"=").decode() for part in ({"alg": "RS256"}, claims)
    )
    return f"{header}.{payload}.{secrets.token_urlsafe(32)}"


def authorized(access_token: str) -> dict[str, str]:
    """The claims as API Gateway's authorizer hands them on: all strings."""
    payload = access_token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    return {name: str(value) for name, value in claims.items()}


class MemoryMessenger:
    """Messenger. ``down`` refuses before sending, ``lost_answer`` fails after it."""

    def __init__(self) -> None:
        self.emails: list[tuple[str, Message]] = []
        self.texts: list[tuple[str, Message]] = []
        self.down = self.lost_answer = False

    def email(self, to: str, message: Message) -> None:
        self._keep(self.emails, to, message)

    def sms(self, to: str, message: Message) -> None:
        self._keep(self.texts, to, message)

    def _keep(self, kept: list[tuple[str, Message]], to: str, message: Message) -> None:
        if self.down:
            raise Unavailable("The carrier is down")
        kept.append((to, message))
        if self.lost_answer:
            raise Unavailable("No answer")


class FakePasswords:
    """PasswordProvider over the provider's people: ``codes`` are what was sent, by address. ``down`` answers nobody,
    ``lost_answer`` fails after a password was set; ``before`` a code leaves and ``after_reset`` they look."""

    def __init__(self, provider: FakeProvider) -> None:
        self._provider = provider
        self.codes: dict[str, str] = {}
        self.unmailable: set[str] = set()
        self.old: list[str] = []
        self.calls: list[str] = []
        self.down = self.lost_answer = False
        self.before: Callable[[], object] = lambda: None
        self.after_reset: Callable[[Person], object] = lambda person: None

    def send_code(self, email: str) -> bool:
        self._check("send_code")
        self.before()
        if email not in self._provider.people or email in self.unmailable:
            return False
        self.codes[email] = f"{secrets.randbelow(10**6):06}"
        return True

    def reset(self, email: str, code: str, new_password: str) -> None:
        self._check("reset")
        if self.codes.get(email) != code:
            raise InvalidCredentials
        if new_password in self.old:
            raise InvalidInput("password: it was used before, or the password policy refuses it")
        del self.codes[email]
        person = self._provider.people[email]
        person.password = new_password
        self.after_reset(person)
        if self.lost_answer:
            raise Unavailable("No answer")

    def user_id(self, email: str) -> str:
        self._check("user_id")
        person = self._provider.people.get(email)
        return person.sub if person else ""

    def _check(self, call: str) -> None:
        self.calls.append(call)
        if self.down:
            raise Unavailable("The provider is down")


class World:
    """Everything that the verbs need, one clinician, and how to look behind the scenes."""

    def __init__(self) -> None:
        self.clock = Clock()
        self.events_store = MemoryEvents()
        self.rules, self.directory = MemoryRules(), MemoryDirectory()
        self.state = MemoryState(self.clock, self.rules, self.directory)
        self.key_store = MemoryKeys()
        self.keys = SubjectKeys(self.key_store, self.key_store, now=self.clock)
        self.throttle = MemoryThrottle()
        self.limits = Limits(self.throttle, self.keys, self.clock)
        self.provider = FakeProvider(self.clock)
        self.user_admin = FakeUserAdmin()
        self.mfa_resets = MemoryMfaResets(self.clock)
        self.recorder = Recorder(self.events_store, self.events_store, deadline_seconds=1)
        self.sessions = Sessions(self.state, self.recorder, self.keys, RULES, tenants=self.rules, now=self.clock)
        self.messenger = MemoryMessenger()
        self.accounts = FakeAccounts(self.provider)
        self.sign_ups = MemorySignUps(self.clock)
        self.factors = MemoryFactors(self.clock)
        self.factor_provider = FakeFactorProvider(self.provider, self.factors.granted, self.clock)
        self.passwords = FakePasswords(self.provider)
        self.identity = Identity(
            provider=self.provider,
            sessions=self.sessions,
            rules=self.rules,
            pending=PendingSignIns(self.state),
            lockout=Lockout(self.throttle, self.limits, self.keys, self.clock),
            limits=self.limits,
            recorder=self.recorder,
            directory=self.directory,
            user_admin=self.user_admin,
            mfa_resets=self.mfa_resets,
            keys=self.keys,
            messenger=self.messenger,
            accounts=self.accounts,
            sign_ups=self.sign_ups,
            invitations=self.sign_ups,
            factors=self.factors,
            enrolments=self.factors,
            factor_provider=self.factor_provider,
            password_provider=self.passwords,
            now=self.clock,
        )
        self.person = self.enrol(Person("clinician@example.test"))

    def enrol(self, person: Person) -> Person:
        self.provider.people[person.email] = person
        return person

    @property
    def events(self) -> list[AuditEvent]:
        return self.events_store.events

    def credentials(self, person: Person | None = None, password: str | None = None) -> inputs.SignIn:
        person = person or self.person
        return inputs.SignIn(email=person.email, password=password or person.password)

    def answer(self, challenged: Challenged, answer: str | None = None, email: str | None = None) -> inputs.Challenge:
        name = "new_password" if challenged.challenge is ChallengeName.NEW_PASSWORD_REQUIRED else "code"
        body: dict[str, Any] = {
            "challenge": challenged.challenge,
            "session": challenged.session,
            "email": email or self.person.email,
            name: answer or self.person.code,
        }
        return inputs.Challenge(**body)

    def opened(self, event: AuditEvent) -> dict[str, str]:
        """What an auditor reads in an event's sealed person."""
        context = SealContext(event.tenant, event.personal_subject, "Personal", event.personal_ref, 1)
        key = self.keys.for_unsealing(event.tenant, event.personal_subject, 1)
        opened = envelope.unseal(key, context, base64.b64decode(event.personal))
        return {name: value.decode() for name, value in opened.items()}
