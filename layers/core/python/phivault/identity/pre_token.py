"""The pre-token-generation trigger, event version V2_0: the last gate before Cognito signs tokens.

Pure: Cognito may run a trigger twice, and a refusal is then recorded twice.

One kind of refresh keeps Cognito's own scope, so that a function of ours can set up an authenticator app for a
signed-in user (``elevate.py``): it carries a nonce that was granted to this user. The nonce is looked up, not taken:
Cognito asks up to three times where an answer is late, and each run must give the same one. Whoever granted it takes it
back once Cognito has answered, so it serves that one call; beside it a call would need the refresh token which that one
is using up. A nonce that isn't granted is nobody's mistake: there are no tokens for it, and that is recorded.
Shape: https://docs.aws.amazon.com/cognito/latest/developerguide/user-pool-lambda-pre-token-generation.html
"""

from __future__ import annotations

import hashlib
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
REFRESH = "TokenGeneration_RefreshTokens"
FACTORS = frozenset({"SOFTWARE_TOKEN_MFA", "SMS_MFA"})


def hash_of_nonce(nonce: str) -> str:
    return hashlib.sha256(nonce.encode()).hexdigest()


def nonce_of(event: Mapping[str, Any]) -> str:
    """What the caller says the scope was granted to; empty where this isn't asked for, and in every sign-in."""
    if event.get("triggerSource") != REFRESH:
        return ""
    metadata = event["request"].get("clientMetadata") or {}
    return str(metadata.get("nonce", ""))


def require_granted(event: Mapping[str, Any], granted: str) -> None:
    """Raises AccessDenied unless ``granted``, the user whom the nonce was granted to, is who the tokens are for."""
    if not granted or granted != event.get("userName"):
        raise AccessDenied("The nonce was never granted to this user, or it is over")


def respond(event: Mapping[str, Any], enrolled: Collection[str], *, elevated: bool = False) -> dict[str, Any]:
    """The event with its answer. ``enrolled`` is the user's UserMFASettingList; ``elevated`` leaves Cognito's own scope
    in the access token and gives it nothing that our API takes.

    Raises AccessDenied, for which Cognito refuses the tokens, where the user has no factor, no known role or no
    tenant, or the event isn't of version 2 (whose answer Cognito would not read the same way).
    """
    if str(event.get("version")) != "2":
        raise AccessDenied("The trigger answers event version V2_0 alone")
    attributes: Mapping[str, Any] = event["request"]["userAttributes"]
    if not FACTORS.intersection(enrolled) and not has_verified_phone(attributes):
        raise AccessDenied("No second factor is enrolled")
    claims = _claims(attributes)
    access: dict[str, Any] = {
        "claimsToAddOrOverride": {} if elevated else claims,
        "scopesToAdd": [] if elevated else [SCOPE],
        "scopesToSuppress": [] if elevated else [SELF_SERVICE_SCOPE],
    }
    return {**event, "response": {"claimsAndScopeOverrideDetails": {"accessTokenGeneration": access}}}


def refusal(event: Mapping[str, Any], error: PhivaultError, request_id: str) -> AuditEvent:
    """The audit event of tokens that weren't generated. The trigger isn't told where the request came from; only what
    has the shape of an id of ours is repeated."""
    attributes: Mapping[str, Any] = event["request"]["userAttributes"]
    refresh = event.get("triggerSource") == REFRESH
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
