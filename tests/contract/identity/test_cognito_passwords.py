"""CognitoPasswords keeps PasswordProvider's contract on a Cognito that checks."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest

from phivault.adapters.aws import client
from phivault.adapters.cognito_passwords import UNSENT, CognitoPasswords
from phivault.errors import InvalidCredentials, InvalidInput, PhivaultError, TooManyRequests, Unavailable
from tests.contract.identity.conftest import CLIENT_ID, POOL_ID, Stack, User

if TYPE_CHECKING:
    from botocore.stub import Stubber

NOBODY = "nobody@example.test"


@pytest.fixture
def passwords() -> CognitoPasswords:
    return CognitoPasswords(POOL_ID, CLIENT_ID)


@pytest.fixture
def user(stack: Stack) -> User:
    phone = f"+1555{secrets.randbelow(10**7):07}"
    return stack.user(email_verified="true", phone_number=phone, phone_number_verified="true")


def new_password() -> str:
    return secrets.token_urlsafe(16) + "aA1!"


def mailed(stack: Stack, user: User) -> str:
    return stack.pooled.outbox.messages(user.email)[-1]["code"]


def test_a_code_goes_to_the_address_and_sets_a_password(stack: Stack, passwords: CognitoPasswords, user: User) -> None:
    assert passwords.send_code(user.email)
    assert stack.pooled.outbox.messages(user.phone) == []
    new = new_password()
    passwords.reset(user.email, mailed(stack, user), new)
    assert stack.provider.initiate(user.email, new).session
    with pytest.raises(InvalidCredentials):
        stack.provider.initiate(user.email, user.password)


def test_a_user_is_named_and_nobody_is_not(passwords: CognitoPasswords, user: User) -> None:
    assert passwords.user_id(user.email) == user.sub
    assert passwords.user_id(NOBODY) == ""


def test_nothing_told_of_who_may_not_have_a_code(stack: Stack, passwords: CognitoPasswords, user: User) -> None:
    api: Any = client("cognito-idp")
    unverified, temporary = stack.user(), stack.user(False, email_verified="true")
    api.admin_disable_user(UserPoolId=POOL_ID, Username=user.email)
    for one in (unverified, temporary, user):
        assert passwords.send_code(one.email) is False
        assert stack.pooled.outbox.messages(one.email) == []


def test_one_error_for_every_wrong_code(stack: Stack, passwords: CognitoPasswords, user: User) -> None:
    passwords.send_code(user.email)
    code = mailed(stack, user)
    wrong = f"{(int(code) + 1) % 10**6:06}"
    disabled = stack.user(email_verified="true")
    client("cognito-idp").admin_disable_user(UserPoolId=POOL_ID, Username=disabled.email)
    raised = []
    for email, given in ((user.email, wrong), (NOBODY, code), (disabled.email, code), (stack.user().email, code)):
        with pytest.raises(PhivaultError) as caught:
            passwords.reset(email, given, new_password())
        raised.append((type(caught.value), caught.value.detail))
    assert set(raised) == {(InvalidCredentials, "")}
    passwords.reset(user.email, code, new_password())
    with pytest.raises(InvalidCredentials):
        passwords.reset(user.email, code, new_password())


def test_tries_end(passwords: CognitoPasswords, user: User) -> None:
    passwords.send_code(user.email)
    for _ in range(5):
        with pytest.raises(InvalidCredentials):
            passwords.reset(user.email, "no-digits", new_password())
    with pytest.raises(TooManyRequests):
        passwords.reset(user.email, "no-digits", new_password())


def test_a_password_that_is_refused_is_told_and_not_repeated(
    stack: Stack, passwords: CognitoPasswords, user: User
) -> None:
    passwords.send_code(user.email)
    for weak in ("tooshort", user.password):
        with pytest.raises(InvalidInput) as caught:
            passwords.reset(user.email, mailed(stack, user), weak)
        assert weak not in str(caught.value)


@pytest.fixture
def stubbed(monkeypatch: pytest.MonkeyPatch) -> Stubber:
    import boto3
    from botocore.stub import Stubber

    from phivault.adapters import cognito_passwords

    api: Any = boto3.client("cognito-idp", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    monkeypatch.setattr(cognito_passwords, "client", lambda service, **_: api)
    return Stubber(api)


@pytest.mark.parametrize("code", UNSENT)
def test_what_cognito_says_of_some_users_alone_is_no_error(
    passwords: CognitoPasswords, stubbed: Stubber, code: str
) -> None:
    stubbed.add_client_error("forgot_password", code, NOBODY)
    with stubbed:
        assert passwords.send_code(NOBODY) is False


@pytest.mark.parametrize("code", ["TooManyRequestsException", "InternalErrorException", "ResourceNotFoundException"])
def test_what_it_says_to_everybody_is(passwords: CognitoPasswords, stubbed: Stubber, code: str) -> None:
    stubbed.add_client_error("forgot_password", code, NOBODY)
    with stubbed, pytest.raises(Unavailable) as caught:
        passwords.send_code(NOBODY)
    assert NOBODY not in str(caught.value)


@pytest.mark.parametrize(
    "code", ["UserLambdaValidationException", "UnexpectedLambdaException", "InvalidLambdaResponseException"]
)
def test_a_trigger_that_fails_after_the_change_leaves_it_open(
    passwords: CognitoPasswords, stubbed: Stubber, code: str
) -> None:
    stubbed.add_client_error("confirm_forgot_password", code, "PostConfirmation failed with error unavailable.")
    with stubbed, pytest.raises(Unavailable):
        passwords.reset(NOBODY, "123456", new_password())


def test_throttled_it_is_not_left_open(passwords: CognitoPasswords, stubbed: Stubber) -> None:
    """Else any code, sent often enough at once, would end the sessions of whoever has the address."""
    stubbed.add_client_error("confirm_forgot_password", "TooManyRequestsException", "Rate exceeded")
    with stubbed, pytest.raises(TooManyRequests) as caught:
        passwords.reset(NOBODY, "123456", new_password())
    assert caught.value.retry_after


@pytest.mark.parametrize(("message", "expected"), [("denied", InvalidCredentials), ("unavailable", Unavailable)])
def test_a_trigger_before_the_password_shows_nobody(
    monkeypatch: pytest.MonkeyPatch, message: str, expected: type[PhivaultError]
) -> None:
    import boto3
    from botocore.stub import Stubber

    from phivault.adapters import cognito

    api: Any = boto3.client("cognito-idp", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    monkeypatch.setattr(cognito, "client", lambda service, **_: api)
    with Stubber(api) as stub:
        stub.add_client_error(
            "admin_initiate_auth", "UserLambdaValidationException", f"PreAuthentication failed with error {message}."
        )
        with pytest.raises(expected) as caught:
            cognito.Cognito(POOL_ID, CLIENT_ID).initiate("a@b.test", "p")
    assert type(caught.value) is expected
