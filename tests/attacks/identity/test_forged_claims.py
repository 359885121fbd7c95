"""Tokens that are genuine for something else, and claims bent on the way."""

from __future__ import annotations

from typing import Any

import pytest

from phivault.audit.event import Action
from phivault.errors import Unauthenticated
from phivault.identity.provider import Tokens
from tests.unit.identity.fakes import HOME, World, authorized

BENT: dict[str, dict[str, Any]] = {
    "id token": {"token_use": "id", "aud": "client-of-tests"},
    "another client": {"client_id": "client-of-somebody-else"},
    "another issuer": {"iss": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Evil"},
    "issuer with a tail": {"iss": "https://cognito-idp.us-east-1.amazonaws.com/us-east-1_Test/"},
    "expired": {"exp": "1"},
    "expired, printed as a date": {"exp": "Thu Jan 01 00:00:01 UTC 1970"},
    "expiry in another zone": {"exp": "Mon Sep 21 23:59:59 PDT 2099"},
    "expiry in exponents": {"exp": "1e12"},
    "expiry true": {"exp": True},
    "no scope": {"scope": ""},
    "self-service scope": {"scope": "aws.cognito.signin.user.admin"},
    "scope by prefix": {"scope": "phivault/api.read"},
    "scope by suffix": {"scope": "evil/phivault/api"},
    "scope as a list": {"scope": ["phivault/api"]},
    "scope as Java prints a list": {"scope": "[phivault/api, openid]"},
    "role as a list": {"role": ["clinician", "privacy_officer"]},
    "role as Java prints a list": {"role": "[privacy_officer]"},
    "role as a number": {"role": 1},
    "role true": {"role": True},
    "role in capitals": {"role": "CLINICIAN"},
    "role with a space": {"role": "clinician "},
    "role unknown": {"role": "root"},
    "role null": {"role": None},
    "patient without a patient": {"role": "patient"},
    "tenant of nobody": {"tenant_id": "-"},
    "another tenant": {"tenant_id": "tenant-b"},
    "tenant with a separator": {"tenant_id": "tenant-a#tenant-b"},
    "tenant as a list": {"tenant_id": ["tenant-a"]},
    "user with a separator": {"sub": "a#SESSION#b"},
    "user empty": {"sub": ""},
    "another user": {"sub": "0d9c4f0e-3c64-4d4c-9d52-1f6a5a5b8d11"},
    "another session": {"origin_jti": "0d9c4f0e-3c64-4d4c-9d52-1f6a5a5b8d11"},
    "another token": {"jti": "0d9c4f0e-3c64-4d4c-9d52-1f6a5a5b8d11"},
    "signed in tomorrow": {"auth_time": "99999999999"},
}

NAMES = {name for claims in BENT.values() for name in claims} | {"patient_id"}
# All that is ever said: which claim, never what it held.
TEXTS = {f"Sign in again: {name} is not acceptable" for name in NAMES} | {"Sign in again: no live session"}


@pytest.mark.parametrize("name", BENT)
def test_bent(world: World, tokens: Tokens, name: str) -> None:
    with pytest.raises(Unauthenticated) as refused:
        world.sessions.authenticate(authorized(tokens.access_token) | BENT[name], HOME)
    event = world.events[-1]
    assert (event.action, event.success) == (Action.SESSION_REFUSED, False)
    assert refused.value.detail in TEXTS


def test_a_later_sign_in_time_buys_no_freshness(world: World, tokens: Tokens) -> None:
    genuine = authorized(tokens.access_token)
    world.clock.time += 600
    principal = world.sessions.authenticate(genuine | {"auth_time": str(int(world.clock()))}, HOME)
    assert principal.auth_time == int(genuine["auth_time"])
