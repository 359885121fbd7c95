"""Issues tokens: the trigger runs first and outside the lock, then everything is checked again."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from local.cognito import asking, triggers
from local.cognito.asking import Told
from local.cognito.errors import not_authorized
from local.cognito.refresh_tokens import Family
from local.cognito.service import Answer, Service
from local.cognito.tokens import DEFAULT_SCOPES
from local.cognito.triggers import Overrides
from local.cognito.users import User

REFRESH = "TokenGeneration_RefreshTokens"


@dataclass(frozen=True, slots=True)
class Grant:
    """A sign-in that met every challenge. ``source`` is the triggerSource."""

    sub: str
    source: str
    metadata: Mapping[str, str] = field(default_factory=dict)


def sign_in(service: Service, grant: Grant) -> Answer:
    with service.lock:
        told = Told.of(enabled_user(service, grant.sub))
    asking.post_authentication(service, told, grant.metadata)
    overrides = _ask_trigger(service, grant)
    with service.lock:
        user = enabled_user(service, grant.sub)
        family, token = service.refresh_tokens.start(user.sub)
        return _result(service, user, family, token, overrides)


def refresh(service: Service, token: str, metadata: Mapping[str, str]) -> Answer:
    with service.lock:
        family = service.refresh_tokens.claim(token)
    try:
        overrides = _ask_trigger(service, Grant(family.sub, REFRESH, metadata))
        with service.lock:
            user = enabled_user(service, family.sub)
            following = service.refresh_tokens.rotate(family)
            return _result(service, user, family, following, overrides)
    except Exception:
        with service.lock:
            service.refresh_tokens.put_back(family, token)
        raise


def enabled_user(service: Service, sub: str) -> User:
    user = service.users.get(sub)
    if not user.enabled:
        raise not_authorized("User is disabled.")
    return user


def _ask_trigger(service: Service, grant: Grant) -> Overrides:
    with service.lock:
        user = enabled_user(service, grant.sub)
        event = triggers.event(service.pool, user, grant.source, DEFAULT_SCOPES, grant.metadata)
    return triggers.call(service.trigger, event)


def _result(service: Service, user: User, family: Family, refresh_token: str, overrides: Overrides) -> Answer:
    access, identity = service.tokens.mint(user, family, overrides)
    return {
        "ChallengeParameters": {},
        "AuthenticationResult": {
            "AccessToken": access,
            "IdToken": identity,
            "RefreshToken": refresh_token,
            "ExpiresIn": service.pool.token_seconds,
            "TokenType": "Bearer",
        },
    }
