"""Users' second factors at Cognito.

AWS actions: cognito-idp:AdminGetUser, AdminSetUserMFAPreference and AdminUpdateUserAttributes on the pool.
GetTokensFromRefreshToken, AssociateSoftwareToken and VerifySoftwareToken take no IAM permission: their token is the
credential, and the last two need the scope ``aws.cognito.signin.user.admin`` in it.
"""

from __future__ import annotations

from typing import Any, Final

from phivault.adapters.cognito import MALFORMED, cognito_api, refusals, tokens_of
from phivault.errors import InvalidCredentials
from phivault.identity.factors import Factor
from phivault.identity.provider import Tokens

SETTINGS: Final = {Factor.SMS_MFA: "SMSMfaSettings", Factor.SOFTWARE_TOKEN_MFA: "SoftwareTokenMfaSettings"}


class CognitoFactors:
    """Fills identity.factors.FactorProvider. The app client has no secret and refresh token rotation on."""

    def __init__(self, user_pool_id: str, client_id: str) -> None:
        self._pool, self._client_id = user_pool_id, client_id

    def factors(self, user_id: str) -> tuple[frozenset[str], str]:
        user, attributes = self._user(user_id)
        enabled = frozenset(user.get("UserMFASettingList", ()))
        if not enabled and attributes.get("phone_number") and attributes.get("phone_number_verified") == "true":
            enabled = frozenset({Factor.SMS_MFA.value})  # asked for without any setting
        return enabled, user.get("PreferredMfaSetting", "")

    def prefer(self, user_id: str, factor: Factor) -> None:
        enabled, _ = self.factors(user_id)
        self._set(user_id, {*enabled, factor}, preferred=factor)

    def turn_on_sms(self, user_id: str) -> None:
        # Settings first: a number that counts as verified before would be asked for without anybody's choice.
        enabled, preferred = self.factors(user_id)
        chosen = Factor(preferred) if preferred in SETTINGS else None
        self._set(user_id, {*enabled, Factor.SMS_MFA}, preferred=chosen)
        self._hold_verified(user_id, "true")

    def remove_all(self, user_id: str) -> None:
        # The number first: with the settings gone and the number verified, Cognito would go on asking by SMS.
        if self._user(user_id)[1].get("phone_number"):
            self._hold_verified(user_id, "false")
        self._set(user_id, set(), preferred=None)

    def refresh_for_enrolment(self, refresh_token: str, nonce: str) -> Tokens:
        with refusals(*MALFORMED):
            answer = cognito_api().get_tokens_from_refresh_token(
                RefreshToken=refresh_token, ClientId=self._client_id, ClientMetadata={"nonce": nonce}
            )
        return tokens_of(answer["AuthenticationResult"])

    def associate(self, access_token: str) -> str:
        with refusals(*MALFORMED):
            return cognito_api().associate_software_token(AccessToken=access_token)["SecretCode"]

    def verify(self, access_token: str, code: str) -> None:
        with refusals(*MALFORMED):
            answer = cognito_api().verify_software_token(AccessToken=access_token, UserCode=code)
        if answer["Status"] != "SUCCESS":
            raise InvalidCredentials

    def _user(self, user_id: str) -> tuple[dict[str, Any], dict[str, str]]:
        """What AdminGetUser answers, and the attributes in it by name."""
        with refusals():
            user: Any = cognito_api().admin_get_user(UserPoolId=self._pool, Username=user_id)
        return user, {each["Name"]: each.get("Value", "") for each in user.get("UserAttributes", ())}

    def _set(self, user_id: str, enabled: set[str], *, preferred: Factor | None) -> None:
        settings: dict[str, Any] = {
            name: {"Enabled": factor in enabled, "PreferredMfa": factor is preferred}
            for factor, name in SETTINGS.items()
        }
        with refusals():
            cognito_api().admin_set_user_mfa_preference(UserPoolId=self._pool, Username=user_id, **settings)

    def _hold_verified(self, user_id: str, verified: str) -> None:
        attribute: Any = {"Name": "phone_number_verified", "Value": verified}
        with refusals():
            cognito_api().admin_update_user_attributes(
                UserPoolId=self._pool, Username=user_id, UserAttributes=[attribute]
            )
