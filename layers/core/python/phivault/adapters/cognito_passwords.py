"""Forgotten passwords at Cognito.

ForgotPassword and ConfirmForgotPassword are public operations: they take no IAM permission, and anybody can call them
past us. AWS action: cognito-idp:AdminGetUser on the pool. The pool's account recovery is by verified e-mail alone.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from botocore.exceptions import ClientError

from phivault.adapters.aws import client, error_code, translated
from phivault.adapters.cognito import LOCKED, WEAK, WRONG
from phivault.errors import InvalidCredentials, InvalidInput, PhivaultError, TooManyRequests

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient

# What Cognito answers for certain users alone: none such, disabled, no verified address, a temporary password, too many
# codes, a message that didn't leave, a trigger that refused. With user existence hidden it answers InvalidParameter
# for unknown users at times. To the caller all of them are a code on its way.
UNSENT: Final = (
    "UserNotFoundException",
    "NotAuthorizedException",
    "InvalidParameterException",
    "UserNotConfirmedException",
    "LimitExceededException",
    "CodeDeliveryFailureException",
    "UserLambdaValidationException",
    "UnexpectedLambdaException",
    "InvalidLambdaResponseException",
)
# The post-confirmation trigger runs after the change: its failure undoes nothing, so it is Unavailable, "set or not".
MALFORMED: Final = ("InvalidParameterException",)
THROTTLED: Final = "TooManyRequestsException"
"""Refused before anything was looked at, whoever asks: unlike other outages it leaves nothing open."""


class CognitoPasswords:
    """Fills identity.password_provider.PasswordProvider."""

    def __init__(self, user_pool_id: str, client_id: str) -> None:
        self._pool, self._client_id = user_pool_id, client_id

    def send_code(self, email: str) -> bool:
        try:
            with translated("Cognito", *UNSENT):
                _api().forgot_password(ClientId=self._client_id, Username=email)
        except ClientError:
            return False
        return True

    def reset(self, email: str, code: str, new_password: str) -> None:
        try:
            with translated("Cognito", *WRONG, *LOCKED, *WEAK, *MALFORMED, THROTTLED):
                _api().confirm_forgot_password(
                    ClientId=self._client_id, Username=email, ConfirmationCode=code, Password=new_password
                )
        except ClientError as error:
            raise _refusal(error_code(error)) from None

    def user_id(self, email: str) -> str:
        try:
            with translated("Cognito", "UserNotFoundException"):
                return client("cognito-idp").admin_get_user(UserPoolId=self._pool, Username=email)["Username"]
        except ClientError:
            return ""


def _api() -> CognitoIdentityProviderClient:
    # One attempt: a repeated call would send a second code, or find its own code used. The trigger has 5 s itself.
    return client("cognito-idp", read_timeout=10.0, attempts=1)


def _refusal(code: str) -> PhivaultError:
    if code in WEAK:
        return InvalidInput("password: it was used before, or the password policy refuses it")
    if code == THROTTLED:
        return TooManyRequests("Too many requests at once", retry_after=1)
    if code in LOCKED:
        return TooManyRequests("Too many failed attempts")
    return InvalidCredentials()
