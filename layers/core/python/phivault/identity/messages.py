"""What is sent to people: one-time codes and notices. No text names a patient, an organisation or a reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import StrEnum
from typing import Protocol


class Purpose(StrEnum):
    """Why a message leaves; it is recorded and shown, the text isn't."""

    EMAIL_CODE = "email-code"
    PHONE_CODE = "phone-code"
    ALREADY_REGISTERED = "already-registered"
    INVITATION = "invitation"
    PASSWORD_RESET = "password-reset"
    FACTOR_CHANGED = "factor-changed"
    FACTORS_LOST = "factors-lost"
    MFA_RESET_REQUESTED = "mfa-reset-requested"
    MFA_RESET_APPROVED = "mfa-reset-approved"


@dataclass(frozen=True, slots=True)
class Message:
    purpose: Purpose
    subject: str
    text: str = field(repr=False)


class Messenger(Protocol):
    """Obligations: returns once the carrier took the message, else raises Unavailable; an unanswered call is never
    repeated; no error and no log names the recipient or the text."""

    def email(self, to: str, message: Message) -> None: ...

    def sms(self, to: str, message: Message) -> None:
        """``to`` is an E.164 number."""


_CODES = {
    Purpose.EMAIL_CODE: ("Your code", "{} is your code to confirm this address. It is good for ten minutes."),
    Purpose.PHONE_CODE: ("", "{} is your code to confirm this number. It is good for ten minutes."),
    Purpose.INVITATION: (
        "You are invited",
        "You are invited to make an account. Sign up with this invitation within three days:\n\n{}\n",
    ),
}
_UNASKED = " If this wasn't you, tell your administrator at once."
_NOTICES = {
    Purpose.ALREADY_REGISTERED: (
        "You have an account",
        "Somebody, perhaps you, asked for an account with this address. You have one already: sign in with it.",
    ),
    Purpose.PASSWORD_RESET: ("Your password was changed", "Your password was changed, and all sessions ended."),
    Purpose.FACTOR_CHANGED: ("Your second factor was changed", "A second factor of your account was changed."),
    Purpose.FACTORS_LOST: (
        "Your second factors were removed",
        "Your second factors were removed for you to enrol a new one, and all sessions ended.",
    ),
    Purpose.MFA_RESET_REQUESTED: (
        "A reset of your second factors was asked for",
        "An administrator asked to reset your second factors. You can cancel it while you are signed in.",
    ),
    Purpose.MFA_RESET_APPROVED: (
        "The reset of your second factors was approved",
        "A reset of your second factors was approved and takes effect after a waiting period. You can cancel it while"
        " you are signed in.",
    ),
}


def code_message(purpose: Purpose, code: str) -> Message:
    """A message that carries a one-time code or an invitation."""
    subject, text = _CODES[purpose]
    return Message(purpose, subject, text.format(code))


def notice(purpose: Purpose) -> Message:
    """A message that carries nothing but the fact."""
    subject, text = _NOTICES[purpose]
    return Message(purpose, subject, text if purpose is Purpose.ALREADY_REGISTERED else text + _UNASKED)
