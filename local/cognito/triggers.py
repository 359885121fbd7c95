"""The pre-token-generation trigger, event version 2 (developer guide, "Pre token generation Lambda trigger")."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Collection, Mapping
from typing import Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from local.cognito.errors import CognitoError
from local.cognito.pool import Pool
from local.cognito.users import User

type Trigger = Callable[[str, dict[str, Any]], dict[str, Any]]


class FunctionFailed(Exception):
    """A function raised. Its text may be shown, as Cognito shows a function's own: the name of the error's type."""


NAME = "PreTokenGeneration"
LONGEST_SECONDS = 5.0

_TIMES = {"auth_time", "exp", "iat", "nbf"}
_IDENTITY = {"acr", "amr", "at_hash", "azp", "event_id", "iss", "jti", "nonce", "origin_jti", "sub", "token_use"}
PROTECTED = frozenset(_TIMES | _IDENTITY)
PROTECTED_ACCESS = PROTECTED | {"client_id", "device_key", "scope", "username", "version"}
PROTECTED_ID = PROTECTED | {"aud", "identities"}


class _Override(BaseModel):
    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    add: dict[str, Any] | None = Field(default=None, alias="claimsToAddOrOverride")
    suppress: list[str] | None = Field(default=None, alias="claimsToSuppress")

    def apply(self, claims: Mapping[str, Any], protected: Collection[str]) -> dict[str, Any]:
        """Protected claims and Cognito's prefixes stay as they are; the rest is removed, then added."""
        suppress = {name for name in self.suppress or () if _open(name, protected)}
        kept = {name: value for name, value in claims.items() if name not in suppress}
        return kept | {name: value for name, value in (self.add or {}).items() if _open(name, protected)}


class _AccessOverride(_Override):
    scopes_add: list[str] | None = Field(default=None, alias="scopesToAdd")
    scopes_suppress: list[str] | None = Field(default=None, alias="scopesToSuppress")


class Overrides(BaseModel):
    """``claimsAndScopeOverrideDetails`` of the response."""

    model_config = ConfigDict(frozen=True, hide_input_in_errors=True)

    access: _AccessOverride | None = Field(default=None, alias="accessTokenGeneration")
    id: _Override | None = Field(default=None, alias="idTokenGeneration")

    def scopes(self, default: Collection[str]) -> list[str]:
        override = self.access or _AccessOverride()
        kept = [scope for scope in default if scope not in (override.scopes_suppress or ())]
        return [*kept, *(scope for scope in dict.fromkeys(override.scopes_add or ()) if scope not in kept)]

    def apply_to_access(self, claims: dict[str, Any], client_id: str) -> dict[str, Any]:
        """An ``aud`` may be added to an access token, but only the app client's own id."""
        applied = (self.access or _AccessOverride()).apply(claims, PROTECTED_ACCESS)
        if applied.get("aud", client_id) != client_id:
            raise unrecognizable()
        return applied

    def apply_to_id(self, claims: dict[str, Any]) -> dict[str, Any]:
        return (self.id or _Override()).apply(claims, PROTECTED_ID)


def event(pool: Pool, user: User, source: str, scopes: Collection[str], metadata: Mapping[str, str]) -> dict[str, Any]:
    request: dict[str, Any] = {
        "userAttributes": {"sub": user.sub, "cognito:user_status": user.status, **user.attributes},
        "groupConfiguration": {"groupsToOverride": [], "iamRolesToOverride": [], "preferredRole": None},
        "scopes": list(scopes),
    }
    if metadata:
        request["clientMetadata"] = dict(metadata)
    return {
        "version": "2",
        "triggerSource": source,
        "region": pool.region,
        "userPoolId": pool.id,
        "userName": user.sub,
        "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": pool.client_id},
        "request": request,
        "response": {"claimsAndScopeOverrideDetails": None},
    }


def call(trigger: Trigger, event: dict[str, Any]) -> Overrides:
    """Run the function as Lambda would: JSON in, JSON out, 5 seconds.

    Raises UserLambdaValidationException when it raises, UnexpectedLambdaException when it is too slow and
    InvalidLambdaResponseException when the answer isn't one; each means that no tokens are issued.
    """
    return _parse(invoke(trigger, NAME, event))


def invoke(trigger: Trigger, name: str, event: dict[str, Any]) -> object:
    """What the function answers, whatever it is. Raises as ``call`` does when it raises or is too slow."""
    started = time.monotonic()
    try:
        answer = trigger(name, json.loads(json.dumps(event)))
    except Exception as error:  # noqa: BLE001  # whatever the function raises is a refusal
        shown = str(error) if isinstance(error, FunctionFailed) else type(error).__name__
        message = f"{name} failed with error {shown}."
        raise CognitoError("UserLambdaValidationException", message) from None
    if time.monotonic() - started > LONGEST_SECONDS:
        raise CognitoError("UnexpectedLambdaException", f"{name} invocation failed due to timeout.")
    return answer


def _parse(answer: object) -> Overrides:
    try:
        details = json.loads(json.dumps(answer))["response"].get("claimsAndScopeOverrideDetails") or {}
        overrides = Overrides.model_validate(details, strict=True)
    except (TypeError, ValueError, KeyError, AttributeError, ValidationError):
        raise unrecognizable() from None
    added = (overrides.access.scopes_add or []) if overrides.access else []
    if any(not scope or scope.split() != [scope] or scope.startswith("aws.cognito.") for scope in added):
        raise unrecognizable()
    return overrides


def _open(name: str, protected: Collection[str]) -> bool:
    return name not in protected and not name.startswith(("cognito:", "dev:"))


def unrecognizable() -> CognitoError:
    return CognitoError("InvalidLambdaResponseException", "Unrecognizable lambda output")
