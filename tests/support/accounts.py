"""Users of one's own in the running stack, made as an administrator makes them, so that no other test needs them."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from tests.support.answers import ok, patiently

if TYPE_CHECKING:
    import httpx

    from tests.support.stack import RunningStack


def some_phone() -> str:
    """A number that nobody has yet: of thousands of one exchange, hundreds of users would soon share some."""
    return f"+1{secrets.randbelow(800) + 200}555{secrets.randbelow(10_000):04d}"


@dataclass
class Account:
    """A user whose codes go to a phone, or, with ``sms`` False, one without a phone or any other factor yet."""

    stack: RunningStack
    role: str
    tenant: str
    sms: bool = True
    permanent: bool = True
    patient_id: str = ""
    email: str = field(default_factory=lambda: f"{secrets.token_hex(8)}@people.test")
    password: str = field(default_factory=lambda: "aA1!" + secrets.token_urlsafe(16))
    phone: str = field(default_factory=some_phone)

    def __post_init__(self) -> None:
        attributes = {"email": self.email, "email_verified": "true", "custom:tenant_id": self.tenant}
        standing = {"custom:role": self.role} | ({"custom:patient_id": self.patient_id} if self.patient_id else {})
        named = _named(attributes | standing)
        password = {} if self.permanent else {"TemporaryPassword": self.password}
        self.admin("admin_create_user", UserAttributes=named, MessageAction="SUPPRESS", **password)
        if self.permanent:
            self.admin("admin_set_user_password", Password=self.password, Permanent=True)
        if self.sms:
            self.add_phone()
            self.prefer(sms=True)

    def add_phone(self) -> None:
        attributes = {"phone_number": self.phone, "phone_number_verified": "true"}
        self.admin("admin_update_user_attributes", UserAttributes=_named(attributes))

    def admin(self, operation: str, **parameters: Any) -> Any:
        """One of the pool's Admin operations on this user."""
        pool = self.stack.facts["cognito"]["user_pool_id"]
        return getattr(cognito(self.stack), operation)(UserPoolId=pool, Username=self.email, **parameters)

    def prefer(self, *, sms: bool | None = None, totp: bool | None = None) -> None:
        """Enable factors; True prefers one, False only enables it."""
        settings = {}
        if sms is not None:
            settings["SMSMfaSettings"] = {"Enabled": True, "PreferredMfa": sms}
        if totp is not None:
            settings["SoftwareTokenMfaSettings"] = {"Enabled": True, "PreferredMfa": totp}
        self.admin("admin_set_user_mfa_preference", **settings)

    @cached_property
    def client(self) -> httpx.Client:
        return self.stack.anyone()

    def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        return patiently(self.client, "POST", path, json=body)

    def ask(self, password: str | None = None) -> httpx.Response:
        """The first step of a sign-in."""
        return self.post("/auth/sign-in", {"email": self.email, "password": password or self.password})

    def answer(self, asked: dict[str, Any], code: str, **changed: str) -> httpx.Response:
        """The next step."""
        given = {"challenge": asked["challenge"], "session": asked["session"], "email": self.email, "code": code}
        return self.post("/auth/challenge", given | changed)

    def text_message(self) -> str:
        """The newest code that was sent to the phone."""
        messages = self.client.get(self.stack.facts["outbox_url"], params={"to": self.phone}).json()
        return str(messages[-1]["code"])

    def tokens(self) -> dict[str, Any]:
        """A whole sign-in by text message."""
        asked = ok(self.ask())
        tokens: dict[str, Any] = ok(self.answer(asked, self.text_message()))
        return tokens

    def api(self, tokens: dict[str, Any] | None = None, **headers: str) -> httpx.Client:
        """A client that is signed in, in a session of its own unless ``tokens`` are given."""
        token = (tokens or self.tokens())["access_token"]
        return self.stack.anyone(Authorization=f"Bearer {token}", **headers)


def _named(attributes: dict[str, str]) -> list[dict[str, str]]:
    return [{"Name": name, "Value": value} for name, value in attributes.items()]


def cognito(stack: RunningStack) -> Any:
    import boto3

    facts = stack.facts
    make: Any = boto3.client  # typed for literal names alone
    return make(
        "cognito-idp",
        endpoint_url=facts["cognito"]["endpoint_url"],
        region_name=facts["region"],
        aws_access_key_id=facts["aws_access_key_id"],
        aws_secret_access_key=facts["aws_secret_access_key"],
    )


def eventually[T](look: Any, seconds: float = 60) -> T:
    """The first thing that ``look`` finds (not None and not empty)."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, "It did not happen in time"
        time.sleep(0.1)
    result: T = found
    return result
