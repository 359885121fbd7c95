"""Who an access token speaks for, in the operations that a user authorizes."""

from __future__ import annotations

from local.cognito.errors import not_authorized
from local.cognito.issue import enabled_user
from local.cognito.service import Service
from local.cognito.tokens import SELF_SERVICE_SCOPE
from local.cognito.users import User


def user_of(service: Service, access_token: str) -> User:
    """Raises NotAuthorizedException for a token that is not ours, expired, revoked, or without the scope
    aws.cognito.signin.user.admin."""
    claims = service.tokens.read_access(access_token)
    if not service.refresh_tokens.alive(claims["origin_jti"]):
        raise not_authorized("Access Token has been revoked")
    if SELF_SERVICE_SCOPE not in claims.get("scope", "").split():
        raise not_authorized("Access Token does not have required scopes")
    return enabled_user(service, claims["sub"])
