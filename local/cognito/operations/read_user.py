"""AdminGetUser and GetUser."""

from __future__ import annotations

from typing import Any

from local.cognito import attributes, bearer
from local.cognito.service import Answer, Params, Service
from local.cognito.users import User


def admin_get_user(service: Service, params: Params) -> Answer:
    service.check_pool(params)
    user = service.users.get(params["Username"])
    return {**described(user), **_profile(user)}


def get_user(service: Service, params: Params) -> Answer:
    user = bearer.user_of(service, params["AccessToken"])
    return {"Username": user.sub, **_profile(user)}


def described(user: User) -> dict[str, Any]:
    return {
        "Username": user.sub,
        "UserCreateDate": user.created,
        "UserLastModifiedDate": user.modified,
        "Enabled": user.enabled,
        "UserStatus": user.status,
    }


def _profile(user: User) -> dict[str, Any]:
    """UserMFASettingList holds what was switched on, not the SMS factor that a verified phone merely implies."""
    profile: dict[str, Any] = {
        "UserAttributes": attributes.listed(user.sub, user.attributes),
        "UserMFASettingList": list(user.enabled_factors),
    }
    if user.preferred:
        profile["PreferredMfaSetting"] = user.preferred
    return profile
