"""Signing up over HTTP, as a person with a mailbox and a phone would."""

from __future__ import annotations

import secrets
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from tests.support.accounts import Account, patiently, some_phone
from tests.support.answers import ok
from tests.support.sources import client_from

if TYPE_CHECKING:
    import httpx

    from tests.support.stack import RunningStack


def administrator(stack: RunningStack, tenant: str) -> httpx.Client:
    """A client of an administrator of the tenant who signed in a moment ago."""
    return Account(stack, "tenant_admin", tenant).api()


def invited(stack: RunningStack, tenant: str, body: dict[str, str], by: httpx.Client | None = None) -> dict[str, Any]:
    """An invitation that one administrator asked for and another person approved, so that it is on its way."""
    asked = ok((by or administrator(stack, tenant)).post("/admin/users", json=body), 202)
    return dict(ok(administrator(stack, tenant).post(f"/admin/invitations/{asked['id']}/approve")))


def registration_of(stack: RunningStack, tenant: str) -> str:
    """The text with which people sign up to the tenant by themselves; the tenant lets them from now on."""
    admin = administrator(stack, tenant)
    settings = ok(admin.get("/admin/settings"))
    if not settings["self_sign_up"]:
        given = {name: settings[name] for name in ("idle_minutes", "absolute_minutes", "cooling_hours", "version")}
        settings = ok(admin.put("/admin/settings", json=given | {"self_sign_up": True}))
    return str(settings["registration"])


@dataclass
class Newcomer:
    """Somebody without an account, at an address of their own: limits count per source."""

    stack: RunningStack
    email: str = field(default_factory=lambda: f"{secrets.token_hex(8)}@newcomers.test")
    password: str = field(default_factory=lambda: "aA1!" + secrets.token_urlsafe(16))
    phone: str = field(default_factory=some_phone)

    def __post_init__(self) -> None:
        self.client = client_from(self.stack)

    def post(self, path: str, body: dict[str, Any]) -> httpx.Response:
        return patiently(self.client, "POST", path, json=body)

    def begin(self, registration: str, **changed: Any) -> httpx.Response:
        body = {"registration": registration, "email": self.email, "phone_number": self.phone}
        return self.post("/auth/sign-up", body | changed)

    def begin_invited(self) -> httpx.Response:
        body = {"invitation": self.newest(self.email, "invitation"), "phone_number": self.phone}
        return self.post("/auth/sign-up", body)

    def confirm(self, begun: dict[str, Any], **changed: Any) -> httpx.Response:
        """With the code that was sent and, where it is the last step, the password and an authenticator app."""
        by_phone = begun["challenge"] == "PHONE_CODE"
        body = {"challenge": begun["challenge"], "session": begun["session"]}
        if "code" not in changed:
            sent = (self.phone, "phone-code") if by_phone else (self.email, "email-code")
            body["code"] = self.newest(*sent)
        if by_phone:
            body |= {"password": self.password, "factor": "SOFTWARE_TOKEN_MFA"}
        return self.post("/auth/confirm-sign-up", body | changed)

    def resend(self, begun: dict[str, Any]) -> httpx.Response:
        return self.post("/auth/resend-code", {name: begun[name] for name in ("challenge", "session")})

    def sent(self, to: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.client.get(self.stack.facts["outbox_url"], params={"to": to}).json()
        return found

    def newest(self, to: str, purpose: str) -> str:
        return [str(one["code"]) for one in self.sent(to) if one["purpose"] == purpose][-1]
