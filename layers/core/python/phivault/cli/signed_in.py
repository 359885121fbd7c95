"""Whom commands act as at the API: a seeded user of the local stack where one is ready, else who ran login."""

from __future__ import annotations

import time
from typing import Any, Final

from phivault.cli.api import Api
from phivault.cli.local_stack import facts, found
from phivault.cli.session import Session, sessions
from phivault.errors import InvalidCredentials, InvalidInput

TOTP_STEP: Final = 30
_ATTEMPTS: Final = 3


def signed_in(role: str = "", tenant: str = "", *, otherwise: str = "clinician") -> Api:
    """``role`` and ``tenant`` name a user of the local stack, ``otherwise`` the role where none is named; a session of
    ``phivault login`` is its owner's alone. Raises InvalidInput, InvalidCredentials or Unavailable."""
    if found() is not None:
        return _seeded(role or otherwise, tenant)
    if role or tenant:
        facts()  # says that no local stack is ready
    return own_session()[0]


def own_session() -> tuple[Api, str]:
    """The session of ``phivault login``, with the refresh token that ends it."""
    api = Api(sessions().read().api)
    api.token, refresh_token = _renewed(api)
    api.renew = lambda: _renewed(api)[0]
    return api, refresh_token


def _renewed(api: Api) -> tuple[str, str]:
    """A new access token, and the new refresh token. That counts once: nobody else may use it meanwhile, and the next
    one is kept before anything is done with what came beside it."""
    with sessions().locked() as file:
        session = file.read()
        if session.api != api.base_url:
            raise InvalidCredentials("Somebody signed in elsewhere meanwhile: phivault login")
        try:
            tokens = Api(session.api).call("POST", "/v1/auth/refresh", {"refresh_token": session.refresh_token})
        except InvalidCredentials:
            raise InvalidCredentials("The session is over: phivault login") from None
        file.write(Session(session.api, str(tokens["refresh_token"])))
    return str(tokens["access_token"]), str(tokens["refresh_token"])


def _seeded(role: str, tenant: str) -> Api:
    """As the seeded user of that role, of the first tenant or of ``tenant``. A code counts once: where the demo or
    another terminal has used it, this waits for the next. Raises InvalidInput for a role that isn't there."""
    stack = facts()
    users = stack["tenants"].get(tenant or next(iter(stack["tenants"])), {}).get("users", {})
    if role not in users:
        raise InvalidInput("The local stack has no such user; roles: " + (", ".join(users) or "none"))
    tokens = _by_code(stack["base_url"], users[role])
    api = Api(stack["base_url"], tokens["access_token"])

    def renewed() -> str:
        nonlocal tokens
        try:
            tokens = Api(api.base_url).call("POST", "/v1/auth/refresh", {"refresh_token": tokens["refresh_token"]})
        except InvalidCredentials:  # idle for too long, or too old
            tokens = _by_code(api.base_url, users[role])
        return str(tokens["access_token"])

    api.renew = renewed
    return api


def _by_code(base_url: str, user: dict[str, str]) -> dict[str, Any]:
    import pyotp  # for the local stack alone

    anyone, codes, step = Api(base_url), pyotp.TOTP(user["totp_secret"]), _step()
    for _ in range(_ATTEMPTS):
        while step > _step() + 1:
            time.sleep(0.5)
        try:
            return _tokens(anyone, user, codes.at(step * TOTP_STEP))
        except InvalidCredentials:
            step += 1
    raise InvalidCredentials("The codes of this user were all used up by others")


def _tokens(anyone: Api, user: dict[str, str], code: str) -> dict[str, Any]:
    asked = anyone.call("POST", "/v1/auth/sign-in", {"email": user["email"], "password": user["password"]})
    answer = {name: asked[name] for name in ("challenge", "session")} | {"email": user["email"], "code": code}
    return anyone.call("POST", "/v1/auth/challenge", answer)


def _step() -> int:
    return int(time.time()) // TOTP_STEP
