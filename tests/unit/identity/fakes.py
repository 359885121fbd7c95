"""Fakes that keep the ports' contracts, and a small world made of them."""

from __future__ import annotations

import base64
import json
import os
import secrets
import uuid
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from phivault.audit.event import AuditEvent
from phivault.audit.recorder import Recorder
from phivault.crypto import envelope
from phivault.crypto.element import SealContext
from phivault.crypto.subject_keys import SubjectKeys
from phivault.errors import AccessDenied, InvalidCredentials, InvalidInput, TooManyRequests, Unavailable
from phivault.identity import inputs
from phivault.identity.claims import SCOPE, TokenRules
from phivault.identity.limits import Limits
from phivault.identity.lockout import Lockout
from phivault.identity.pending import PendingSignIns
from phivault.identity.provider import Challenged, ChallengeName, Tokens, TotpSecret
from phivault.identity.service import Identity
from phivault.identity.session import Sessions
from phivault.identity.source import Source
from tests.unit.identity.factor_fakes import FakeFactorProvider, MemoryFactors
from tests.unit.identity.fake_administration import FakeUserAdmin, MemoryDirectory, MemoryMfaResets, MemoryProposals
from tests.unit.identity.fakes_sign_up import FakeAccounts, MemorySignUps
from tests.unit.identity.memory import Clock, MemoryEvents, MemoryKeys, MemoryMessenger, MemoryRules, MemoryState
from tests.unit.identity.throttle_fakes import MemoryThrottle

RULES = TokenRules("https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Test", "client-of-tests")
HOME = Source("198.51.100.7", "ExampleApp/1.0", "0199b3c2-0000-7000-8000-000000000001")
ELSEWHERE = Source("203.0.113.99", "curl/8", "0199b3c2-0000-7000-8000-000000000002")


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
            proposals=MemoryProposals(self.clock),
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
