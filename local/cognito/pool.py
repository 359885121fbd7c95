"""What a deployed pool and its one app client would be configured with."""

from __future__ import annotations

from dataclasses import dataclass, field

# SRP and custom flows aren't built, so they can't be enabled by mistake.
KNOWN_FLOWS = frozenset({"ADMIN_USER_PASSWORD_AUTH", "USER_PASSWORD_AUTH"})


@dataclass(frozen=True, slots=True)
class PasswordPolicy:
    """Upper, lower, digit and symbol are always required. ``history`` counts the current password too."""

    minimum_length: int = 12
    history: int = 5
    temporary_days: int = 7


@dataclass(frozen=True, slots=True)
class Pool:
    """MFA is required, users are created by administrators only, refresh tokens rotate without a grace period.

    ``endpoint`` is where clients reach this service, without a trailing slash; the issuer of tokens is
    ``{endpoint}/{id}``. Times are in seconds. The client has no secret and may write no attribute.
    """

    id: str
    client_id: str
    endpoint: str
    region: str = "us-east-1"
    auth_flows: frozenset[str] = frozenset({"ADMIN_USER_PASSWORD_AUTH"})
    password_policy: PasswordPolicy = field(default_factory=PasswordPolicy)
    custom_attributes: frozenset[str] = frozenset({"custom:tenant_id", "custom:role", "custom:patient_id"})
    session_seconds: int = 180
    token_seconds: int = 900
    refresh_seconds: int = 12 * 3600

    def __post_init__(self) -> None:
        if not self.auth_flows <= KNOWN_FLOWS:
            raise ValueError("auth_flows: a flow is not supported by the local Cognito")

    @property
    def issuer(self) -> str:
        return f"{self.endpoint}/{self.id}"
