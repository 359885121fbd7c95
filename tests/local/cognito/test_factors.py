"""Factors switched off, implied, and set up again."""

import pytest
from botocore.exceptions import ClientError

from tests.local.cognito.harness import Cognito, Person

OFF = {"Enabled": False, "PreferredMfa": False}
SCOPE = "aws.cognito.signin.user.admin"


def _switch_off(cognito: Cognito, person: Person) -> None:
    cognito.idp.admin_set_user_mfa_preference(
        UserPoolId=cognito.pool_id, Username=person.sub, SMSMfaSettings=OFF, SoftwareTokenMfaSettings=OFF
    )


def test_nothing_switched_on_leads_to_set_up(cognito: Cognito):
    person = cognito.with_totp()
    _switch_off(cognito, person)
    assert cognito.initiate(person)["ChallengeName"] == "MFA_SETUP"
    cognito.enrol(person)
    assert cognito.initiate(person)["ChallengeName"] == "SOFTWARE_TOKEN_MFA"


def test_a_verified_phone_is_asked_for_without_any_setting_and_an_unverified_one_is_not(cognito: Cognito):
    person = cognito.with_phone()
    _switch_off(cognito, person)
    assert cognito.initiate(person)["ChallengeName"] == "SMS_MFA"
    cognito.update(person, phone_number_verified="false")
    assert cognito.initiate(person)["ChallengeName"] == "MFA_SETUP"


def test_metadata_of_a_refresh_reaches_the_trigger_alone(cognito: Cognito):
    tokens = cognito.sign_in(cognito.with_totp())
    cognito.public.get_tokens_from_refresh_token(
        ClientId=cognito.client_id, RefreshToken=tokens["RefreshToken"], ClientMetadata={"nonce": "n-1"}
    )
    event = cognito.trigger.events[-1]
    assert (event["triggerSource"], event["request"]["clientMetadata"]) == (
        "TokenGeneration_RefreshTokens",
        {"nonce": "n-1"},
    )


def test_users_choose_among_their_own_factors(cognito: Cognito):
    person = cognito.with_totp()
    token = cognito.sign_in(person)["AccessToken"]
    with pytest.raises(ClientError):
        cognito.public.set_user_mfa_preference(AccessToken=token, SMSMfaSettings={"Enabled": True})
    on = {"Enabled": True, "PreferredMfa": True}
    cognito.public.set_user_mfa_preference(AccessToken=token, SoftwareTokenMfaSettings=on)
    user = cognito.idp.admin_get_user(UserPoolId=cognito.pool_id, Username=person.sub)
    assert user["PreferredMfaSetting"] == "SOFTWARE_TOKEN_MFA"


def test_users_write_no_attribute(cognito: Cognito):
    token = cognito.sign_in(cognito.with_totp())["AccessToken"]
    with pytest.raises(ClientError, match="unauthorized attribute"):
        cognito.public.update_user_attributes(
            AccessToken=token, UserAttributes=[{"Name": "custom:role", "Value": "tenant_admin"}]
        )


def test_both_need_the_scope(cognito: Cognito):
    person = cognito.with_totp()
    cognito.trigger.details = {"accessTokenGeneration": {"scopesToSuppress": [SCOPE], "scopesToAdd": ["x/y"]}}
    token = cognito.sign_in(person)["AccessToken"]
    for call in (
        lambda: cognito.public.set_user_mfa_preference(AccessToken=token, SoftwareTokenMfaSettings=OFF),
        lambda: cognito.public.update_user_attributes(AccessToken=token, UserAttributes=[]),
    ):
        with pytest.raises(ClientError, match="required scopes"):
            call()
