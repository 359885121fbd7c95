"""The post-confirmation trigger: a password was reset, by us or past us at Cognito's public endpoint.

It can't refuse any more, the new password stands. So it ends all sessions first, whatever else fails, and then records
and tells the user.
Shape: https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-post-confirmation.html
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from typing import Any

from phivault.audit.event import Action, AuditEvent, RiskLevel
from phivault.audit.recorder import Recorder
from phivault.errors import AccessDenied, IntegrityError, PhivaultError
from phivault.identity.messages import Messenger, Purpose, notice
from phivault.identity.session import Sessions
from phivault.identity.trigger import Asked, Refused, refused

RESET = "PostConfirmation_ConfirmForgotPassword"


def password_was_reset(
    asked: Asked, sessions: Sessions, recorder: Recorder, messenger: Messenger, now: Callable[[], float]
) -> dict[str, Any]:
    """The event. Raises Refused where sessions couldn't be ended or that couldn't be recorded, and for an account that
    confirmed itself, which no pool of ours lets happen."""
    if asked.source != RESET:
        _record(recorder, [asked.told(Action.ACCOUNT_CREATE, AccessDenied())])
        raise refused(AccessDenied())
    try:
        if not asked.user_id:
            raise IntegrityError("The trigger's event doesn't name a user of ours")
        ended = sessions.end_all(asked.user_id, now())
    except PhivaultError as error:
        # Sessions of before live on: nobody should learn of that from a MEDIUM line alone.
        told = asked.told(Action.PASSWORD_RESET, error)
        _record(recorder, [replace(told, risk=max(told.risk, RiskLevel.HIGH, key=list(RiskLevel).index))])
        raise refused(error) from None
    telling: dict[str, Any] = {"resource": "Message", "resource_id": Purpose.PASSWORD_RESET.value}
    reset = asked.told(Action.PASSWORD_RESET, flags=(f"sessions:ended:{ended}",))
    _record(recorder, [reset, asked.told(Action.CODE_SEND, **telling)])
    try:
        messenger.email(asked.attributes.get("email", ""), notice(Purpose.PASSWORD_RESET))
    except PhivaultError as error:
        # The reset stands and is recorded; failing here would only keep the user from signing in.
        with suppress(Refused):
            _record(recorder, [asked.told(Action.CODE_SEND, error, **telling)])
    return asked.answer()


def _record(recorder: Recorder, events: list[AuditEvent]) -> None:
    try:
        recorder.append(events)
    except PhivaultError as unrecorded:
        raise refused(unrecorded) from None
