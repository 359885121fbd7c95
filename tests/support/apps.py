"""An authenticator app that never shows a code twice, and users whose factors are set up through the API."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from local import totp
from tests.support.answers import ok

if TYPE_CHECKING:
    import httpx

    from tests.support.accounts import Account


@dataclass
class App:
    secret: str
    last: int = 0

    def code(self) -> str:
        """Of the step before, this or the next one; waits where all were shown."""
        self.last = totp.unused(self.last)
        return self.at(self.last)

    def at(self, step: int) -> str:
        return totp.code(self.secret, step)

    def wrong(self) -> str:
        """A code that no step near now has."""
        near = {self.at(totp.step() + offset) for offset in range(-3, 4)}
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
