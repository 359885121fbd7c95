"""Every operation: who may call it and how it runs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from local.cognito.operations import (
    answer_challenge,
    change_user,
    create_user,
    end_sessions,
    forgot_password,
    initiate_auth,
    list_users,
    mfa_preference,
    read_user,
    refresh,
    self_service,
    sign_up,
    software_token,
)
from local.cognito.service import Answer, Params, Service


@dataclass(frozen=True, slots=True)
class Operation:
    """``signed``: needs an AWS signature. ``asks``: calls triggers, so it takes the lock itself; all others run whole
    under the lock."""

    run: Callable[[Service, Params], Answer]
    signed: bool
    asks: bool = False


OPERATIONS = {
    "AdminCreateUser": Operation(create_user.admin_create_user, signed=True, asks=True),
    "AdminDisableUser": Operation(change_user.admin_disable_user, signed=True),
    "AdminEnableUser": Operation(change_user.admin_enable_user, signed=True),
    "AdminGetUser": Operation(read_user.admin_get_user, signed=True),
    "AdminInitiateAuth": Operation(initiate_auth.admin_initiate_auth, signed=True, asks=True),
    "AdminRespondToAuthChallenge": Operation(answer_challenge.admin_respond_to_auth_challenge, signed=True, asks=True),
    "AdminSetUserMFAPreference": Operation(mfa_preference.admin_set_user_mfa_preference, signed=True),
    "AdminSetUserPassword": Operation(change_user.admin_set_user_password, signed=True),
    "AdminUpdateUserAttributes": Operation(change_user.admin_update_user_attributes, signed=True),
    "AdminUserGlobalSignOut": Operation(end_sessions.admin_user_global_sign_out, signed=True),
    "AssociateSoftwareToken": Operation(software_token.associate_software_token, signed=False),
    "ConfirmForgotPassword": Operation(forgot_password.confirm_forgot_password, signed=False, asks=True),
    "ForgotPassword": Operation(forgot_password.forgot_password, signed=False, asks=True),
    "GetTokensFromRefreshToken": Operation(refresh.get_tokens_from_refresh_token, signed=False, asks=True),
    "GetUser": Operation(read_user.get_user, signed=False),
    "GlobalSignOut": Operation(end_sessions.global_sign_out, signed=False),
    "InitiateAuth": Operation(initiate_auth.initiate_auth, signed=False, asks=True),
    "ListUsers": Operation(list_users.list_users, signed=True),
    "RespondToAuthChallenge": Operation(answer_challenge.respond_to_auth_challenge, signed=False, asks=True),
    "RevokeToken": Operation(end_sessions.revoke_token, signed=False),
    "SetUserMFAPreference": Operation(self_service.set_user_mfa_preference, signed=False),
    "SignUp": Operation(sign_up.sign_up, signed=False),
    "UpdateUserAttributes": Operation(self_service.update_user_attributes, signed=False),
    "VerifySoftwareToken": Operation(software_token.verify_software_token, signed=False),
}
