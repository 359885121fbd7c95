"""Attacks on second factors: replaying, guessing, borrowing."""

import threading

import pyotp
import pytest
from botocore.exceptions import ClientError

from tests.local.cognito.harness import Cognito, Person, refused


def answer_totp(cognito: Cognito, person: Person, code: str, session: str | None = None) -> dict:
    session = session or cognito.initiate(person)["Session"]
    return cognito.respond(person, "SOFTWARE_TOKEN_MFA", session, SOFTWARE_TOKEN_MFA_CODE=code)


def test_replaying_an_authenticator_code(cognito: Cognito):
    person = cognito.with_totp()
    code = cognito.code(person)
    assert answer_totp(cognito, person, code)["AuthenticationResult"]
    with refused(cognito.public, "ExpiredCodeException") as caught:
        answer_totp(cognito, person, code)
    assert "already been used once" in str(caught.value)


def test_replaying_the_code_that_enrolled_the_app(cognito: Cognito):
    person = cognito.create()
    began = cognito.public.associate_software_token(Session=cognito.initiate(person)["Session"])
    person.totp = pyotp.TOTP(began["SecretCode"])
    code = cognito.code(person)
    cognito.public.verify_software_token(Session=began["Session"], UserCode=code)
    with refused(cognito.public, "ExpiredCodeException"):
        answer_totp(cognito, person, code)


def test_using_the_previous_step_after_the_current_one(cognito: Cognito):
    person = cognito.with_totp()
    assert person.totp is not None
    current = cognito.code(person)
    previous = person.totp.at(int(cognito.clock()) - 30)
    assert answer_totp(cognito, person, current)["AuthenticationResult"]
    with refused(cognito.public, "ExpiredCodeException"):
        answer_totp(cognito, person, previous)


def test_replaying_one_code_on_many_sessions_at_once(cognito: Cognito):
    person = cognito.with_totp()
    sessions = [cognito.initiate(person)["Session"] for _ in range(4)]
    code, results = cognito.code(person), []

    def answer(session: str) -> None:
        try:
            results.append("AuthenticationResult" in answer_totp(cognito, person, code, session))
        except ClientError:
            results.append(False)

    threads = [threading.Thread(target=answer, args=(session,)) for session in sessions]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(results) == [False, False, False, True]


def test_replaying_an_sms_code(cognito: Cognito):
    person = cognito.with_phone()
    session = cognito.initiate(person)["Session"]
    code = cognito.sms_code(person)
    cognito.respond(person, "SMS_MFA", session, SMS_MFA_CODE=code)
    with refused(cognito.public, "NotAuthorizedException"):
        cognito.respond(person, "SMS_MFA", session, SMS_MFA_CODE=code)
    again = cognito.initiate(person)["Session"]
    if cognito.sms_code(person) != code:
        with refused(cognito.public, "CodeMismatchException"):
            cognito.respond(person, "SMS_MFA", again, SMS_MFA_CODE=code)


def test_the_code_of_one_session_on_another_of_the_same_user(cognito: Cognito):
    person = cognito.with_phone()
    cognito.initiate(person)
    older = cognito.sms_code(person)
    session = cognito.initiate(person)["Session"]
    if older != cognito.sms_code(person):
        with refused(cognito.public, "CodeMismatchException"):
            cognito.respond(person, "SMS_MFA", session, SMS_MFA_CODE=older)


def test_guessing_on_one_session_ends_it_before_the_right_code(cognito: Cognito):
    person = cognito.with_totp()
    session = cognito.initiate(person)["Session"]
    for _ in range(3):
        with refused(cognito.public, "CodeMismatchException"):
            answer_totp(cognito, person, cognito.wrong_code(person), session)
    with refused(cognito.public, "NotAuthorizedException"):
        answer_totp(cognito, person, cognito.code(person), session)


