"""Making accounts at the identity provider: the port that the Cognito adapter fills."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Protocol

from phivault.access.roles import Role
from phivault.identity.contact import Contact


@dataclass(frozen=True, slots=True)
class NewAccount:
    """``sms`` says that the phone is to be the second factor; it is verified in either case, as the address is."""

    tenant: str
    role: Role
    patient_id: str | None
    contact: Contact = field(repr=False)
    sms: bool


class Accounts(Protocol):
    """Obligations: an account without a password of its user's can't be signed in to. AccessDenied where a trigger of
    ours refuses; Unavailable where no answer came. No error carries a value."""

    def exists(self, email: str) -> bool:
        """Whether a finished account has this address. It takes as long when none has."""

    def make(self, account: NewAccount) -> str:
        """An account that nobody can sign in to yet; its user id, the provider's sub. Conflict where the address has
        one, but for an unfinished one of the same tenant and role that a broken sign-up left behind: that one is taken
        up, and its patient and number are those of ``account``. It may have been for another patient: whoever sent two
        invitations meant the second."""

    def set_password(self, user_id: str, password: str) -> None:
        """Finish the account. InvalidInput for a password that the provider's policy refuses."""
