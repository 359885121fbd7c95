"""A provider that hands out tokens for a password alone (MFA not required, a remembered device): P6."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from phivault.adapters import cognito
from phivault.adapters.cognito import Cognito
from phivault.audit.event import Action, RiskLevel
from phivault.errors import AccessDenied
from phivault.identity import inputs
from phivault.identity.challenge import challenge
from phivault.identity.provider import ChallengeName
from phivault.identity.sign_in import sign_in
from tests.unit.identity.fakes import HOME, World

ISSUED = {
    "AuthenticationResult": {
        "AccessToken": "access.token.leaked",
        "IdToken": "id.token.leaked",
        "RefreshToken": "refresh-token-leaked",
        "ExpiresIn": 900,
        "TokenType": "Bearer",
    }
}


@pytest.fixture
def stubbed(monkeypatch: pytest.MonkeyPatch) -> Stubber:
    api: Any = boto3.client(
        "cognito-idp", region_name="us-east-1", aws_access_key_id="test", aws_secret_access_key="test"
    )
    monkeypatch.setattr(cognito, "cognito_api", lambda: api)
    return Stubber(api)


def _through_the_adapter(world: World) -> World:
    provider: Any = Cognito("us-east-1_Test", "client-of-tests")
    world.identity = replace(world.identity, provider=provider)
    return world


def test_the_tokens_are_revoked_and_never_answered(world: World, stubbed: Stubber) -> None:
    stubbed.add_response("admin_initiate_auth", ISSUED)
    stubbed.add_response("revoke_token", {}, {"Token": "refresh-token-leaked", "ClientId": "client-of-tests"})
    with stubbed, pytest.raises(AccessDenied) as refused:
        sign_in(_through_the_adapter(world).identity, world.credentials(), HOME)
    stubbed.assert_no_pending_responses()
    assert "leaked" not in repr(refused.value)
    (event,) = world.events
    assert (event.action, event.success, event.risk) == (Action.SIGN_IN, False, RiskLevel.HIGH)
    assert world.state.sessions == {}


def test_they_are_refused_even_where_revoking_fails(world: World, stubbed: Stubber) -> None:
    stubbed.add_response("admin_initiate_auth", ISSUED)
    stubbed.add_client_error("revoke_token", "InternalErrorException", http_status_code=500)
    with stubbed, pytest.raises(AccessDenied):
        sign_in(_through_the_adapter(world).identity, world.credentials(), HOME)


def test_tokens_for_a_new_password_are_revoked_and_open_no_session(world: World) -> None:
    world.person.challenge = ChallengeName.NEW_PASSWORD_REQUIRED
    world.provider.factorless = True
    asked = sign_in(world.identity, world.credentials(), HOME)
    body = inputs.Challenge(
        challenge=asked.challenge, session=asked.session, email=world.person.email, new_password="a-new-Passw0rd!"
    )
    with pytest.raises(AccessDenied):
        challenge(world.identity, body, HOME)
    assert len(world.provider.revoked) == 1
    assert not world.state.sessions
    assert not world.events[-1].success
