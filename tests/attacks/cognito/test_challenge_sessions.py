"""Attacks on the sessions between password and tokens."""

import pytest

from tests.local.cognito.harness import Cognito, new_password, refused


@pytest.mark.parametrize(
    ("challenge", "answer"),
    [
        ("SMS_MFA", "SMS_MFA_CODE"),
        ("SOFTWARE_TOKEN_MFA", "SOFTWARE_TOKEN_MFA_CODE"),
        ("NEW_PASSWORD_REQUIRED", "NEW_PASSWORD"),
        ("SELECT_MFA_TYPE", "ANSWER"),
        ("MFA_SETUP", "ANSWER"),
    ],
)
def test_answering_a_challenge_without_a_password(cognito: Cognito, challenge: str, answer: str):
    person = cognito.with_both()
    with refused(cognito.public, "NotAuthorizedException"):
        cognito.respond(person, challenge, "x" * 40, **{answer: "SMS_MFA"})
    with refused(cognito.public, "InvalidParameterException"):
        cognito.public.respond_to_auth_challenge(
            ClientId=cognito.client_id,
            ChallengeName=challenge,
            ChallengeResponses={"USERNAME": person.email, answer: "SMS_MFA"},
        )


def test_enrolling_an_app_without_a_password(cognito: Cognito):
    with refused(cognito.public, "NotAuthorizedException"):
        cognito.public.associate_software_token(Session="x" * 40)
    with refused(cognito.public, "NotAuthorizedException"):
        cognito.public.associate_software_token(AccessToken="x.y.z")
    with refused(cognito.public, "InvalidParameterException"):
        cognito.public.associate_software_token()


def test_the_session_of_another_user(cognito: Cognito):
    victim, attacker = cognito.with_phone(), cognito.with_phone()
    session = cognito.initiate(attacker)["Session"]
    code = cognito.sms_code(attacker)
    with refused(cognito.public, "NotAuthorizedException"):
        cognito.respond(victim, "SMS_MFA", session, SMS_MFA_CODE=code)
    # The mismatch changed nothing about whose session it is.
    tokens = cognito.respond(attacker, "SMS_MFA", session, SMS_MFA_CODE=code)["AuthenticationResult"]
    assert cognito.claims(tokens["AccessToken"])["sub"] == attacker.sub


def test_the_session_of_another_user_with_the_others_code(cognito: Cognito):
    victim, attacker = cognito.with_totp(), cognito.with_totp()
    session = cognito.initiate(attacker)["Session"]
    with refused(cognito.public, "NotAuthorizedException"):
        cognito.respond(victim, "SOFTWARE_TOKEN_MFA", session, SOFTWARE_TOKEN_MFA_CODE=cognito.code(victim))


@pytest.mark.parametrize("challenge", ["SMS_MFA", "NEW_PASSWORD_REQUIRED", "MFA_SETUP", "SELECT_MFA_TYPE"])
def test_a_session_moved_to_another_challenge(cognito: Cognito, challenge: str):
    person = cognito.with_totp()
    session = cognito.initiate(person)["Session"]
    answers = {"SMS_MFA_CODE": "000000", "NEW_PASSWORD": new_password(), "ANSWER": "SMS_MFA"}
    with refused(cognito.public, "NotAuthorizedException"):
        cognito.respond(person, challenge, session, **answers)


def test_a_challenge_that_does_not_exist(cognito: Cognito):
    person = cognito.with_totp()
    session = cognito.initiate(person)["Session"]
    for challenge in ("VERIFY", "ENROLLED", "PASSWORD_VERIFIER", "DEVICE_SRP_AUTH"):
        with refused(cognito.public, "InvalidParameterException"):
            cognito.respond(person, challenge, session)


def test_using_a_session_again(cognito: Cognito):
    person = cognito.with_totp()
    session = cognito.initiate(person)["Session"]
    answer = {"SOFTWARE_TOKEN_MFA_CODE": cognito.code(person)}
    cognito.respond(person, "SOFTWARE_TOKEN_MFA", session, **answer)
    answer = {"SOFTWARE_TOKEN_MFA_CODE": cognito.code(person)}
    with refused(cognito.public, "NotAuthorizedException"):
        cognito.respond(person, "SOFTWARE_TOKEN_MFA", session, **answer)


