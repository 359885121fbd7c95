"""The triggers around an account, a sign-in and a message: what each is told, when, and that its refusal holds."""

from typing import Any

import pytest

from tests.local.cognito.harness import Cognito, Person, new_password, refused

BEFORE = ["PreSignUp", "PreAuthentication", "CustomMessage", "PostAuthentication"]


def names(cognito: Cognito) -> list[str]:
    return [one["name"] for one in cognito.trigger.asked]


def told(cognito: Cognito, name: str) -> dict[str, Any]:
    (event,) = [one for one in cognito.trigger.asked if one["name"] == name]
    return event


def refuse(event: dict[str, Any]) -> dict[str, Any]:
    raise PermissionError("for 555-secret")


def users(cognito: Cognito, email: str) -> list[Any]:
    return cognito.idp.list_users(UserPoolId=cognito.pool_id, Filter=f'email = "{email}"')["Users"]


def test_a_sign_in_asks_them_in_order(cognito: Cognito):
    person = cognito.with_phone()
    assert names(cognito) == ["PreSignUp"]
    cognito.sign_in(person)
    assert names(cognito) == BEFORE
    assert [one["name"] for one in cognito.trigger.events] == ["PreTokenGeneration"]
    for event in cognito.trigger.asked:
        assert (event["version"], event["userPoolId"], event["region"]) == ("1", cognito.pool_id, "us-east-1")
        assert event["userName"] == person.sub
        assert event["request"]["userAttributes"]["email"] == person.email


def test_an_account_is_told_of_before_it_stands(cognito: Cognito):
    found: list[list[Any]] = []

    def look(event: dict[str, Any]) -> dict[str, Any]:
        found.append(users(cognito, event["request"]["userAttributes"]["email"]))
        return event

    cognito.trigger.others["PreSignUp"] = look
    person = cognito.create(custom__role="clinician")
    assert found == [[]]
    event = told(cognito, "PreSignUp")
    assert event["triggerSource"] == "PreSignUp_AdminCreateUser"
    assert event["userName"] == person.sub
    assert event["callerContext"]["clientId"] == "CLIENT_ID_NOT_APPLICABLE"
    assert event["request"]["userAttributes"]["custom:role"] == "clinician"
    assert event["request"]["userAttributes"]["cognito:user_status"] == "FORCE_CHANGE_PASSWORD"
    assert event["response"] == {"autoConfirmUser": False, "autoVerifyEmail": False, "autoVerifyPhone": False}


def test_a_refused_account_does_not_exist(cognito: Cognito):
    cognito.trigger.others["PreSignUp"] = refuse
    with refused(cognito.idp, "UserLambdaValidationException") as caught:
        cognito.idp.admin_create_user(UserPoolId=cognito.pool_id, Username="never@example.com")
    assert "555-secret" not in str(caught.value)
    assert users(cognito, "never@example.com") == []


def test_what_the_trigger_would_confirm_by_itself_is_ignored(cognito: Cognito):
    everything = {"autoConfirmUser": True, "autoVerifyEmail": True, "autoVerifyPhone": True}
    cognito.trigger.others["PreSignUp"] = lambda event: {**event, "response": everything}
    cognito.idp.admin_create_user(UserPoolId=cognito.pool_id, Username="auto@example.com", MessageAction="SUPPRESS")
    (user,) = users(cognito, "auto@example.com")
    assert user["UserStatus"] == "FORCE_CHANGE_PASSWORD"
    assert not [one for one in user["Attributes"] if one["Name"] == "email_verified"]


def test_unknown_names_are_asked_about_too(cognito: Cognito):
    with refused(cognito.idp, "NotAuthorizedException"):
        cognito.initiate(Person("nobody@example.com", "wrong"))
    event = told(cognito, "PreAuthentication")
    assert event["request"] == {"userAttributes": {}, "validationData": None, "userNotFound": True}


def test_a_refused_attempt_checks_no_password(cognito: Cognito):
    person = cognito.with_phone()
    cognito.trigger.others["PreAuthentication"] = refuse
    for password in [person.password] + ["wrong"] * 6:
        with refused(cognito.idp, "UserLambdaValidationException"):
            cognito.initiate(person, password)
    cognito.trigger.reset()
    assert cognito.initiate(person)["Session"], "a refused attempt counts as none"


def test_client_metadata_is_validation_data_before_the_password(cognito: Cognito):
    person = cognito.with_phone()
    cognito.idp.admin_initiate_auth(
        UserPoolId=cognito.pool_id,
        ClientId=cognito.client_id,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": person.email, "PASSWORD": person.password},
        ClientMetadata={"device": "d1"},
    )
    assert told(cognito, "PreAuthentication")["request"]["validationData"] == {"device": "d1"}
    assert told(cognito, "CustomMessage")["request"]["clientMetadata"] == {"device": "d1"}


