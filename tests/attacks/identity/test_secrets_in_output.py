"""Passwords, codes, sessions, tokens and addresses in logs, error texts and tracebacks: P7."""

from __future__ import annotations

import logging
import traceback
from collections.abc import Callable
from typing import Any

import boto3
import pytest
from botocore.exceptions import ClientError

from phivault.adapters import cognito
from phivault.adapters.cognito import Cognito
from phivault.errors import PhivaultError
from phivault.identity import inputs
from phivault.identity.challenge import challenge
from phivault.identity.provider import ChallengeName, Tokens
from phivault.identity.refresh import refresh
from phivault.identity.sign_in import sign_in
from tests.unit.identity.fakes import HOME, World

SECRET = "value-that-must-not-appear-anywhere"
CODES = [
    "NotAuthorizedException",
    "CodeMismatchException",
    "UserLambdaValidationException",
    "InvalidPasswordException",
    "LimitExceededException",
    "InternalErrorException",
    "ResourceNotFoundException",
    "TooManyRequestsException",
]


def _text_of(error: BaseException, caplog: pytest.LogCaptureFixture) -> str:
    return "".join(traceback.format_exception(error)) + str(error) + repr(error) + caplog.text


@pytest.mark.parametrize("code", CODES)
def test_what_the_provider_says_is_not_repeated(
    code: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG, logger="phivault")

    class Echo:
        """Answers every call with an error that repeats the request."""

        def __getattr__(self, name: str) -> Callable[..., Any]:
            def call(**parameters: Any) -> Any:
                raise ClientError({"Error": {"Code": code, "Message": repr(parameters)}}, name)

            return call

    monkeypatch.setattr(cognito, "cognito_api", lambda: Echo())
    provider = Cognito("us-east-1_Test", "client")
    calls: list[Callable[[], object]] = [
        lambda: provider.initiate(SECRET, SECRET),
        lambda: provider.respond(ChallengeName.SOFTWARE_TOKEN_MFA, SECRET, SECRET, SECRET),
        lambda: provider.respond(ChallengeName.MFA_SETUP, SECRET, SECRET, SECRET),
        lambda: provider.begin_totp(SECRET),
        lambda: provider.refresh(SECRET),
    ]
    for call in calls:
        with pytest.raises(PhivaultError) as refused:
            call()
        assert SECRET not in _text_of(refused.value, caplog)


def test_what_botocore_says_of_a_bad_parameter_is_not_repeated(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    api: Any = boto3.client("cognito-idp", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    monkeypatch.setattr(cognito, "cognito_api", lambda: api)
    with pytest.raises(PhivaultError) as refused:
        Cognito("us-east-1_Test", "client").initiate([SECRET], SECRET)  # type: ignore[arg-type]  # the attack
    assert SECRET not in _text_of(refused.value, caplog)


def test_no_failure_of_a_verb_tells_what_it_was_given(
    world: World, tokens: Tokens, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    challenged = sign_in(world.identity, world.credentials(), HOME)
    wrong = f"{(int(world.person.code) + 1) % 10**6:06}"
    attempts: list[Callable[[], object]] = [
        lambda: sign_in(world.identity, world.credentials(password=SECRET), HOME),
        lambda: challenge(world.identity, world.answer(challenged, wrong), HOME),
        lambda: refresh(world.identity, inputs.Refresh(refresh_token=SECRET), HOME),
    ]
    hidden = (SECRET, wrong, challenged.session, world.person.email, HOME.ip, HOME.user_agent)
    for down in (False, True):
        world.events_store.down = down
        for attempt in attempts:
            with pytest.raises(PhivaultError) as refused:
                attempt()
            assert not [text for text in hidden if text in _text_of(refused.value, caplog)]


def test_nothing_secret_is_in_the_audit_log(world: World, tokens: Tokens) -> None:
    log = b"".join(world.events_store.objects.values()).decode()
    person = world.person
    hidden = (person.email, person.password, person.code, tokens.access_token, tokens.refresh_token, HOME.ip)
    assert not [text for text in hidden if text in log]
