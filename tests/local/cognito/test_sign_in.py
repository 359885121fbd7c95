"""Whole sign-ins, as a client drives them."""

import json

import pytest

from tests.local.cognito.harness import Cognito, new_password, refused


def test_an_invited_user_sets_a_password_enrols_an_app_and_gets_tokens(cognito: Cognito):
    person = cognito.create()
    cognito.set_password(person, new_password(), permanent=False)
    first = cognito.initiate(person)
    assert first["ChallengeName"] == "NEW_PASSWORD_REQUIRED"
    assert "AuthenticationResult" not in first
    person.password = new_password()
    second = cognito.respond(person, "NEW_PASSWORD_REQUIRED", first["Session"], NEW_PASSWORD=person.password)
    assert second["ChallengeName"] == "MFA_SETUP"
    assert "SOFTWARE_TOKEN_MFA" in json.loads(second["ChallengeParameters"]["MFAS_CAN_SETUP"])
    tokens = cognito.enrol(person, second["Session"])
    assert cognito.claims(tokens["AccessToken"])["sub"] == person.sub
    assert cognito.trigger.events[-1]["triggerSource"] == "TokenGeneration_NewPasswordChallenge"
    user = cognito.idp.admin_get_user(UserPoolId=cognito.pool_id, Username=person.email)
    assert (user["UserStatus"], user["UserMFASettingList"]) == ("CONFIRMED", ["SOFTWARE_TOKEN_MFA"])
    assert cognito.sign_in(person)["AccessToken"]


def test_a_verified_phone_is_challenged_by_sms(cognito: Cognito):
    person = cognito.with_phone()
    challenge = cognito.initiate(person)
    assert challenge["ChallengeName"] == "SMS_MFA"
    parameters = challenge["ChallengeParameters"]
    assert parameters["CODE_DELIVERY_DELIVERY_MEDIUM"] == "SMS"
    assert parameters["CODE_DELIVERY_DESTINATION"].endswith("*" + person.phone[-4:])
    assert person.phone not in json.dumps(challenge)
    code = cognito.sms_code(person)
    assert len(code) == 6
    assert code.isdigit()
    tokens = cognito.respond(person, "SMS_MFA", challenge["Session"], SMS_MFA_CODE=code)["AuthenticationResult"]
    assert (tokens["TokenType"], tokens["ExpiresIn"]) == ("Bearer", 900)


def test_every_sign_in_sends_another_code(cognito: Cognito):
    person = cognito.with_phone()
    for _ in range(6):
        cognito.initiate(person)
    codes = [message["code"] for message in cognito.outbox.messages(person.phone)]
    assert len(codes) == 6
    assert len(set(codes)) > 1


