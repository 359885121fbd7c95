"""The users of a tenant: who they are to us, beside the account that the identity provider keeps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol

from phivault.access.principal import Personal
from phivault.access.roles import Role


class Status(StrEnum):
    """ACTIVE and SUSPENDED change into each other; OFFBOARDED is for good."""

    ACTIVE = "active"
    SUSPENDED = "suspended"
    OFFBOARDED = "offboarded"


@dataclass(frozen=True, slots=True)
class User:
    """``user_id`` is the provider's sub; ``person`` holds the e-mail address sealed under ``User/<user_id>``; times are
    Unix seconds, ``last_sign_in`` 0 for one who never did."""

    user_id: str
    tenant: str
    role: Role
    patient_id: str | None
    person: Personal = field(repr=False)
    created: int
    last_sign_in: int = 0
    status: Status = Status.ACTIVE


class DirectoryStore(Protocol):
    """Obligations: reads see every earlier write; each write is atomic; Unavailable when the store doesn't answer.

    A tenant that has an active tenant_admin keeps one: a change that would take the last raises Conflict, however many
    changes run at once.
    """

    def user(self, tenant: str, user_id: str) -> User | None: ...

    def users(self, tenant: str, *, after: str = "", limit: int = 50) -> Sequence[User]:
        """Those with an id greater than ``after``, in the order of ids."""

    def add_user(self, user: User) -> None:
        """Conflict where the id stands already."""

    def change_role(self, tenant: str, user_id: str, role: Role, patient_id: str | None) -> None:
        """NotFound for an unknown or offboarded user; Conflict as above."""

    def change_status(self, tenant: str, user_id: str, status: Status) -> None:
        """NotFound for an unknown user, Conflict where the change isn't one of Status's, or as above."""