def test_guessing_on_many_sessions_locks_the_user_for_ever_longer(cognito: Cognito):
    person = cognito.with_totp()
    for guess in range(10):
        session = cognito.initiate(person)["Session"]
        with refused(cognito.public, "CodeMismatchException"):
            answer_totp(cognito, person, cognito.wrong_code(person), session)
        if guess >= 4:
            with refused(cognito.idp, "NotAuthorizedException") as caught:
                cognito.initiate(person)
            assert "Password attempts exceeded" in str(caught.value)
            cognito.clock.advance(2 ** (guess - 4) - 0.5)
            with refused(cognito.idp, "NotAuthorizedException"):
                cognito.initiate(person)
            cognito.clock.advance(0.6)
    assert cognito.sign_in(person)["AccessToken"]
    # The sign-in forgave the failures: one more is free again.
    with refused(cognito.public, "CodeMismatchException"):
        answer_totp(cognito, person, cognito.wrong_code(person))
    assert cognito.initiate(person)["Session"]


def test_a_locked_user_can_not_answer_an_open_challenge_either(cognito: Cognito):
    person = cognito.with_totp()
    open_session, *others = (cognito.initiate(person)["Session"] for _ in range(3))
    for session in (*others, *others, others[0]):
        with refused(cognito.public, "CodeMismatchException"):
            answer_totp(cognito, person, cognito.wrong_code(person), session)
    with refused(cognito.public, "NotAuthorizedException") as caught:
        # Not cognito.code(): that would move the clock past the lock of one second.
        answer_totp(cognito, person, person.totp.at(int(cognito.clock())), open_session)
    assert "Password attempts exceeded" in str(caught.value)


def test_a_known_password_between_guesses_does_not_reset_the_count(cognito: Cognito):
    person = cognito.with_phone()
    for _ in range(5):
        session = cognito.initiate(person)["Session"]
        wrong = f"{(int(cognito.sms_code(person)) + 1) % 10**6:06}"
        with refused(cognito.public, "CodeMismatchException"):
            cognito.respond(person, "SMS_MFA", session, SMS_MFA_CODE=wrong)
    with refused(cognito.idp, "NotAuthorizedException"):
        cognito.initiate(person)


def test_another_users_authenticator(cognito: Cognito):
    victim, attacker = cognito.with_totp(), cognito.with_totp()
    session = cognito.initiate(victim)["Session"]
    with refused(cognito.public, "CodeMismatchException"):
        answer_totp(cognito, victim, cognito.code(attacker), session)


def test_a_removed_factor_does_not_answer_an_open_challenge(cognito: Cognito):
    person = cognito.with_both()
    challenge = cognito.initiate(person)
    chosen = cognito.respond(person, "SELECT_MFA_TYPE", challenge["Session"], ANSWER="SOFTWARE_TOKEN_MFA")
    cognito.idp.admin_set_user_mfa_preference(
        UserPoolId=cognito.pool_id, Username=person.sub, SoftwareTokenMfaSettings={"Enabled": False}
    )
    with refused(cognito.public, "NotAuthorizedException"):
        answer_totp(cognito, person, cognito.code(person), chosen["Session"])


def test_choosing_a_factor_one_does_not_have(cognito: Cognito):
    person = cognito.with_both()
    session = cognito.initiate(person)["Session"]
    for choice in ("EMAIL_OTP", "MFA_SETUP", ""):
        with refused(cognito.public, "InvalidParameterException"):
            cognito.respond(person, "SELECT_MFA_TYPE", session, ANSWER=choice)


@pytest.mark.parametrize("code", ["", "000000 ", "１２３４５６", "None", "null", "true"])
def test_texts_that_are_no_code(cognito: Cognito, code: str):
    person = cognito.with_phone()
    session = cognito.initiate(person)["Session"]
    with pytest.raises(ClientError) as caught:
        cognito.respond(person, "SMS_MFA", session, SMS_MFA_CODE=code)
    assert caught.value.response["Error"]["Code"] in ("CodeMismatchException", "InvalidParameterException")
