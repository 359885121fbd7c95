"""Users of the pool: found by sub or by e-mail address in any case."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Literal

from local.cognito.errors import CognitoError
from local.cognito.lockout import Lock
from local.cognito.passwords import StoredPassword
from local.cognito.totp import Totp

type Factor = Literal["SMS_MFA", "SOFTWARE_TOKEN_MFA"]


@dataclass(slots=True)
class User:
    """``username`` is the sub. ``totp`` is a verified authenticator, ``pending_totp`` one that a signed-in user
    is enrolling; ``enabled_factors`` what the user or an administrator switched on."""

    sub: str
    attributes: dict[str, str] = field(repr=False)
    password: StoredPassword = field(repr=False)
    created: float
    modified: float
    temporary_until: float | None
    enabled: bool = True
    totp: Totp | None = field(default=None, repr=False)
    pending_totp: Totp | None = field(default=None, repr=False)
    enabled_factors: list[Factor] = field(default_factory=list)
    preferred: Factor | None = None
    lock: Lock = field(default_factory=Lock)

    @property
    def status(self) -> str:
        return "CONFIRMED" if self.temporary_until is None else "FORCE_CHANGE_PASSWORD"

    @property
    def phone_verified(self) -> bool:
        return "phone_number" in self.attributes and self.attributes.get("phone_number_verified") == "true"

    def factors(self) -> list[Factor]:
        """What the user can sign in with now. Without any choice made, a verified phone counts as SMS."""
        usable: list[Factor] = []
        if self.phone_verified and ("SMS_MFA" in self.enabled_factors or not self.enabled_factors):
            usable.append("SMS_MFA")
        if self.totp and "SOFTWARE_TOKEN_MFA" in self.enabled_factors:
            usable.append("SOFTWARE_TOKEN_MFA")
        return usable

    def enrol(self, totp: Totp) -> None:
        """Take a verified authenticator. The first factor becomes the preferred one."""
        self.totp, self.pending_totp = totp, None
        if "SOFTWARE_TOKEN_MFA" not in self.enabled_factors:
            self.enabled_factors.append("SOFTWARE_TOKEN_MFA")
        self.preferred = self.preferred or "SOFTWARE_TOKEN_MFA"


class Users:
    def __init__(self) -> None:
        self._by_sub: dict[str, User] = {}
        self._by_email: dict[str, User] = {}

    def __iter__(self) -> Iterator[User]:
        """In the order of creation."""
        return iter(self._by_sub.values())

    def find(self, name: str) -> User | None:
        return self._by_sub.get(name) or self._by_email.get(name.lower())

    def get(self, name: str) -> User:
        """For signed and session-bound calls only: raises UserNotFoundException."""
        user = self.find(name)
        if user is None:
            raise CognitoError("UserNotFoundException", "User does not exist.")
        return user

    def add(self, user: User) -> None:
        email = user.attributes["email"].lower()
        if email in self._by_email:
            raise CognitoError("UsernameExistsException", "An account with the given email already exists.")
        self._by_sub[user.sub] = self._by_email[email] = user

    def rename(self, user: User, email: str) -> None:
        """Move a user to another e-mail address: raises AliasExistsException."""
        if self._by_email.get(email.lower(), user) is not user:
            raise CognitoError("AliasExistsException", "An account with the given email already exists.")
        del self._by_email[user.attributes["email"].lower()]
        self._by_email[email.lower()] = user
