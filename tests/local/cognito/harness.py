"""A local Cognito behind a real uvicorn, driven by real boto3 clients, with a clock that tests can move."""

from __future__ import annotations

import secrets
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import boto3
import httpx
import pyotp
import pytest
import uvicorn
from botocore import UNSIGNED
from botocore.config import Config
from joserfc import jwt
from joserfc.jwk import KeySet

from local.cognito import passwords
from local.cognito.app import create
from local.cognito.pool import Pool
from local.outbox import Outbox

KEY_ID, SECRET_KEY = "AKIDLOCALLOCALLOCAL1", secrets.token_urlsafe(32)
POOL_ID, CLIENT_ID = "us-east-1_LocalPool", "0123456789abcdefghijklmnop"


class Clock:
    def __init__(self) -> None:
        self.ahead = 0.0

    def __call__(self) -> float:
        return time.time() + self.ahead

    def advance(self, seconds: float) -> None:
        self.ahead += seconds


@dataclass
class Trigger:
    """Records events. The one before tokens answers with ``details``, or does what a test puts into ``act``; the
    others answer as they were asked, or do what a test puts into ``others`` under their name."""

    events: list[dict[str, Any]] = field(default_factory=list)
    details: Any = None
    act: Any = None
    others: dict[str, Any] = field(default_factory=dict)
    asked: list[dict[str, Any]] = field(default_factory=list)

    def __call__(self, name: str, event: dict[str, Any]) -> dict[str, Any]:
        if name != "PreTokenGeneration":
            self.asked.append({"name": name, **event})
            return self.others[name](event) if name in self.others else event
        self.events.append({"name": name, **event})
        if self.act:
            return self.act(event)
        return {**event, "response": {"claimsAndScopeOverrideDetails": self.details}}

    def reset(self) -> None:
        self.events, self.details, self.act, self.others, self.asked = [], None, None, {}, []


@dataclass
class Person:
    email: str
    password: str
    sub: str = ""
    phone: str = ""
    totp: pyotp.TOTP | None = None


