"""Attacks on the operations that need an AWS signature."""

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.cognito.operations.table import OPERATIONS
from tests.local.cognito.harness import KEY_ID, SECRET_KEY, Cognito

SIGNED = sorted(name for name, operation in OPERATIONS.items() if operation.signed)
PUBLIC = {
    "AssociateSoftwareToken",
    "ConfirmForgotPassword",
    "ForgotPassword",
    "GetTokensFromRefreshToken",
    "GetUser",
    "GlobalSignOut",
    "InitiateAuth",
    "RespondToAuthChallenge",
    "RevokeToken",
    "SetUserMFAPreference",
    "SignUp",
    "UpdateUserAttributes",
    "VerifySoftwareToken",
}

CLIENTS: dict[str, tuple[Callable[[Cognito], Any], str]] = {
    "unsigned": (lambda cognito: cognito.client(unsigned=True), "MissingAuthenticationTokenException"),
    "wrong secret": (lambda cognito: cognito.client(secret="wrong"), "InvalidSignatureException"),
    "wrong key": (lambda cognito: cognito.client(key_id="AKIDSOMEBODYELSE0001"), "UnrecognizedClientException"),
    "with a token": (
        lambda cognito: cognito.client(aws_session_token="token"),
        "UnrecognizedClientException",
    ),
    "other region": (lambda cognito: cognito.client(region_name="eu-west-1"), "InvalidSignatureException"),
}


def test_exactly_the_documented_operations_are_public():
    assert set(OPERATIONS) - set(SIGNED) == PUBLIC


@pytest.mark.parametrize("who", CLIENTS)
def test_calling_an_administrators_operation(cognito: Cognito, who: str):
    person = cognito.with_totp()
    make, code = CLIENTS[who]
    with pytest.raises(ClientError) as caught:
        make(cognito).admin_set_user_password(
            UserPoolId=cognito.pool_id, Username=person.sub, Password="Attacker-chose-1", Permanent=True
        )
    assert caught.value.response["Error"]["Code"] == code
    assert cognito.initiate(person)["Session"]


@pytest.mark.parametrize("operation", SIGNED)
def test_no_signed_operation_answers_an_unsigned_call(cognito: Cognito, operation: str):
    answer = cognito.http.post(
        cognito.endpoint,
        content=b"{}",
        headers={
            "X-Amz-Target": f"AWSCognitoIdentityProviderService.{operation}",
            "Content-Type": "application/x-amz-json-1.1",
        },
    )
    assert (answer.status_code, answer.json()["__type"]) == (403, "MissingAuthenticationTokenException")


def test_changing_a_signed_call_on_its_way(cognito: Cognito):
    person = cognito.with_totp()
    client = cognito.client(KEY_ID, SECRET_KEY)

    def redirect(request: Any, **_: Any) -> None:
        request.headers["X-Amz-Target"] = "AWSCognitoIdentityProviderService.AdminDisableUser"

    client.meta.events.register("before-send.cognito-idp.AdminGetUser", redirect)
    with pytest.raises(ClientError) as caught:
        client.admin_get_user(UserPoolId=cognito.pool_id, Username=person.sub)
    assert caught.value.response["Error"]["Code"] == "InvalidSignatureException"
    assert cognito.idp.admin_get_user(UserPoolId=cognito.pool_id, Username=person.sub)["Enabled"]