def test_skipping_the_proof_during_set_up(cognito: Cognito):
    person = cognito.create()
    session = cognito.initiate(person)["Session"]
    with refused(cognito.public, "NotAuthorizedException"):
        cognito.respond(person, "MFA_SETUP", session)
    began = cognito.public.associate_software_token(Session=session)
    with refused(cognito.public, "NotAuthorizedException"):
        cognito.respond(person, "MFA_SETUP", began["Session"])
    with refused(cognito.public, "NotAuthorizedException"):
        cognito.public.verify_software_token(Session=session, UserCode="000000")


def test_adding_a_factor_with_a_set_up_session_kept_from_before(cognito: Cognito):
    """Whoever knew the first password keeps a set-up session open until the owner has enrolled."""
    person = cognito.create()
    early = cognito.initiate(person)["Session"]
    associated = cognito.public.associate_software_token(Session=cognito.initiate(person)["Session"])
    cognito.enrol(person)
    with refused(cognito.public, "NotAuthorizedException"):
        cognito.public.associate_software_token(Session=early)
    with refused(cognito.public, "NotAuthorizedException"):
        cognito.public.verify_software_token(Session=associated["Session"], UserCode="000000")


def test_a_phone_verified_meanwhile_closes_an_open_set_up(cognito: Cognito):
    person = cognito.create(phone_number="+15550104242")
    session = cognito.initiate(person)["Session"]
    cognito.update(person, phone_number_verified="true")
    with refused(cognito.public, "NotAuthorizedException"):
        cognito.public.associate_software_token(Session=session)


def test_enrolling_over_a_factor_with_only_a_password(cognito: Cognito):
    person = cognito.with_totp()
    session = cognito.initiate(person)["Session"]
    with refused(cognito.public, "NotAuthorizedException"):
        cognito.public.associate_software_token(Session=session)


def test_a_session_from_before_a_password_change(cognito: Cognito):
    person = cognito.with_phone()
    session = cognito.initiate(person)["Session"]
    cognito.set_password(person, new_password())
    with refused(cognito.public, "NotAuthorizedException"):
        cognito.respond(person, "SMS_MFA", session, SMS_MFA_CODE=cognito.sms_code(person))


def test_two_sign_ins_with_one_temporary_password(cognito: Cognito):
    person = cognito.create()
    cognito.set_password(person, new_password(), permanent=False)
    attackers, owners = (cognito.initiate(person)["Session"] for _ in range(2))
    cognito.respond(person, "NEW_PASSWORD_REQUIRED", owners, NEW_PASSWORD=new_password())
    with refused(cognito.public, "NotAuthorizedException"):
        cognito.respond(person, "NEW_PASSWORD_REQUIRED", attackers, NEW_PASSWORD=new_password())


def test_a_session_of_a_user_who_was_disabled(cognito: Cognito):
    person = cognito.with_phone()
    session = cognito.initiate(person)["Session"]
    cognito.idp.admin_disable_user(UserPoolId=cognito.pool_id, Username=person.sub)
    cognito.idp.admin_enable_user(UserPoolId=cognito.pool_id, Username=person.sub)
    with refused(cognito.public, "NotAuthorizedException"):
        cognito.respond(person, "SMS_MFA", session, SMS_MFA_CODE=cognito.sms_code(person))


@pytest.mark.parametrize("attribute", ["custom:role", "custom:tenant_id", "email", "phone_number_verified"])
def test_raising_ones_own_role_while_setting_a_password(cognito: Cognito, attribute: str):
    person = cognito.create(custom__role="patient")
    cognito.set_password(person, new_password(), permanent=False)
    session = cognito.initiate(person)["Session"]
    answers = {"NEW_PASSWORD": new_password(), f"userAttributes.{attribute}": "tenant_admin"}
    with refused(cognito.public, "NotAuthorizedException"):
        cognito.respond(person, "NEW_PASSWORD_REQUIRED", session, **answers)
    user = cognito.idp.admin_get_user(UserPoolId=cognito.pool_id, Username=person.sub)
    assert {"Name": "custom:role", "Value": "patient"} in user["UserAttributes"]
    assert user["UserStatus"] == "FORCE_CHANGE_PASSWORD"