def test_an_enrolled_app_is_asked_for(cognito: Cognito):
    person = cognito.with_totp()
    assert cognito.initiate(person)["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    assert cognito.sign_in(person)["RefreshToken"]


def test_the_administrators_answer_works_like_the_public_one(cognito: Cognito):
    person = cognito.with_totp()
    session = cognito.initiate(person)["Session"]
    answer = cognito.idp.admin_respond_to_auth_challenge(
        UserPoolId=cognito.pool_id,
        ClientId=cognito.client_id,
        ChallengeName="SOFTWARE_TOKEN_MFA",
        Session=session,
        ChallengeResponses={"USERNAME": person.sub, "SOFTWARE_TOKEN_MFA_CODE": cognito.code(person)},
    )
    assert answer["AuthenticationResult"]["IdToken"]


@pytest.mark.parametrize("choice", ["SMS_MFA", "SOFTWARE_TOKEN_MFA"])
def test_two_factors_without_preference_let_the_user_choose(cognito: Cognito, choice: str):
    person = cognito.with_both()
    challenge = cognito.initiate(person)
    # The app was preferred when it was the only one; the preference call took that back.
    assert challenge["ChallengeName"] == "SELECT_MFA_TYPE"
    assert json.loads(challenge["ChallengeParameters"]["MFAS_CAN_CHOOSE"]) == ["SMS_MFA", "SOFTWARE_TOKEN_MFA"]
    chosen = cognito.respond(person, "SELECT_MFA_TYPE", challenge["Session"], ANSWER=choice)
    assert chosen["ChallengeName"] == choice
    code = cognito.sms_code(person) if choice == "SMS_MFA" else cognito.code(person)
    assert cognito.respond(person, choice, chosen["Session"], **{f"{choice}_CODE": code})["AuthenticationResult"]


def test_a_preferred_factor_is_asked_for_directly(cognito: Cognito):
    person = cognito.with_both()
    cognito.idp.admin_set_user_mfa_preference(
        UserPoolId=cognito.pool_id,
        Username=person.sub,
        SoftwareTokenMfaSettings={"Enabled": True, "PreferredMfa": True},
    )
    assert cognito.initiate(person)["ChallengeName"] == "SOFTWARE_TOKEN_MFA"
    user = cognito.idp.admin_get_user(UserPoolId=cognito.pool_id, Username=person.sub)
    assert user["PreferredMfaSetting"] == "SOFTWARE_TOKEN_MFA"
    assert set(user["UserMFASettingList"]) == {"SMS_MFA", "SOFTWARE_TOKEN_MFA"}


def test_a_wrong_code_can_be_corrected_on_the_same_session(cognito: Cognito):
    person = cognito.with_totp()
    session = cognito.initiate(person)["Session"]
    with refused(cognito.public, "CodeMismatchException"):
        wrong = cognito.wrong_code(person)
        cognito.respond(person, "SOFTWARE_TOKEN_MFA", session, SOFTWARE_TOKEN_MFA_CODE=wrong)
    code = cognito.code(person)
    assert cognito.respond(person, "SOFTWARE_TOKEN_MFA", session, SOFTWARE_TOKEN_MFA_CODE=code)["AuthenticationResult"]


def test_a_wrong_first_code_does_not_enrol_an_app(cognito: Cognito):
    person = cognito.create()
    began = cognito.public.associate_software_token(Session=cognito.initiate(person)["Session"])
    with refused(cognito.public, "EnableSoftwareTokenMFAException"):
        cognito.public.verify_software_token(Session=began["Session"], UserCode="000000")
    assert cognito.initiate(person)["ChallengeName"] == "MFA_SETUP"


def test_a_weak_new_password_is_refused_and_can_be_corrected(cognito: Cognito):
    person = cognito.create()
    cognito.set_password(person, new_password(), permanent=False)
    session = cognito.initiate(person)["Session"]
    with refused(cognito.public, "InvalidPasswordException"):
        cognito.respond(person, "NEW_PASSWORD_REQUIRED", session, NEW_PASSWORD="short")
    with refused(cognito.public, "PasswordHistoryPolicyViolationException"):
        cognito.respond(person, "NEW_PASSWORD_REQUIRED", session, NEW_PASSWORD=person.password)
    answer = cognito.respond(person, "NEW_PASSWORD_REQUIRED", session, NEW_PASSWORD=new_password())
    assert answer["ChallengeName"] == "MFA_SETUP"


def test_a_temporary_password_expires(cognito: Cognito):
    person = cognito.create()
    cognito.set_password(person, new_password(), permanent=False)
    cognito.clock.advance(7 * 86_400)
    with refused(cognito.idp, "NotAuthorizedException") as caught:
        cognito.initiate(person)
    assert "Temporary password has expired" in str(caught.value)


def test_a_session_expires_after_three_minutes(cognito: Cognito):
    person = cognito.with_phone()
    session = cognito.initiate(person)["Session"]
    cognito.clock.advance(181)
    with refused(cognito.public, "NotAuthorizedException"):
        cognito.respond(person, "SMS_MFA", session, SMS_MFA_CODE=cognito.sms_code(person))


def test_a_missing_code_names_the_parameter(cognito: Cognito):
    person = cognito.with_phone()
    session = cognito.initiate(person)["Session"]
    with refused(cognito.public, "InvalidParameterException") as caught:
        cognito.respond(person, "SMS_MFA", session)
    assert "SMS_MFA_CODE" in str(caught.value)


@pytest.mark.parametrize(
    "flow", ["USER_PASSWORD_AUTH", "USER_SRP_AUTH", "REFRESH_TOKEN_AUTH", "CUSTOM_AUTH", "ADMIN_USER_PASSWORD_AUTH"]
)
def test_a_flow_that_is_not_enabled_is_refused(cognito: Cognito, flow: str):
    person = cognito.with_totp()
    given = {"USERNAME": person.email, "PASSWORD": person.password, "REFRESH_TOKEN": "x"}
    with refused(cognito.public, "InvalidParameterException"):
        cognito.public.initiate_auth(ClientId=cognito.client_id, AuthFlow=flow, AuthParameters=given)


def test_refresh_tokens_can_not_be_used_through_initiate_auth_beside_rotation(cognito: Cognito):
    token = cognito.sign_in(cognito.with_phone())["RefreshToken"]
    names = {"ClientId": cognito.client_id, "AuthFlow": "REFRESH_TOKEN_AUTH"}
    with refused(cognito.idp, "InvalidParameterException"):
        cognito.idp.admin_initiate_auth(UserPoolId=cognito.pool_id, AuthParameters={"REFRESH_TOKEN": token}, **names)
    with refused(cognito.public, "InvalidParameterException"):
        cognito.public.initiate_auth(AuthParameters={"REFRESH_TOKEN": token}, **names)


def test_an_unknown_pool_or_client_is_not_found(cognito: Cognito):
    person = cognito.create()
    with refused(cognito.idp, "ResourceNotFoundException"):
        cognito.idp.admin_get_user(UserPoolId="us-east-1_Elsewhere", Username=person.sub)
    with refused(cognito.public, "ResourceNotFoundException"):
        cognito.public.initiate_auth(ClientId="elsewhere", AuthFlow="USER_PASSWORD_AUTH")
