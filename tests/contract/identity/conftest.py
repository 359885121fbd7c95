"""The verbs on real adapters: boto3 to a local Cognito that calls our trigger, and DynamoDB."""

from __future__ import annotations

import os
import secrets
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import pyotp
import pytest

from functions.pre_token.handler import handler
from local.aws import LocalAws
from local.cognito.app import create
from local.cognito.pool import Pool
from local.outbox import Outbox
from local.ports import listen, port_of
from local.serve import Server
from phivault.adapters.access_state_table import TABLE
from phivault.adapters.aws import client, forget_clients
from phivault.adapters.cognito import Cognito
from phivault.adapters.cognito_factors import CognitoFactors
from phivault.adapters.cognito_passwords import CognitoPasswords
from phivault.adapters.cognito_sign_ups import CognitoSignUps
from phivault.adapters.cognito_users import CognitoUsers
from phivault.adapters.dynamodb_directory import DynamoDirectory
from phivault.adapters.dynamodb_factors import DynamoFactors
from phivault.adapters.dynamodb_mfa_reset import DynamoMfaResets
from phivault.adapters.dynamodb_proposals import DynamoProposals
from phivault.adapters.dynamodb_sessions import DynamoSessions
from phivault.adapters.dynamodb_sign_ups import DynamoSignUps
from phivault.adapters.dynamodb_tenant_rules import DynamoTenantRules
from phivault.adapters.dynamodb_throttle import DynamoThrottle
from phivault.audit.recorder import Recorder
from phivault.crypto.subject_keys import SubjectKeys
from phivault.identity import inputs
from phivault.identity.challenge import challenge
from phivault.identity.claims import TokenRules
from phivault.identity.limits import Limits
from phivault.identity.lockout import Lockout
from phivault.identity.pending import PendingSignIns
from phivault.identity.provider import Challenged, ChallengeName, Tokens
from phivault.identity.service import Identity
from phivault.identity.session import Sessions
from phivault.identity.sign_in import sign_in
from tests.unit.identity.fakes import HOME, MemoryEvents, MemoryKeys, MemoryMessenger

POOL_ID, CLIENT_ID = "us-east-1_Contract", "0123456789contract"
ENDPOINT = "AWS_ENDPOINT_URL_COGNITO_IDENTITY_PROVIDER"


class MovingClock:
    def __init__(self) -> None:
        self.ahead = 0.0
        self._stands: float | None = None

    def __call__(self) -> float:
        return (time.time() if self._stands is None else self._stands) + self.ahead

    @contextmanager
    def standing(self) -> Iterator[None]:
        """Meanwhile only ``ahead`` moves it, however long things take."""
        self._stands = time.time()
        try:
            yield
        finally:
            self._stands = None


@dataclass
class Pooled:
    """The running pool. Users differ per test."""

    endpoint: str
    clock: MovingClock
    outbox: Outbox
    issuer: str


@dataclass
class User:
    email: str
    password: str
    sub: str = ""
    phone: str = ""
    totp: pyotp.TOTP | None = field(default=None, repr=False)


@pytest.fixture(scope="session")
def pooled(aws_endpoints: LocalAws) -> Iterator[Pooled]:
    clock, outbox, listener = MovingClock(), Outbox(), listen(0)
    endpoint = f"http://127.0.0.1:{port_of(listener)}"
    pool = Pool(POOL_ID, CLIENT_ID, endpoint)

    def trigger(name: str, event: dict[str, Any]) -> dict[str, Any]:
        return handler(event, None) if name == "PreTokenGeneration" else event

    key_id, secret = aws_endpoints.access_key_id, aws_endpoints.secret_access_key
    server = Server(create(pool, outbox, trigger, key_id, secret, now=clock), listener).start()
    os.environ[ENDPOINT] = endpoint
    forget_clients()
    yield Pooled(endpoint, clock, outbox, pool.issuer)
    os.environ.pop(ENDPOINT, None)
    forget_clients()
    server.stop()


@pytest.fixture(scope="module", autouse=True)
def _led_to_the_pool(pooled: Pooled) -> None:
    """Clients and settings that another file left behind may lead elsewhere: files run in any order."""
    os.environ[ENDPOINT] = pooled.endpoint
    forget_clients()


