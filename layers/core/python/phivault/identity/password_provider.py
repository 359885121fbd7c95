"""Who sends codes for a forgotten password and takes the new one: the port that the Cognito adapter fills."""

from __future__ import annotations

from typing import Protocol


class PasswordProvider(Protocol):
    """Obligations: a code goes to the verified e-mail address alone, never to the number of a second factor. An unknown
    user, a disabled one, and a wrong, used or expired code all raise the same InvalidCredentials. An unanswered call
    is never repeated: a code counts once. No error carries a value."""

    def send_code(self, email: str) -> bool:
        """Send a code, good for an hour; whether one was sent, for the record alone. Raises Unavailable where the
        provider doesn't answer to anybody."""

    def reset(self, email: str, code: str, new_password: str) -> None:
        """Set a new password. Raises InvalidCredentials, TooManyRequests, InvalidInput for a password that the
        provider's policy or its history refuses, or Unavailable: then it may be set or not, which nothing may be that
        a caller can provoke (too many requests at once)."""

    def user_id(self, email: str) -> str:
        """The user of this address, "" for nobody. Raises Unavailable."""
