"""What we remember of a user's second factors, beside the factors themselves, which the identity provider keeps.

The provider asks whoever has a password and no factor to set one up (MFA_SETUP). That is right once, for a new user.
For anybody else it would make the password alone enough, so it is remembered who ever had a factor, and whether one
sign-in, and which, may set up another (``enrolment.py``).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from phivault.identity.provider import Tokens


class Factor(StrEnum):
    """By Cognito's names."""

    SOFTWARE_TOKEN_MFA = "SOFTWARE_TOKEN_MFA"
    SMS_MFA = "SMS_MFA"


@dataclass(frozen=True, slots=True)
class Factors:
    """``enrolled``: some factor was, ever. ``phone_verified``: the number was, at sign-up, and the factors weren't lost
    since. ``recovery_codes`` are hashes (``recovery_codes.py``). ``enrolment`` is the hash of the one provider's
    session that may set up a new factor until ``enrolment_until`` (Unix seconds); empty: none."""

    enrolled: bool = False
    phone_verified: bool = False
    recovery_codes: frozenset[str] = field(default=frozenset(), repr=False)
    enrolment: str = field(default="", repr=False)
    enrolment_until: int = 0


class FactorStore(Protocol):
    """Obligations: reads see every earlier write; each write is atomic and durable once it returns; Unavailable when
    the store doesn't answer. A user without a row never had a factor."""

    def factors(self, user_id: str) -> Factors: ...

    def phone_was_verified(self, user_id: str) -> None: ...

    def enrolled(self, user_id: str) -> None:
        """The user has a factor: remembered for good. A permission to set up another is used up."""

    def allow_enrolment(self, user_id: str, session_hash: str, until: int) -> None:
        """The provider's session of this hash may set up a factor, and no session that was allowed before."""

    def move_enrolment(self, user_id: str, before: str, after: str) -> bool:
        """The permission goes on with the session that followed. False where ``before`` doesn't have it."""

    def factors_lost(self, user_id: str, *, codes: bool) -> None:
        """The phone counts no more, and with ``codes`` neither do the recovery codes."""

    def replace_recovery_codes(self, user_id: str, hashes: Collection[str]) -> None: ...

    def take_recovery_code(self, user_id: str, code_hash: str) -> bool:
        """Use a code up. False where it isn't there (any more); of two at once, one gets True."""


@dataclass(frozen=True, slots=True)
class EnrolmentUnderWay:
    """An authenticator app that a signed-in user adds. ``sealed`` holds the access token that may finish it."""

    session_id: str
    sealed: bytes = field(repr=False)


class EnrolmentStore(Protocol):
    """Obligations as for FactorStore; nothing past its expiry (Unix seconds) is found."""

    def grant(self, nonce_hash: str, user_id: str, expires: int) -> None:
        """Let one refresh by this user keep the scope for factors."""

    def granted(self, nonce_hash: str) -> str:
        """The user that this was granted to; empty where nobody, or no longer."""

    def revoke(self, nonce_hash: str) -> None:
        """An absent one is no error."""

    def begin(self, user_id: str, under_way: EnrolmentUnderWay, expires: int) -> None:
        """One at a time: what the user began before is forgotten."""

    def attempt(self, user_id: str, session_id: str, tries: int) -> EnrolmentUnderWay | None:
        """What this session began, one of its ``tries`` being spent by this call, however many call at once."""

    def finish(self, user_id: str) -> None:
        """Forget it; an absent one is no error."""


class FactorProvider(Protocol):
    """Obligations: InvalidCredentials for a wrong or used code and a dead token; Unavailable where no answer came; an
    unanswered call is never repeated; no error carries a value. ``user_id`` is one that the provider named."""

    def factors(self, user_id: str) -> tuple[frozenset[str], str]:
        """Names of the factors that sign-in may ask for, and the preferred one or nothing."""

    def prefer(self, user_id: str, factor: Factor) -> None:
        """Turn it on and ask for it first. The others stay as they are."""

    def turn_on_sms(self, user_id: str) -> None:
        """Hold the user's phone number verified, and turn the factor on."""

    def remove_all(self, user_id: str) -> None:
        """No factor is left, and no verified number that could be taken for one."""

    def refresh_for_enrolment(self, refresh_token: str, nonce: str) -> Tokens:
        """As IdentityProvider.refresh, with the nonce of a grant for the trigger before tokens."""

    def associate(self, access_token: str) -> str:
        """A new random secret (base32) for an app; it counts once ``verify`` took a code of it."""

    def verify(self, access_token: str, code: str) -> None:
        """Make the app of that secret the user's, in place of one they had."""
