"""ForgotPassword and ConfirmForgotPassword, as documented."""

import secrets
from typing import Any

import pytest
from botocore.exceptions import ClientError

from local.cognito.resets import SECONDS, SENDS, TRIES
from tests.local.cognito.harness import Cognito, Person, new_password, refused


@pytest.fixture
def person(cognito: Cognito) -> Person:
    person = cognito.with_phone()
    cognito.update(person, email_verified="true")
    return person


def forget(cognito: Cognito, name: str) -> Any:
    return cognito.public.forgot_password(ClientId=cognito.client_id, Username=name)["CodeDeliveryDetails"]


def sent(cognito: Cognito, person: Person) -> str:
    return cognito.outbox.messages(person.email)[-1]["code"]


def confirm(cognito: Cognito, name: str, code: str, password: str = "") -> None:
    cognito.public.confirm_forgot_password(
        ClientId=cognito.client_id, Username=name, ConfirmationCode=code, Password=password or new_password()
    )


def wrong(cognito: Cognito, person: Person) -> str:
    return f"{(int(sent(cognito, person)) + 1) % 10**6:06}"


def failure(cognito: Cognito, name: str, code: str) -> str:
    with pytest.raises(ClientError) as caught:
        confirm(cognito, name, code)
    return caught.value.response["Error"]["Code"]


def test_the_code_goes_to_the_address_and_replaces_the_password(cognito: Cognito, person: Person):
    assert forget(cognito, person.email) == {
        "Destination": f"{person.email[0]}***@e***",
        "DeliveryMedium": "EMAIL",
        "AttributeName": "email",
    }
    assert cognito.outbox.messages(person.phone) == [], "a second factor is no way to the first"
    new, old = new_password(), person.password
    confirm(cognito, person.email.upper(), sent(cognito, person), new)
    with refused(cognito.idp, "NotAuthorizedException"):
        cognito.initiate(person, old)
    assert cognito.initiate(person, new)["ChallengeName"] == "SMS_MFA"
    events = [(one["name"], one["triggerSource"]) for one in cognito.trigger.asked]
    assert ("CustomMessage", "CustomMessage_ForgotPassword") in events
    assert ("PostConfirmation", "PostConfirmation_ConfirmForgotPassword") in events


def test_a_code_counts_once_and_the_newest_alone(cognito: Cognito, person: Person):
    forget(cognito, person.email)
    first = sent(cognito, person)
    forget(cognito, person.email)
    second = sent(cognito, person)
    if first != second:
        assert failure(cognito, person.email, first) == "CodeMismatchException"
    confirm(cognito, person.email, second)
    assert failure(cognito, person.email, second) == "ExpiredCodeException"


def test_a_code_expires(cognito: Cognito, person: Person):
    forget(cognito, person.email)
    cognito.clock.advance(SECONDS)
    assert failure(cognito, person.email, sent(cognito, person)) == "ExpiredCodeException"


def test_guesses_are_few(cognito: Cognito, person: Person):
    forget(cognito, person.email)
    guess = wrong(cognito, person)
    assert [failure(cognito, person.email, guess) for _ in range(TRIES)] == ["CodeMismatchException"] * TRIES
    assert failure(cognito, person.email, sent(cognito, person)) == "LimitExceededException"
    forget(cognito, person.email)
    assert failure(cognito, person.email, sent(cognito, person)) == "LimitExceededException", "a new code, no new start"
    cognito.clock.advance(SECONDS)
    forget(cognito, person.email)
    confirm(cognito, person.email, sent(cognito, person))


def test_codes_are_few(cognito: Cognito, person: Person):
    for name in (person.email, f"{secrets.token_hex(6)}@example.com"):
        for _ in range(SENDS):
            forget(cognito, name)
        with refused(cognito.public, "LimitExceededException"):
            forget(cognito, name)
    assert len(cognito.outbox.messages(person.email)) == SENDS


