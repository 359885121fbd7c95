"""An authenticator app that never shows a code twice, and users whose factors are set up through the API."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pyotp

from tests.support.answers import ok

if TYPE_CHECKING:
    import httpx

    from tests.support.accounts import Account

STEP = 30


@dataclass
class App:
    secret: str
    last: int = 0

    def code(self) -> str:
        """Of the step before, this or the next one; waits where all were shown."""
        while (step := max(self.last + 1, _now() - 1)) > _now() + 1:
            time.sleep(0.5)
        self.last = step
        return self.at(step)

    def at(self, step: int) -> str:
        return pyotp.TOTP(self.secret).at(step * STEP)

    def wrong(self) -> str:
        """A code that no step near now has."""
        near = {self.at(_now() + offset) for offset in range(-3, 4)}
        return next(code for code in (f"{number:06}" for number in range(10)) if code not in near)


def set_up(account: Account, asked: dict[str, Any]) -> tuple[App, dict[str, Any]]:
    """Answer MFA_SETUP with a new app: the app, and the tokens."""
    setup = ok(account.post("/auth/mfa/totp", {"session": asked["session"]}))
    app = App(setup["secret"])
    return app, ok(account.answer({"challenge": "MFA_SETUP", "session": setup["session"]}, app.code()))


def add(client: httpx.Client, tokens: dict[str, Any]) -> App:
    """Add an app while signed in; ``tokens`` get the new refresh token."""
    begun = ok(client.post("/me/mfa/totp", json={"refresh_token": tokens["refresh_token"]}))
    tokens["refresh_token"] = begun["refresh_token"]
    return App(begun["secret"])


def _now() -> int:
    return int(time.time()) // STEP
