"""The pre-token-generation trigger, event version V2_0: the last gate before Cognito signs tokens.

Pure: Cognito may run a trigger twice, and a refusal is then recorded twice.
Shape: https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-token-generation.html
"""

from __future__ import annotations

import re
from collections.abc import Collection, Mapping
from typing import Any

from phivault.access.roles import Role
from phivault.audit.event import Action, AuditEvent
from phivault.audit.system import NO_TENANT, system_event
from phivault.errors import AccessDenied, PhivaultError
from phivault.identity.claims import PATIENT_ID, SCOPE, TENANT_ID

# With this scope the holder could change factors and attributes at Cognito itself, past us.
SELF_SERVICE_SCOPE = "aws.cognito.signin.user.admin"
USER_ID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}")
FACTORS = frozenset({"SOFTWARE_TOKEN_MFA", "SMS_MFA"})


def respond(event: Mapping[str, Any], enrolled: Collection[str]) -> dict[str, Any]:
    """The event with its answer. ``enrolled`` is the user's UserMFASettingList.

    Raises AccessDenied, for which Cognito refuses the tokens, where the user has no factor, no known role or no
    tenant, or the event isn't of version 2 (whose answer Cognito would not read the same way).
    """
    if str(event.get("version")) != "2":
        raise AccessDenied("The trigger answers event version V2_0 alone")
    attributes: Mapping[str, Any] = event["request"]["userAttributes"]
    if not FACTORS.intersection(enrolled) and not has_verified_phone(attributes):
        raise AccessDenied("No second factor is enrolled")
    access = {
        "claimsToAddOrOverride": _claims(attributes),
        "scopesToAdd": [SCOPE],
        "scopesToSuppress": [SELF_SERVICE_SCOPE],
    }
    return {**event, "response": {"claimsAndScopeOverrideDetails": {"accessTokenGeneration": access}}}


def refusal(event: Mapping[str, Any], error: PhivaultError, request_id: str) -> AuditEvent:
    """The audit event of tokens that weren't generated. The trigger isn't told where the request came from; only what
    has the shape of an id of ours is repeated."""
    attributes: Mapping[str, Any] = event["request"]["userAttributes"]
    refresh = event.get("triggerSource") == "TokenGeneration_RefreshTokens"
    tenant, role = attributes.get("custom:tenant_id", ""), attributes.get("custom:role", "")
    user = event.get("userName", "")
    return system_event(
        Action.TOKEN_REFRESH if refresh else Action.TOKEN_ISSUE,
        tenant=tenant if TENANT_ID.fullmatch(tenant) else NO_TENANT,
        error=error,
        request_id=request_id,
        user_id=user if USER_ID.fullmatch(user) else "",
        role=role if role in set(Role) else "",
    )


def has_verified_phone(attributes: Mapping[str, Any]) -> bool:
    """Whether Cognito can challenge by SMS without any further setting."""
    # Cognito hands every attribute to triggers as a string.
    return bool(attributes.get("phone_number")) and attributes.get("phone_number_verified") == "true"


def _claims(attributes: Mapping[str, Any]) -> dict[str, str]:
    role = attributes.get("custom:role")
    if not isinstance(role, str) or role not in set(Role):
        raise AccessDenied("The user has no known role")
    claims = {"tenant_id": _attribute(attributes, "custom:tenant_id", TENANT_ID), "role": role}
    if role == Role.PATIENT:
        claims["patient_id"] = _attribute(attributes, "custom:patient_id", PATIENT_ID)
    return claims


def _attribute(attributes: Mapping[str, Any], name: str, pattern: re.Pattern[str]) -> str:
    value = attributes.get(name)
    if not isinstance(value, str) or not pattern.fullmatch(value):
        raise AccessDenied(f"The user's {name} is missing or malformed")
    return value
