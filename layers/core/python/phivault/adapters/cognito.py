"""Cognito user pools as the identity provider.

AWS actions: cognito-idp:AdminInitiateAuth, cognito-idp:AdminRespondToAuthChallenge on the pool; for
``enrolled_factors`` cognito-idp:AdminGetUser. AssociateSoftwareToken, VerifySoftwareToken,
GetTokensFromRefreshToken and RevokeToken take no IAM permission: their session or token is the credential.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from phivault.adapters.aws import client, error_code, translated
from phivault.errors import AccessDenied, InvalidCredentials, InvalidInput, PhivaultError, TooManyRequests, Unavailable
from phivault.identity.claims import OPAQUE_ID
from phivault.identity.provider import Challenged, ChallengeName, Tokens, TotpSecret

if TYPE_CHECKING:
    from mypy_boto3_cognito_idp import CognitoIdentityProviderClient

ANSWERS: Final = {
    ChallengeName.NEW_PASSWORD_REQUIRED: "NEW_PASSWORD",
    ChallengeName.SMS_MFA: "SMS_MFA_CODE",
    ChallengeName.SOFTWARE_TOKEN_MFA: "SOFTWARE_TOKEN_MFA_CODE",
    ChallengeName.SELECT_MFA_TYPE: "ANSWER",
}

# UserNotConfirmed and PasswordResetRequired would tell that the account exists, and in what state.
WRONG: Final = (
    "NotAuthorizedException",
    "UserNotFoundException",
    "UserNotConfirmedException",
    "PasswordResetRequiredException",
    "CodeMismatchException",
    "ExpiredCodeException",
    "EnableSoftwareTokenMFAException",
    "SoftwareTokenMFANotFoundException",
    "MFAMethodNotFoundException",
    "RefreshTokenReuseException",
)
LOCKED: Final = ("TooManyFailedAttemptsException", "LimitExceededException")
WEAK: Final = ("InvalidPasswordException", "PasswordHistoryPolicyViolationException")
REFUSED: Final = ("UserLambdaValidationException",)
DOWN: Final = "unavailable"
"""In the text of a refusal by a trigger that could know or record nothing: see identity.trigger."""
MALFORMED: Final = ("InvalidParameterException",)


class Cognito:
    """Fills identity.provider.IdentityProvider. The app client has no secret and refresh token rotation on."""

    def __init__(self, user_pool_id: str, client_id: str) -> None:
        self._pool, self._client_id = user_pool_id, client_id

    def initiate(self, email: str, password: str) -> Challenged:
        try:
            with refusals():
                answer = cognito_api().admin_initiate_auth(
                    UserPoolId=self._pool,
                    ClientId=self._client_id,
                    AuthFlow="ADMIN_USER_PASSWORD_AUTH",
                    AuthParameters={"USERNAME": email, "PASSWORD": password},
                )
        except AccessDenied:
            # A trigger refuses a suspended account before its password is looked at: that account isn't to stand out.
            raise InvalidCredentials from None
        if result := answer.get("AuthenticationResult"):
            # Only a pool whose MFA isn't required does this. What it gave away is taken back.
            with suppress(PhivaultError):
                self.revoke(result.get("RefreshToken", ""))
            raise AccessDenied("The identity provider asked for no second factor")
        return _challenged(answer)

    def respond(self, challenge: ChallengeName, session: str, email: str, answer: str) -> Challenged | Tokens:
        responses = {"USERNAME": email}
        with refusals(*MALFORMED):
            if challenge is ChallengeName.MFA_SETUP:
                session = self._verified(session, answer)
            else:
                responses[ANSWERS[challenge]] = answer
            following = cognito_api().admin_respond_to_auth_challenge(
                UserPoolId=self._pool,
                ClientId=self._client_id,
                ChallengeName=challenge.value,
                ChallengeResponses=responses,
                Session=session,
            )
        if result := following.get("AuthenticationResult"):
            return tokens_of(result)
        return _challenged(following)

    def begin_totp(self, session: str) -> TotpSecret:
        with refusals(*MALFORMED):
            answer = cognito_api().associate_software_token(Session=session)
        return TotpSecret(answer["SecretCode"], answer["Session"])

    def refresh(self, refresh_token: str) -> Tokens:
        with refusals(*MALFORMED):
            answer = cognito_api().get_tokens_from_refresh_token(RefreshToken=refresh_token, ClientId=self._client_id)
        return tokens_of(answer["AuthenticationResult"])

    def revoke(self, refresh_token: str) -> None:
        with (
            suppress(InvalidCredentials),
            refusals("UnauthorizedException", "UnsupportedTokenTypeException", *MALFORMED),
        ):
            cognito_api().revoke_token(Token=refresh_token, ClientId=self._client_id)

    @staticmethod
    def _verified(session: str, code: str) -> str:
        answer = cognito_api().verify_software_token(Session=session, UserCode=code)
        if answer["Status"] != "SUCCESS":
            raise InvalidCredentials
        return answer["Session"]


def enrolled_factors(user_pool_id: str, username: str) -> frozenset[str]:
    """The user's UserMFASettingList. Raises Unavailable, or InvalidCredentials for a user who is gone."""
    with refusals():
        user = client("cognito-idp").admin_get_user(UserPoolId=user_pool_id, Username=username)
    return frozenset(user.get("UserMFASettingList", ()))