def test_an_unknown_name_answers_like_a_known_one(cognito: Cognito, person: Person):
    name = f"{person.email[0]}{secrets.token_hex(6)}@example.com"
    assert forget(cognito, name) == forget(cognito, person.email)
    asked = [one["name"] for one in cognito.trigger.asked]
    assert asked.count("CustomMessage") == 1
    for _ in range(TRIES):
        assert failure(cognito, name, "000000") == "CodeMismatchException"
    assert failure(cognito, name, "000000") == "LimitExceededException"


def test_a_refused_password_uses_no_code_up(cognito: Cognito, person: Person):
    forget(cognito, person.email)
    code = sent(cognito, person)
    with refused(cognito.public, "InvalidPasswordException"):
        confirm(cognito, person.email, code, "too short")
    with refused(cognito.public, "PasswordHistoryPolicyViolationException"):
        confirm(cognito, person.email, code, person.password)
    confirm(cognito, person.email, code)


def test_a_password_is_not_looked_at_before_the_code(cognito: Cognito, person: Person):
    """Else anybody could ask which passwords a user has had."""
    forget(cognito, person.email)
    with refused(cognito.public, "CodeMismatchException"):
        confirm(cognito, person.email, wrong(cognito, person), person.password)


def test_a_reset_ends_challenges_and_leaves_tokens_to_the_product(cognito: Cognito, person: Person):
    token, begun = cognito.sign_in(person)["RefreshToken"], cognito.initiate(person)
    code = cognito.sms_code(person)
    forget(cognito, person.email)
    confirm(cognito, person.email, sent(cognito, person))
    with refused(cognito.public, "NotAuthorizedException"):
        cognito.respond(person, "SMS_MFA", begun["Session"], SMS_MFA_CODE=code)
    assert cognito.refresh(token)["AccessToken"]


def test_who_may_not_have_a_code(cognito: Cognito, person: Person):
    unverified, temporary = cognito.create(), cognito.create(email_verified="true")
    cognito.set_password(temporary, new_password(), permanent=False)
    cognito.idp.admin_disable_user(UserPoolId=cognito.pool_id, Username=person.sub)
    for one, code in (
        (unverified, "InvalidParameterException"),
        (temporary, "NotAuthorizedException"),
        (person, "NotAuthorizedException"),
    ):
        with refused(cognito.public, code):
            forget(cognito, one.email)
        assert cognito.outbox.messages(one.email) == []


def test_a_user_disabled_since_is_refused_like_a_wrong_code(cognito: Cognito, person: Person):
    forget(cognito, person.email)
    cognito.idp.admin_disable_user(UserPoolId=cognito.pool_id, Username=person.sub)
    assert failure(cognito, person.email, sent(cognito, person)) == "CodeMismatchException"


def test_a_temporary_password_since_is_not_replaced(cognito: Cognito, person: Person):
    forget(cognito, person.email)
    cognito.set_password(person, new_password(), permanent=False)
    assert failure(cognito, person.email, sent(cognito, person)) == "NotAuthorizedException"


def test_a_refused_message_sends_no_code(cognito: Cognito, person: Person):
    cognito.trigger.others["CustomMessage"] = lambda event: {}["refused"]
    with refused(cognito.public, "UserLambdaValidationException"):
        forget(cognito, person.email)
    assert cognito.outbox.messages(person.email) == []


def test_a_refusal_after_the_change_undoes_nothing(cognito: Cognito, person: Person):
    forget(cognito, person.email)
    cognito.trigger.others["PostConfirmation"] = lambda event: {}["refused"]
    new = new_password()
    with refused(cognito.public, "UserLambdaValidationException"):
        confirm(cognito, person.email, sent(cognito, person), new)
    assert cognito.initiate(person, new)["Session"]


@pytest.mark.parametrize("operation", [forget, lambda cognito, name: confirm(cognito, name, "000000")])
def test_another_client_gets_nothing(cognito: Cognito, person: Person, operation: Any):
    before, cognito.client_id = cognito.client_id, "someotherclient"
    try:
        with refused(cognito.public, "ResourceNotFoundException"):
            operation(cognito, person.email)
    finally:
        cognito.client_id = before
