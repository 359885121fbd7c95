"""The custom-message trigger: what Cognito's own messages say. No text names a patient, an organisation or a reason.

The code isn't in the event: Cognito puts it, after us, where the text has the placeholder that the event names.
Shape: https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-custom-message.html
"""

from __future__ import annotations

from typing import Any, Final

from phivault.errors import AccessDenied, InvalidInput
from phivault.identity.trigger import Asked

SMS_CHARACTERS: Final = 140
CODE, USERNAME = "{####}", "{username}"
_UNASKED = " If you didn't ask for it, tell nobody and do nothing."

# Purpose as recorded, SMS text, e-mail subject and text. "" is a message that Cognito doesn't send that way here:
# codes of a second factor go to phones, a forgotten password's to the e-mail address alone.
TEXTS: Final[dict[str, tuple[str, str, str, str]]] = {
    "CustomMessage_Authentication": ("sign-in", f"{CODE} is your code to sign in. Tell it to nobody.", "", ""),
    "CustomMessage_ForgotPassword": (
        "password-reset",
        "",
        "Your code for a new password",
        f"{CODE} is your code to choose a new password. It is good for one hour." + _UNASKED,
    ),
    "CustomMessage_AdminCreateUser": (
        "first-password",
        f"User name: {USERNAME} First password: {CODE}",
        "Your account",
        f"Your account {USERNAME} was made. Sign in with this password and choose your own: {CODE}",
    ),
    **{
        f"CustomMessage_{reason}": (
            "verify",
            f"{CODE} is your code to confirm this number.",
            "Your code",
            f"{CODE} is your code to confirm this address." + _UNASKED,
        )
        for reason in ("ResendCode", "VerifyUserAttribute", "UpdateUserAttribute")
    },
}


def custom_message(asked: Asked) -> dict[str, Any]:
    """The event with its texts. Raises AccessDenied for a message that this product doesn't send (a sign-up past us),
    InvalidInput where the placeholders aren't named."""
    if asked.source not in TEXTS:
        raise AccessDenied("Not a message of ours")
    _, sms, subject, email = TEXTS[asked.source]
    put = {CODE: _placeholder(asked, "codeParameter")}
    if USERNAME in sms + email:
        put[USERNAME] = _placeholder(asked, "usernameParameter")
    # None leaves Cognito to its own text, for a message that isn't sent that way.
    return asked.answer(
        smsMessage=_put(sms, put) or None, emailSubject=subject or None, emailMessage=_put(email, put) or None
    )


def purpose(event: object) -> str:
    """What the record calls the message."""
    source = event.get("triggerSource") if isinstance(event, dict) else None
    return TEXTS[source][0] if isinstance(source, str) and source in TEXTS else "unknown"


def _placeholder(asked: Asked, name: str) -> str:
    value = asked.request.get(name)
    if not isinstance(value, str) or not value:
        raise InvalidInput(f"request.{name}: missing")
    return value


def _put(text: str, placeholders: dict[str, str]) -> str:
    for ours, cognitos in placeholders.items():
        text = text.replace(ours, cognitos)
    return text
