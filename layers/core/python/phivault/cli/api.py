"""The local stack's API, used as a signed-in user."""

from __future__ import annotations

import json
import time
import urllib.error
import urllib.request
from dataclasses import dataclass, field
from typing import Any, Final, Self

import typer

from phivault.cli.local_stack import facts
from phivault.errors import AccessDenied, InvalidCredentials, InvalidInput, NotFound, PhivaultError, Unavailable

TOTP_STEP: Final = 30
_ATTEMPTS: Final = 3
_ERRORS: Final = {error.status: error for error in (InvalidInput, AccessDenied, NotFound, InvalidCredentials)}

direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))  # no proxy leads to this machine


@dataclass(frozen=True, slots=True)
class Api:
    """Calls with one access token."""

    base_url: str
    token: str = field(default="", repr=False)

    @classmethod
    def sign_in(cls, role: str, tenant: str = "") -> Self:
        """As the seeded user of that role, of the first tenant or of ``tenant``. A code counts once: where the demo or
        another terminal has used it, this waits for the next. Raises InvalidInput for a role that isn't there."""
        import pyotp  # for the local stack alone

        stack = facts()
        users = stack["tenants"].get(tenant or next(iter(stack["tenants"])), {}).get("users", {})
        if role not in users:
            raise InvalidInput("The local stack has no such user; roles: " + (", ".join(users) or "none"))
        user, anyone = users[role], cls(stack["base_url"])
        codes, step = pyotp.TOTP(user["totp_secret"]), _step()
        for _ in range(_ATTEMPTS):
            while step > _step() + 1:
                time.sleep(0.5)
            try:
                return cls(stack["base_url"], anyone.tokens(user, codes.at(step * TOTP_STEP))["access_token"])
            except InvalidCredentials:
                step += 1
        raise InvalidCredentials("The codes of this user were all used up by others")

    def tokens(self, user: dict[str, str], code: str) -> dict[str, Any]:
        asked = self.call("POST", "/v1/auth/sign-in", {"email": user["email"], "password": user["password"]})
        answer = {name: asked[name] for name in ("challenge", "session")} | {"email": user["email"], "code": code}
        return self.call("POST", "/v1/auth/challenge", answer)

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The answer's JSON. Raises the error of its status, with the detail that the API gives."""
        request = urllib.request.Request(self.base_url + path, method=method)  # noqa: S310  # the local stack's own URL
        if self.token:
            request.add_header("Authorization", f"Bearer {self.token}")
        if body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        try:
            with direct.open(request, timeout=60) as answer:
                document: dict[str, Any] = json.loads(answer.read())
                return document
        except urllib.error.HTTPError as refused:
            raise _error(refused) from None
        except urllib.error.URLError:
            typer.echo("The local stack doesn't answer. Start it in another terminal: make run", err=True)
            raise typer.Exit(2) from None


def _error(refused: urllib.error.HTTPError) -> PhivaultError:
    try:
        problem = json.loads(refused.read())
        text = str(problem.get("detail") or problem["title"])
    except (ValueError, KeyError, AttributeError):
        text = f"The API answered {refused.code}"
    return _ERRORS.get(refused.code, Unavailable)(text)


def _step() -> int:
    return int(time.time()) // TOTP_STEP
