"""Users as an operator makes them, and their sign-in through the API."""

from __future__ import annotations

import secrets
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import boto3
import httpx
import pyotp

from tests.e2e.journal import Failed, expect

TENANT = "tenant-a"
STEP = 30


def random_password() -> str:
    return secrets.token_urlsafe(24) + "aA1!"  # every kind of character that the policy asks for


@dataclass(frozen=True, slots=True)
class Pool:
    """The deployed user pool and its client."""

    id: str
    client_id: str

    def newcomer(self, role: str, *, tenant: str = TENANT, name: str = "", patient_id: str = "") -> User:
        """A user as an administrator makes one, without a factor. ``patient_id`` is whose record is their own."""
        cognito = boto3.client("cognito-idp")
        email, password = f"{name or role.replace('_', '-')}@{tenant}.example", random_password()
        attributes = {
            "email": email,
            "email_verified": "true",
            "custom:tenant_id": tenant,
            "custom:role": role,
        } | ({"custom:patient_id": patient_id} if patient_id else {})
        named: list[Any] = [{"Name": name, "Value": value} for name, value in attributes.items()]
        made = cognito.admin_create_user(
            UserPoolId=self.id, Username=email, UserAttributes=named, MessageAction="SUPPRESS"
        )
        cognito.admin_set_user_password(UserPoolId=self.id, Username=email, Password=password, Permanent=True)
        return User(role, email, password, id=made["User"]["Username"], tenant=tenant)

    def enrol(self, user: User) -> None:
        """Give a user an app, past the API and with the trigger taken off (``without_trigger``)."""
        cognito = boto3.client("cognito-idp")
        given = cognito.admin_initiate_auth(
            UserPoolId=self.id,
            ClientId=self.client_id,
            AuthFlow="ADMIN_USER_PASSWORD_AUTH",
            AuthParameters={"USERNAME": user.email, "PASSWORD": user.password},
        )
        token = given["AuthenticationResult"]["AccessToken"]
        user.secret = cognito.associate_software_token(AccessToken=token)["SecretCode"]
        cognito.verify_software_token(AccessToken=token, UserCode=pyotp.TOTP(user.secret).now())

    @contextmanager
    def without_trigger(self) -> Iterator[None]:
        """The pool without its triggers, inside. Raises Failed where they aren't back afterwards."""
        cognito = boto3.client("cognito-idp")
        triggers = cognito.describe_user_pool(UserPoolId=self.id)["UserPool"]["LambdaConfig"]
        cognito.update_user_pool(UserPoolId=self.id, LambdaConfig={})
        try:
            yield
        finally:
            cognito.update_user_pool(UserPoolId=self.id, LambdaConfig=triggers)
        back = cognito.describe_user_pool(UserPoolId=self.id)["UserPool"]["LambdaConfig"]
        expect("PreTokenGenerationConfig" in back and back == triggers, "the pool's triggers aren't back")


@dataclass(slots=True)
class User:
    role: str
    email: str
    password: str
    secret: str = ""
    token: str = ""
    id: str = ""
    tenant: str = TENANT

    def code(self, steps: int = 0) -> str:
        return pyotp.TOTP(self.secret).at(int(time.time()) + steps * STEP)

    def sign_in(self, api: httpx.Client) -> None:
        """Through the API, and keep the access token. Raises Failed."""
        asked = api.post("v1/auth/sign-in", json={"email": self.email, "password": self.password})
        expect(asked.status_code == 200, f"sign-in answered {asked.status_code}: {asked.text}")
        answer = self.answer(api, asked.json(), self.code())
        if answer.status_code != 200:
            raise Failed(f"the challenge answered {answer.status_code}: {answer.text}")
        self.token = answer.json()["access_token"]

    def answer(self, api: httpx.Client, asked: dict[str, Any], code: str) -> httpx.Response:
        body = {"challenge": asked["challenge"], "session": asked["session"], "email": self.email, "code": code}
        return api.post("v1/auth/challenge", json=body)

    def get(self, api: httpx.Client, path: str, purpose: str | None = None, **query: str) -> httpx.Response:
        headers = {"Authorization": f"Bearer {self.token}"} | ({"X-Purpose-Of-Use": purpose} if purpose else {})
        return api.get(path, headers=headers, params=query)

    def ask(
        self, api: httpx.Client, method: str, path: str, body: Any = None, *, token: str = "", place: str = ""
    ) -> httpx.Response:
        """With another of the user's tokens where one is given; ``place`` is the address to come from."""
        headers = {"Authorization": f"Bearer {token or self.token}"} | from_place(place)
        return api.request(method, path, headers=headers, json=body)


def from_place(address: str) -> dict[str, str]:
    """Headers by which a request comes from there: the emulator's gateway believes them, AWS's doesn't."""
    return {"X-Forwarded-For": address} if address else {}
