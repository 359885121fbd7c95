"""Of whom and of what permissions are: users and patients of a tenant, and the ports that know them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from phivault.access.roles import Role


@dataclass(frozen=True, slots=True)
class Member:
    """An active user of a tenant. ``patient_id`` is the patient that a user of role patient is."""

    user_id: str
    role: Role
    patient_id: str | None = None


class Users(Protocol):
    """Raises Unavailable where it doesn't answer."""

    def active(self, tenant: str, user_id: str) -> Member | None:
        """The user as they are now; None for who isn't a user of this tenant, is suspended or was offboarded."""


class Patients(Protocol):
    """Raises Unavailable where it doesn't answer."""

    def exists(self, tenant: str, patient: str) -> bool:
        """Whether the tenant has this patient, not deleted."""