@pytest.fixture(scope="session")
def table(aws_endpoints: LocalAws) -> str:
    from local.aws_resources import create_table

    return str(create_table(f"test-{secrets.token_hex(6)}", TABLE)["TableName"])


class Stack:
    """The identity part as a deployed function has it, but for where events and wrapped keys are kept."""

    def __init__(self, pooled: Pooled, table: str) -> None:
        self.pooled, self.clock = pooled, pooled.clock
        self.log = MemoryEvents()
        self.provider = Cognito(POOL_ID, CLIENT_ID)
        self.state = DynamoSessions(table, now=self.clock)
        self.factor_rows = DynamoFactors(table, now=self.clock)
        self.messenger = MemoryMessenger()
        recorder, key_store = Recorder(self.log, self.log, deadline_seconds=1), MemoryKeys()
        keys = SubjectKeys(key_store, key_store, now=self.clock)
        rules = TokenRules(pooled.issuer, CLIENT_ID)
        tenants = DynamoTenantRules(table)
        self.sessions = Sessions(self.state, recorder, keys, rules, tenants=tenants, now=self.clock)
        self.throttle = DynamoThrottle(table)
        limits = Limits(self.throttle, keys, self.clock)
        self.identity = Identity(
            provider=self.provider,
            sessions=self.sessions,
            rules=tenants,
            pending=PendingSignIns(self.state),
            lockout=Lockout(self.throttle, limits, keys, self.clock),
            limits=limits,
            recorder=recorder,
            directory=DynamoDirectory(table),
            user_admin=CognitoUsers(POOL_ID),
            mfa_resets=DynamoMfaResets(table, now=self.clock),
            keys=keys,
            messenger=self.messenger,
            accounts=CognitoSignUps(POOL_ID, now=self.clock),
            sign_ups=(sign_ups := DynamoSignUps(table, now=self.clock)),
            invitations=sign_ups,
            proposals=DynamoProposals(table, now=self.clock),
            factors=self.factor_rows,
            enrolments=self.factor_rows,
            factor_provider=CognitoFactors(POOL_ID, CLIENT_ID),
            password_provider=CognitoPasswords(POOL_ID, CLIENT_ID),
            now=self.clock,
        )

    def user(self, permanent: bool = True, /, **attributes: str) -> User:
        user = User(f"user-{secrets.token_hex(6)}@example.test", secrets.token_urlsafe(16) + "aA1!")
        given = {"custom:tenant_id": "tenant-a", "custom:role": "clinician"}
        given |= {name.replace("__", ":"): value for name, value in attributes.items()}
        api: Any = client("cognito-idp")
        created = api.admin_create_user(
            UserPoolId=POOL_ID,
            Username=user.email,
            UserAttributes=[{"Name": name, "Value": value} for name, value in given.items() if value],
            MessageAction="SUPPRESS",
        )
        user.sub, user.phone = created["User"]["Username"], given.get("phone_number", "")
        api.admin_set_user_password(
            UserPoolId=POOL_ID, Username=user.email, Password=user.password, Permanent=permanent
        )
        return user

    def begin(self, user: User, password: str | None = None) -> Challenged:
        return sign_in(self.identity, inputs.SignIn(email=user.email, password=password or user.password), HOME)

    def answer(self, user: User, challenged: Challenged, answer: str) -> Challenged | Tokens:
        name = "new_password" if challenged.challenge is ChallengeName.NEW_PASSWORD_REQUIRED else "code"
        body: dict[str, Any] = {"challenge": challenged.challenge, "session": challenged.session, "email": user.email}
        return challenge(self.identity, inputs.Challenge(**body | {name: answer}), HOME)

    def code(self, user: User) -> str:
        """A fresh authenticator code: time moves to the next step first."""
        assert user.totp is not None
        self.clock.ahead += 30
        return user.totp.at(int(self.clock()))

    def texted(self, user: User) -> str:
        return self.pooled.outbox.messages(user.phone)[-1]["code"]


@pytest.fixture
def stack(pooled: Pooled, table: str) -> Stack:
    return Stack(pooled, table)


@pytest.fixture
def with_phone(stack: Stack) -> Callable[..., User]:
    def make(**attributes: str) -> User:
        phone = f"+1555{secrets.randbelow(10**7):07}"
        return stack.user(phone_number=phone, phone_number_verified="true", **attributes)

    return make