def cognito_api() -> CognitoIdentityProviderClient:
    # One attempt: a repeated call would count a wrong password twice, and a code or refresh token as replayed. The time
    # is for two triggers in a row that have to start first.
    return client("cognito-idp", read_timeout=12.0, attempts=1)


@contextmanager
def refusals(*malformed: str) -> Iterator[None]:
    """Cognito's exceptions as ours; all wrong credentials alike, so that an answer tells nothing about an account.

    ``malformed`` are codes that mean wrong credentials in this call; elsewhere they are our own mistake.
    """
    try:
        with translated("Cognito", *WRONG, *LOCKED, *WEAK, *REFUSED, *malformed):
            yield
    except ClientError as error:
        raise _refusal(error) from None


def _refusal(error: ClientError) -> PhivaultError:
    code, message = error_code(error), str(error.response.get("Error", {}).get("Message", ""))
    if code in WEAK:
        return InvalidInput("new_password: the password policy refuses it")
    if code in REFUSED and DOWN in message.lower():
        return Unavailable("A trigger of the identity provider couldn't answer")
    if code in REFUSED:
        return AccessDenied("The account may not have tokens: no second factor, tenant or role")
    if code in LOCKED or "attempts exceeded" in message.lower():
        return TooManyRequests("Too many failed attempts")
    return InvalidCredentials()


def _challenged(answer: Mapping[str, Any]) -> Challenged:
    parameters: Mapping[str, str] = answer.get("ChallengeParameters") or {}
    try:
        name = ChallengeName(answer["ChallengeName"])
    except (KeyError, ValueError):
        raise Unavailable("The identity provider asks for a challenge that isn't supported") from None
    return Challenged(
        challenge=name,
        session=answer["Session"],
        user_id=_opaque(parameters.get("USER_ID_FOR_SRP", "")),
        destination=parameters.get("CODE_DELIVERY_DESTINATION", ""),
        # A phone becomes a factor where it is verified, in a sign-up: this challenge can set up an app alone.
        choices=("SOFTWARE_TOKEN_MFA",)
        if name is ChallengeName.MFA_SETUP
        else _choices(parameters.get("MFAS_CAN_CHOOSE") or "[]"),
    )


def _opaque(username: str) -> str:
    # In a pool whose user names are addresses this would be one, and it goes into the audit log in clear.
    return username if OPAQUE_ID.fullmatch(username) else ""


def _choices(text: str) -> tuple[str, ...]:
    # Cognito nests a JSON array as text.
    try:
        return tuple(str(choice) for choice in json.loads(text))
    except (ValueError, TypeError):
        raise Unavailable("The identity provider's challenge can't be read") from None


def tokens_of(result: Mapping[str, Any]) -> Tokens:
    try:
        return Tokens(result["AccessToken"], result["IdToken"], result["RefreshToken"], result["ExpiresIn"])
    except KeyError:
        raise Unavailable("The identity provider left out a token: is refresh token rotation on?") from None
