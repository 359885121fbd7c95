"""The triggers around an account, a sign-in and a message (developer guide, "Customizing user pool workflows with
Lambda triggers"). A refusal is an error to whoever called the operation; none is asked while the service is locked."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from local.cognito import triggers
from local.cognito.service import Service
from local.cognito.users import User

ADMINISTRATOR = "CLIENT_ID_NOT_APPLICABLE"


@dataclass(frozen=True, slots=True)
class Told:
    """What a trigger hears of a user, as it was a moment ago."""

    name: str
    attributes: Mapping[str, str] = field(repr=False)

    @classmethod
    def of(cls, user: User) -> Self:
        return cls(user.sub, {"sub": user.sub, "cognito:user_status": user.status, **user.attributes})


def pre_sign_up(
    service: Service, told: Told, validation: Sequence[Mapping[str, str]], metadata: Mapping[str, str]
) -> None:
    """Asked before AdminCreateUser makes the user."""
    data = {item["Name"]: item.get("Value", "") for item in validation} or None
    response = dict.fromkeys(("autoConfirmUser", "autoVerifyEmail", "autoVerifyPhone"), False)
    request = {"userAttributes": dict(told.attributes), "validationData": data, **_metadata(metadata)}
    _ask(service, "PreSignUp", "PreSignUp_AdminCreateUser", told.name, request, response, client=ADMINISTRATOR)


def pre_authentication(service: Service, name: str, told: Told | None, metadata: Mapping[str, str]) -> None:
    """Asked before a password is checked, for unknown users too: the client hides who exists. What Cognito calls those
    isn't documented; here it is the name that was given."""
    known = dict(told.attributes) if told else {}
    request = {"userAttributes": known, "validationData": dict(metadata) or None, "userNotFound": told is None}
    _ask(service, "PreAuthentication", "PreAuthentication_Authentication", told.name if told else name, request)


def post_authentication(service: Service, told: Told, metadata: Mapping[str, str]) -> None:
    """Asked after the last challenge and before the trigger of the tokens. The pool remembers no devices."""
    request = {"userAttributes": dict(told.attributes), "newDeviceUsed": False, **_metadata(metadata)}
    _ask(service, "PostAuthentication", "PostAuthentication_Authentication", told.name, request)


def post_confirmation(service: Service, told: Told, metadata: Mapping[str, str]) -> None:
    """Asked after a forgotten password was replaced. A refusal undoes nothing."""
    request = {"userAttributes": dict(told.attributes), **_metadata(metadata)}
    _ask(service, "PostConfirmation", "PostConfirmation_ConfirmForgotPassword", told.name, request)


def custom_message(
    service: Service, source: str, told: Told, placeholders: Mapping[str, str | None], metadata: Mapping[str, str]
) -> dict[str, Any]:
    """The texts, before a message leaves."""
    request = {"userAttributes": dict(told.attributes), **placeholders, **_metadata(metadata)}
    response = dict.fromkeys(("smsMessage", "emailMessage", "emailSubject"))
    return _ask(service, "CustomMessage", source, told.name, request, response)


def _ask(
    service: Service,
    name: str,
    source: str,
    user: str,
    request: Mapping[str, Any],
    response: Mapping[str, Any] | None = None,
    *,
    client: str = "",
) -> dict[str, Any]:
    event = {
        "version": "1",
        "triggerSource": source,
        "region": service.pool.region,
        "userPoolId": service.pool.id,
        "userName": user,
        "callerContext": {
            "awsSdkVersion": "aws-sdk-unknown-unknown",
            "clientId": client or service.pool.client_id,
        },
        "request": dict(request),
        "response": dict(response or {}),
    }
    answer = triggers.invoke(service.trigger, name, event)
    try:
        told = json.loads(json.dumps(answer))["response"]
    except (TypeError, ValueError, KeyError):
        raise triggers.unrecognizable() from None
    if not isinstance(told, dict):
        raise triggers.unrecognizable()
    return told


def _metadata(metadata: Mapping[str, str]) -> dict[str, dict[str, str]]:
    return {"clientMetadata": dict(metadata)} if metadata else {}
