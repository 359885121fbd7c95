"""AdminSetUserMFAPreference."""

from __future__ import annotations

from local.cognito.errors import invalid_parameter
from local.cognito.service import Answer, Params, Service
from local.cognito.users import Factor, User

SETTINGS: dict[Factor, str] = {"SMS_MFA": "SMSMfaSettings", "SOFTWARE_TOKEN_MFA": "SoftwareTokenMfaSettings"}


def admin_set_user_mfa_preference(service: Service, params: Params) -> Answer:
    """Switch factors on and off; a factor without its settings stays as it is. All is checked before any changes."""
    service.check_pool(params)
    set_preference(service, service.users.get(params["Username"]), params)
    return {}


def set_preference(service: Service, user: User, params: Params) -> None:
    if "EmailMfaSettings" in params or "WebAuthnMfaSettings" in params:
        raise invalid_parameter("The user pool has SMS and software token MFA only.")
    enabled, preferred = _wanted(user, params)
    if "SOFTWARE_TOKEN_MFA" in enabled and user.totp is None:
        raise invalid_parameter("User has not verified software token mfa")
    if "SMS_MFA" in enabled and "phone_number" not in user.attributes:
        raise invalid_parameter("User does not have delivery config set to turn on SMS_MFA")
    user.enabled_factors, user.preferred, user.modified = enabled, preferred, service.now()


def _wanted(user: User, params: Params) -> tuple[list[Factor], Factor | None]:
    enabled: list[Factor] = []
    preferences: list[Factor] = []
    for factor, name in SETTINGS.items():
        setting = params.get(name, {})
        on = setting.get("Enabled", factor in user.enabled_factors) if name in params else None
        prefers = bool(setting.get("PreferredMfa", False))
        if prefers and not on:
            raise invalid_parameter("A preferred MFA must be enabled.")
        if on or (on is None and factor in user.enabled_factors):
            enabled.append(factor)
        if prefers:
            preferences.append(factor)
    if len(preferences) > 1:
        raise invalid_parameter("Only one MFA can be preferred.")
    kept = user.preferred if user.preferred in enabled and SETTINGS[user.preferred] not in params else None
    return enabled, preferences[0] if preferences else kept
