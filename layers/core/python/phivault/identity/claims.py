"""The claims of an access token: checked once more behind the authorizer (RFC 9068 section 4, RFC 8725).

The signature was verified by API Gateway, which hands claims on as strings. Every claim used here must be
exactly that: a list or number where a name belongs is a refusal, never a conversion.
"""

from __future__ import annotations

import base64
import binascii
import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime

from phivault.access.roles import Role
from phivault.errors import Unauthenticated, Unavailable

SCOPE = "phivault/api"
OPAQUE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,99}")
TENANT_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9-]{0,63}")  # never "-", which stands for no tenant
PATIENT_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")  # FHIR R4 datatype id
SECONDS = re.compile(r"[0-9]{1,12}")
_CLOCK_SKEW = 60


@dataclass(frozen=True, slots=True)
class TokenRules:
    """Whose tokens count: the pool's issuer URL and the app client's id."""

    issuer: str
    client_id: str


@dataclass(frozen=True, slots=True)
class Claims:
    """``session_id`` is origin_jti, stable across refresh; ``token_id`` is jti. Times are Unix seconds."""

    user_id: str
    session_id: str
    token_id: str
    tenant: str
    role: Role
    patient_id: str | None
    auth_time: int
    expires: int


def parse(raw: Mapping[str, object], rules: TokenRules, now: float) -> Claims:
    """The checked claims. Raises Unauthenticated; the text names the claim alone."""
    _require(rules.issuer != "" and raw.get("iss") == rules.issuer, "iss")
    _require(rules.client_id != "" and raw.get("client_id") == rules.client_id, "client_id")
    _require(raw.get("token_use") == "access", "token_use")
    _require(SCOPE in _text(raw, "scope").split(" "), "scope")
    expires, auth_time = _seconds(raw, "exp"), _seconds(raw, "auth_time")
    _require(expires > now, "exp")
    _require(auth_time <= now + _CLOCK_SKEW, "auth_time")
    role = _role(raw)
    return Claims(
        user_id=_matching(raw, "sub", OPAQUE_ID),
        session_id=_matching(raw, "origin_jti", OPAQUE_ID),
        token_id=_matching(raw, "jti", OPAQUE_ID),
        tenant=_matching(raw, "tenant_id", TENANT_ID),
        role=role,
        patient_id=_matching(raw, "patient_id", PATIENT_ID) if role is Role.PATIENT else None,
        auth_time=auth_time,
        expires=expires,
    )


def read_own(access_token: str, rules: TokenRules, now: float) -> Claims:
    """The claims of a token that the provider just gave us. Raises Unavailable where they break our rules.

    The signature isn't checked here on purpose: the token came from the provider over our own authenticated
    connection (TLS, in AWS also IAM), and every later use of it passes the authorizer's check.
    """
    try:
        return parse(read_payload(access_token), rules, now)
    except Unauthenticated as error:
        raise Unavailable("The identity provider sent an unusable token: " + error.detail) from None


def read_payload(access_token: str) -> dict[str, object]:
    """The unchecked claims of a token that the provider just gave us. Raises Unavailable where it can't be read."""
    try:
        payload = access_token.split(".")[1]
        raw = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    except (IndexError, binascii.Error, ValueError):
        raise Unavailable("The identity provider sent a token that can't be read") from None
    return raw if isinstance(raw, dict) else {}


def _require(holds: bool, claim: str) -> None:
    if not holds:
        raise Unauthenticated(f"Sign in again: {claim} is not acceptable")


def _text(raw: Mapping[str, object], claim: str) -> str:
    value = raw.get(claim)
    if not isinstance(value, str):
        raise Unauthenticated(f"Sign in again: {claim} is not acceptable")
    return value


def _matching(raw: Mapping[str, object], claim: str, pattern: re.Pattern[str]) -> str:
    value = _text(raw, claim)
    _require(pattern.fullmatch(value) is not None, claim)
    return value


def _role(raw: Mapping[str, object]) -> Role:
    value = _text(raw, "role")
    _require(value in set(Role), "role")
    return Role(value)


def _seconds(raw: Mapping[str, object], claim: str) -> int:
    value = raw.get(claim)
    if isinstance(value, int) and not isinstance(value, bool):
        return value
    text = _text(raw, claim)
    return int(text) if SECONDS.fullmatch(text) else _java_date(text, claim)


def _java_date(text: str, claim: str) -> int:
    # A REST API's Cognito authorizer writes exp and iat as java.util.Date prints: "Sun Nov 22 00:15:00 UTC 2026".
    try:
        return int(datetime.strptime(text, "%a %b %d %H:%M:%S UTC %Y").replace(tzinfo=UTC).timestamp())
    except ValueError:
        raise Unauthenticated(f"Sign in again: {claim} is not acceptable") from None
