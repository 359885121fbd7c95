"""Who keeps passwords and factors: the port that the Cognito adapter fills."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol


class ChallengeName(StrEnum):
    """The challenges that this product answers, by their names in Cognito."""

    NEW_PASSWORD_REQUIRED = "NEW_PASSWORD_REQUIRED"
    MFA_SETUP = "MFA_SETUP"
    SMS_MFA = "SMS_MFA"
    SOFTWARE_TOKEN_MFA = "SOFTWARE_TOKEN_MFA"
    SELECT_MFA_TYPE = "SELECT_MFA_TYPE"


FACTORS = frozenset({ChallengeName.MFA_SETUP, ChallengeName.SMS_MFA, ChallengeName.SOFTWARE_TOKEN_MFA})
"""The challenges whose answer proves a second factor; tokens may follow these alone."""


@dataclass(frozen=True, slots=True)
class Challenged:
    """What must be answered next.

    ``session`` is opaque; ``user_id`` is opaque too, never an address, and empty where the provider doesn't name
    the user; ``destination`` is the masked number a code was sent to; ``choices`` are the answers that
    SELECT_MFA_TYPE takes, or the factors that MFA_SETUP can enrol.
    """

    challenge: ChallengeName
    session: str = field(repr=False)
    user_id: str = ""
    destination: str = field(default="", repr=False)
    choices: tuple[str, ...] = ()

    def shown(self) -> dict[str, Any]:
        """What a client is told."""
        hints = {"destination": self.destination, "choices": list(self.choices)}
        asked = {"challenge": self.challenge.value, "session": self.session}
        return asked | {name: value for name, value in hints.items() if value}


@dataclass(frozen=True, slots=True)
class Tokens:
    """What a full sign-in yields. ``expires_in`` is the access token's life in seconds. Prints no token."""

    access_token: str = field(repr=False)
    id_token: str = field(repr=False)
    refresh_token: str = field(repr=False)
    expires_in: int


@dataclass(frozen=True, slots=True)
class TotpSecret:
    """A shared secret (base32, RFC 4648) and the session in which its first code is to be sent."""

    secret: str = field(repr=False)
    session: str = field(repr=False)


class IdentityProvider(Protocol):
    """Obligations: an unknown user, a wrong password, a wrong, used or expired code, a session of another user
    and a dead session all raise the same InvalidCredentials, telling nothing apart. TooManyRequests where the
    provider has locked the account; AccessDenied where a rule of ours refused the user (the trigger before
    tokens); Unavailable where no answer came. An unanswered call is never repeated, since a code or a refresh
    token counts once. No error carries a value."""

    def initiate(self, email: str, password: str) -> Challenged:
        """Check the password. Tokens without a second factor are revoked and refused with AccessDenied."""

    def respond(self, challenge: ChallengeName, session: str, email: str, answer: str) -> Challenged | Tokens:
        """Answer a challenge. A session answers one challenge of one user. InvalidInput for a new password that
        the policy refuses. For MFA_SETUP the answer is the first code of the factor being enrolled."""

    def begin_totp(self, session: str) -> TotpSecret:
        """A new random secret for the user whose MFA_SETUP session this is."""

    def refresh(self, refresh_token: str) -> Tokens:
        """New tokens of the same session, a new refresh token among them; the given one is dead from then on."""

    def revoke(self, refresh_token: str) -> None:
        """End what this refresh token can do. A token that is dead already is no error."""
