"""What administrators do to an account where passwords are kept: the port that the Cognito adapter fills."""

from __future__ import annotations

from typing import Protocol

from phivault.access.roles import Role


class UserAdmin(Protocol):
    """Obligations: each call may be repeated and ends in the same state; NotFound for a user that the provider doesn't
    know; Unavailable when it doesn't answer. No error carries a value. ``user_id`` is the provider's sub."""

    def disable(self, user_id: str) -> None:
        """No more sign-ins; the refresh tokens that are about are revoked."""

    def enable(self, user_id: str) -> None: ...

    def sign_out(self, user_id: str) -> None:
        """Revoke every token of the user, access tokens against the provider itself included."""

    def set_role(self, user_id: str, role: Role, patient_id: str | None) -> None:
        """What the tokens from now on say; without a ``patient_id`` none is kept."""