def test_a_text_is_worded_by_the_trigger_and_the_code_is_not_told(cognito: Cognito):
    person = cognito.with_phone()
    cognito.initiate(person)
    event = told(cognito, "CustomMessage")
    assert event["triggerSource"] == "CustomMessage_Authentication"
    assert event["request"]["codeParameter"] == "{####}"
    assert event["request"]["usernameParameter"] is None
    assert event["response"] == {"smsMessage": None, "emailMessage": None, "emailSubject": None}
    assert cognito.sms_code(person) not in str(event)


@pytest.mark.parametrize("text", ["no code in it", "{####}" + "x" * 135, "", 7])
def test_a_text_that_cannot_be_sent_ends_the_challenge(cognito: Cognito, text: Any):
    person = cognito.with_phone()
    cognito.trigger.others["CustomMessage"] = lambda event: {**event, "response": {"smsMessage": text}}
    with refused(cognito.idp, "InvalidLambdaResponseException"):
        cognito.initiate(person)
    assert cognito.outbox.messages(person.phone) == []


def test_a_refused_text_sends_nothing_and_answers_no_session(cognito: Cognito):
    person = cognito.with_phone()
    cognito.trigger.others["CustomMessage"] = refuse
    with refused(cognito.idp, "UserLambdaValidationException") as caught:
        cognito.initiate(person)
    assert "Session" not in caught.value.response
    assert cognito.outbox.messages(person.phone) == []


def test_a_chosen_text_is_worded_too(cognito: Cognito):
    person = cognito.with_both()
    asked = cognito.initiate(person)
    assert "CustomMessage" not in names(cognito)
    cognito.respond(person, "SELECT_MFA_TYPE", asked["Session"], ANSWER="SMS_MFA")
    assert told(cognito, "CustomMessage")["triggerSource"] == "CustomMessage_Authentication"


def test_an_invitation_names_user_and_password(cognito: Cognito):
    cognito.trigger.others["CustomMessage"] = lambda event: {**event, "response": {"emailMessage": "only {####}"}}
    with refused(cognito.idp, "InvalidLambdaResponseException"):
        cognito.idp.admin_create_user(UserPoolId=cognito.pool_id, Username="invited@example.com")
    both = {"emailMessage": "{username} {####}", "emailSubject": "s"}
    cognito.trigger.others["CustomMessage"] = lambda event: {**event, "response": both}
    cognito.idp.admin_create_user(UserPoolId=cognito.pool_id, Username="invited2@example.com")
    assert told_last(cognito)["request"]["usernameParameter"] == "{username}"
    assert len(cognito.outbox.messages("invited2@example.com")) == 1
    assert cognito.outbox.messages("invited@example.com") == []


def told_last(cognito: Cognito) -> dict[str, Any]:
    return cognito.trigger.asked[-1]


def test_a_refusal_after_the_factor_means_no_tokens(cognito: Cognito):
    person = cognito.with_phone()
    cognito.trigger.others["PostAuthentication"] = refuse
    with refused(cognito.public, "UserLambdaValidationException"):
        cognito.sign_in(person)
    assert cognito.trigger.events == [], "the trigger of the tokens isn't even asked"


def test_a_refresh_is_no_sign_in(cognito: Cognito):
    token = cognito.sign_in(cognito.with_phone())["RefreshToken"]
    before = len(cognito.trigger.asked)
    cognito.refresh(token)
    assert len(cognito.trigger.asked) == before


@pytest.mark.parametrize("name", BEFORE)
@pytest.mark.parametrize("answer", [None, [], {}, {"response": None}, {"response": "x"}], ids=str)
def test_an_answer_that_is_none_is_a_refusal(cognito: Cognito, name: str, answer: Any):
    person = cognito.with_phone()
    cognito.trigger.others[name] = lambda event: answer
    act = cognito.create if name == "PreSignUp" else lambda: cognito.sign_in(person)
    with pytest.raises(cognito.idp.exceptions.ClientError) as caught:
        act()
    assert caught.value.response["Error"]["Code"] == "InvalidLambdaResponseException"


def test_every_trigger_may_ask_the_pool(cognito: Cognito):
    def look(event: dict[str, Any]) -> dict[str, Any]:
        cognito.idp.list_users(UserPoolId=cognito.pool_id, Limit=1)
        return event

    cognito.trigger.others = dict.fromkeys([*BEFORE, "PostConfirmation"], look)
    person = cognito.with_phone()
    cognito.update(person, email_verified="true")
    assert cognito.sign_in(person)["AccessToken"]
    cognito.public.forgot_password(ClientId=cognito.client_id, Username=person.email)
    code = cognito.outbox.messages(person.email)[-1]["code"]
    cognito.public.confirm_forgot_password(
        ClientId=cognito.client_id, Username=person.email, ConfirmationCode=code, Password=new_password()
    )
    assert names(cognito)[-1] == "PostConfirmation"
