"""Somebody without an account, who makes one as an app would."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass, field
from typing import Any

import httpx

from local import totp
from local.cognito.passwords import generate
from local.demo.lab import Lab

APP = "SOFTWARE_TOKEN_MFA"
MESSAGE_SECONDS = 10


@dataclass
class Newcomer:
    """Somebody without an account, and what they come to hold."""

    lab: Lab
    email: str = field(default_factory=lambda: f"newcomer-{secrets.token_hex(4)}@demo.example")
    phone: str = field(default_factory=lambda: f"+1202555{secrets.randbelow(10**4):04}")
    password: str = field(default_factory=generate)
    secret: str = ""
    access_token: str = ""

    def post(self, path: str, **body: Any) -> httpx.Response:
        return self.lab.http.post(f"/v1/auth/{path}", json=body)

    def confirm(self, asked: httpx.Response, code: str, **more: str) -> httpx.Response:
        challenge = asked.json()
        body = {"challenge": challenge["challenge"], "session": challenge["session"], "code": code}
        return self.post("confirm-sign-up", **body, **more)

    def answer(self, asked: dict[str, Any], code: str) -> httpx.Response:
        body = {"challenge": asked["challenge"], "session": asked["session"], "email": self.email, "code": code}
        return self.post("challenge", **body)

    def message(self, to: str) -> str:
        """The code of the newest message."""
        deadline = time.monotonic() + MESSAGE_SECONDS
        while not (found := self.lab.stack.outbox.messages(to)):
            if time.monotonic() > deadline:
                raise RuntimeError("No message came")
            time.sleep(0.1)
        return found[-1]["code"]

    def app_code(self, steps: int = 0) -> str:
        return totp.code(self.secret, totp.step() + steps)

    def enrol(self, session: str) -> httpx.Response:
        """Set up an app in a sign-in that asks for it; the answer to its first code."""
        begun = self.post("mfa/totp", session=session).raise_for_status().json()
        self.secret = begun["secret"]
        done = self.answer({"challenge": "MFA_SETUP", **begun}, self.app_code(-1))
        self.access_token = done.json().get("access_token", "")
        return done

    def put(self, path: str, **body: Any) -> httpx.Response:
        return self.lab.http.put(f"/v1/{path}", headers={"Authorization": f"Bearer {self.access_token}"}, json=body)

    def get(self, path: str) -> httpx.Response:
        return self.lab.http.get(f"/v1/{path}", headers={"Authorization": f"Bearer {self.access_token}"})
