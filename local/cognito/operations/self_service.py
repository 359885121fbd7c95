"""UpdateUserAttributes and SetUserMFAPreference: what a user may do with an access token that has the scope."""

from __future__ import annotations

from local.cognito import bearer
from local.cognito.errors import not_authorized
from local.cognito.operations.mfa_preference import set_preference
from local.cognito.service import Answer, Params, Service


def update_user_attributes(service: Service, params: Params) -> Answer:
    bearer.user_of(service, params["AccessToken"])
    raise not_authorized("A client attempted to write unauthorized attribute")  # this pool's client may write none


def set_user_mfa_preference(service: Service, params: Params) -> Answer:
    set_preference(service, bearer.user_of(service, params["AccessToken"]), params)
    return {}