class Cognito:
    """What tests act through. ``idp`` signs with the accepted key, ``public`` never signs."""

    def __init__(self, endpoint: str, clock: Clock, trigger: Trigger, outbox: Outbox) -> None:
        self.endpoint, self.clock, self.trigger, self.outbox = endpoint, clock, trigger, outbox
        self.pool_id, self.client_id, self.issuer = POOL_ID, CLIENT_ID, f"{endpoint}/{POOL_ID}"
        self.http = httpx.Client(trust_env=False, timeout=30)
        self.idp = self.client()
        self.public = self.client(unsigned=True)

    def client(self, key_id: str = KEY_ID, secret: str = SECRET_KEY, *, unsigned: bool = False, **more: Any) -> Any:
        config = Config(retries={"total_max_attempts": 1}, signature_version=UNSIGNED if unsigned else None)
        names = {"aws_access_key_id": key_id, "aws_secret_access_key": secret, "region_name": "us-east-1", **more}
        return boto3.client("cognito-idp", endpoint_url=self.endpoint, config=config, **names)

    # users
    def create(self, **attributes: str) -> Person:
        """A user with a permanent password and no factor."""
        person = Person(f"user-{secrets.token_hex(6)}@example.com", new_password())
        given = [{"Name": name.replace("__", ":"), "Value": value} for name, value in attributes.items()]
        created = self.idp.admin_create_user(
            UserPoolId=POOL_ID, Username=person.email, UserAttributes=given, MessageAction="SUPPRESS"
        )
        person.sub = created["User"]["Username"]
        self.set_password(person, person.password)
        return person

    def with_phone(self) -> Person:
        phone = f"+1555{secrets.randbelow(10**7):07}"
        person = self.create(phone_number=phone, phone_number_verified="true")
        person.phone = phone
        return person

    def with_totp(self) -> Person:
        person = self.create()
        self.enrol(person)
        return person

    def with_both(self) -> Person:
        person = self.with_totp()
        person.phone = f"+1555{secrets.randbelow(10**7):07}"
        self.update(person, phone_number=person.phone, phone_number_verified="true")
        on = {"Enabled": True, "PreferredMfa": False}
        self.idp.admin_set_user_mfa_preference(
            UserPoolId=POOL_ID, Username=person.sub, SMSMfaSettings=on, SoftwareTokenMfaSettings=on
        )
        return person

    def set_password(self, person: Person, password: str, *, permanent: bool = True) -> None:
        self.idp.admin_set_user_password(
            UserPoolId=POOL_ID, Username=person.sub, Password=password, Permanent=permanent
        )
        person.password = password

    def update(self, person: Person, **attributes: str) -> None:
        given = [{"Name": name.replace("__", ":"), "Value": value} for name, value in attributes.items()]
        self.idp.admin_update_user_attributes(UserPoolId=POOL_ID, Username=person.sub, UserAttributes=given)

    # sign-in
    def initiate(self, person: Person, password: str | None = None, name: str | None = None) -> dict[str, Any]:
        return self.idp.admin_initiate_auth(
            UserPoolId=POOL_ID,
            ClientId=CLIENT_ID,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": name or person.email, "PASSWORD": password or person.password},
        )

    def respond(self, person: Person, challenge: str, session: str, **responses: str) -> dict[str, Any]:
        return self.public.respond_to_auth_challenge(
            ClientId=CLIENT_ID,
            ChallengeName=challenge,
            Session=session,
            ChallengeResponses={"USERNAME": person.email, **responses},
        )

    def enrol(self, person: Person, session: str | None = None) -> dict[str, Any]:
        """Through MFA_SETUP to tokens."""
        began = self.public.associate_software_token(Session=session or self.initiate(person)["Session"])
        person.totp = pyotp.TOTP(began["SecretCode"])
        done = self.public.verify_software_token(Session=began["Session"], UserCode=self.code(person))
        return self.respond(person, "MFA_SETUP", done["Session"])["AuthenticationResult"]

    def code(self, person: Person) -> str:
        """A fresh authenticator code: the clock moves to the next step first."""
        assert person.totp is not None
        self.clock.advance(30)
        return person.totp.at(int(self.clock()))

    def wrong_code(self, person: Person) -> str:
        """A code that is right at no step near now."""
        assert person.totp is not None
        right = {person.totp.at(int(self.clock()) + 30 * drift) for drift in range(-3, 4)}
        return next(code for code in map("{:06}".format, range(100)) if code not in right)

    def sms_code(self, person: Person) -> str:
        return self.outbox.messages(person.phone)[-1]["code"]

    def sign_in(self, person: Person) -> dict[str, Any]:
        """With the authenticator when there is one, else by SMS."""
        challenge = self.initiate(person)
        name, session = challenge["ChallengeName"], challenge["Session"]
        if name == "SOFTWARE_TOKEN_MFA":
            answer = {"SOFTWARE_TOKEN_MFA_CODE": self.code(person)}
        else:
            answer = {"SMS_MFA_CODE": self.sms_code(person)}
        return self.respond(person, name, session, **answer)["AuthenticationResult"]

    def refresh(self, token: str) -> dict[str, Any]:
        answer = self.public.get_tokens_from_refresh_token(RefreshToken=token, ClientId=CLIENT_ID)
        return answer["AuthenticationResult"]

    def claims(self, token: str, keys: Any = None) -> dict[str, Any]:
        return jwt.decode(token, KeySet.import_key_set(keys or self.jwks()), algorithms=["RS256"]).claims

    def jwks(self) -> Any:
        return self.http.get(f"{self.issuer}/.well-known/jwks.json").json()


def new_password() -> str:
    return secrets.token_urlsafe(16) + "aA1!"


@contextmanager
def refused(client: Any, name: str) -> Iterator[Any]:
    """The call raises this modelled exception, as ``client.exceptions`` knows it."""
    with pytest.raises(getattr(client.exceptions, name)) as caught:
        yield caught
    assert caught.value.response["Error"]["Code"] == name


@contextmanager
def served(app: Any, listener: socket.socket) -> Iterator[None]:
    server = uvicorn.Server(uvicorn.Config(app, log_level="warning", lifespan="off"))
    thread = threading.Thread(target=server.run, kwargs={"sockets": [listener]}, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.005)
    yield
    server.should_exit = True
    thread.join(5)


@pytest.fixture(scope="session")
def _cognito() -> Iterator[Cognito]:
    # asyncio turns Nagle's delay off only for sockets that name their protocol: 40 ms a call otherwise.
    listener = socket.socket(socket.AF_INET, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    listener.bind(("127.0.0.1", 0))
    endpoint = f"http://127.0.0.1:{listener.getsockname()[1]}"
    clock, trigger, outbox = Clock(), Trigger(), Outbox()
    app = create(Pool(POOL_ID, CLIENT_ID, endpoint), outbox, trigger, KEY_ID, SECRET_KEY, now=clock)
    # Most tests only need passwords to be checked, not to be slow; those that measure time put the cost back.
    with pytest.MonkeyPatch.context() as patch, served(app, listener):
        patch.setattr(passwords, "COST", 2**8)
        yield Cognito(endpoint, clock, trigger, outbox)


@pytest.fixture
def cognito(_cognito: Cognito) -> Cognito:
    """One server for all tests, since each makes its own users; the trigger starts fresh."""
    _cognito.trigger.reset()
    return _cognito
