"""RevokeToken, GlobalSignOut and AdminUserGlobalSignOut."""

from __future__ import annotations

from local.cognito import bearer
from local.cognito.errors import CognitoError
from local.cognito.service import Answer, Params, Service


def revoke_token(service: Service, params: Params) -> Answer:
    """Ends the whole family of a refresh token. An unknown token is answered alike (RFC 7009 section 2.2)."""
    service.check_client(params)
    if params["Token"].count(".") == 2:  # a JWT: an access or id token can't be revoked
        raise CognitoError("UnsupportedTokenTypeException", "Unsupported token type")
    service.refresh_tokens.revoke(params["Token"])
    return {}


def global_sign_out(service: Service, params: Params) -> Answer:
    service.refresh_tokens.revoke_user(bearer.user_of(service, params["AccessToken"]).sub)
    return {}


def admin_user_global_sign_out(service: Service, params: Params) -> Answer:
    service.check_pool(params)
    service.refresh_tokens.revoke_user(service.users.get(params["Username"]).sub)
    return {}
