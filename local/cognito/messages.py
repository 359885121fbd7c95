"""Messages with a code: worded by the custom-message trigger, put into the outbox, which keeps the code alone."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Final, Literal

from local.cognito import asking, triggers
from local.cognito.asking import Told
from local.cognito.errors import CognitoError
from local.cognito.service import Answer, Service

CODE, USERNAME, LINK = "{####}", "{username}", "{##Click Here##}"
LONGEST: Final = {"sms": 140, "email": 20_000}  # characters, as the service documents them


@dataclass(frozen=True, slots=True)
class Letter:
    """``source`` is the trigger's, ``purpose`` the outbox's; ``code`` is a first password where an account was made."""

    source: str
    told: Told
    medium: Literal["sms", "email"]
    to: str = field(repr=False)
    purpose: str
    code: str = field(repr=False)


@dataclass(frozen=True, slots=True)
class Texted:
    """A challenge whose code hasn't left yet."""

    answer: Answer = field(repr=False)
    letter: Letter


def send(service: Service, letter: Letter, metadata: Mapping[str, str]) -> None:
    """Without the lock. Raises what a trigger that refuses raises: then nothing is sent."""
    named = USERNAME if letter.source == "CustomMessage_AdminCreateUser" else None
    placeholders = {"codeParameter": CODE, "linkParameter": LINK, "usernameParameter": named}
    response = asking.custom_message(service, letter.source, letter.told, placeholders, metadata)
    text = response.get("smsMessage" if letter.medium == "sms" else "emailMessage")
    # None leaves the text to Cognito. What it does with one that lacks the code isn't documented; here it is refused.
    if text is not None:
        _check(text, letter.medium, [CODE, named] if named else [CODE])
    service.outbox.send(letter.to, letter.medium, letter.purpose, letter.code)


def deliver(service: Service, outcome: Answer | Texted, metadata: Mapping[str, str]) -> Answer:
    """The answer, once its code has left; without the lock. A code that can't leave ends its challenge."""
    if not isinstance(outcome, Texted):
        return outcome
    try:
        send(service, outcome.letter, metadata)
    except CognitoError:
        with service.lock:
            service.sessions.end(outcome.answer["Session"])
        raise
    return outcome.answer


def _check(text: object, medium: str, placeholders: list[str]) -> None:
    if not isinstance(text, str) or len(text) > LONGEST[medium] or any(one not in text for one in placeholders):
        raise triggers.unrecognizable()
