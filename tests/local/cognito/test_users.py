"""What administrators do with users."""

import secrets
from datetime import datetime
from typing import Any

import pytest

from local.cognito.passwords import StoredPassword
from local.cognito.pool import PasswordPolicy
from tests.local.cognito.harness import Cognito, new_password, refused


def attributes(user: dict[str, Any]) -> dict[str, str]:
    return {item["Name"]: item["Value"] for item in user.get("UserAttributes") or user["Attributes"]}


def get(cognito: Cognito, name: str) -> dict[str, Any]:
    return cognito.idp.admin_get_user(UserPoolId=cognito.pool_id, Username=name)


def test_a_user_is_named_by_a_random_sub_and_found_by_either_name(cognito: Cognito):
    person = cognito.create(name="Demo")
    for name in (person.sub, person.email, person.email.upper()):
        user = get(cognito, name)
        assert user["Username"] == attributes(user)["sub"] == person.sub
        assert attributes(user)["email"] == person.email
    assert isinstance(user["UserCreateDate"], datetime)
    assert user["Enabled"] is True


def test_an_invitation_carries_the_temporary_password_and_suppress_sends_none(cognito: Cognito):
    email, quiet = (f"{secrets.token_hex(6)}@example.com" for _ in range(2))
    user = cognito.idp.admin_create_user(UserPoolId=cognito.pool_id, Username=email)["User"]
    cognito.idp.admin_create_user(UserPoolId=cognito.pool_id, Username=quiet, MessageAction="SUPPRESS")
    (message,) = cognito.outbox.messages(email)
    assert (message["channel"], message["purpose"]) == ("email", "invitation")
    assert user["UserStatus"] == "FORCE_CHANGE_PASSWORD"
    assert cognito.outbox.messages(quiet) == []
    answer = cognito.idp.admin_initiate_auth(
        UserPoolId=cognito.pool_id,
        ClientId=cognito.client_id,
        AuthFlow="ADMIN_USER_PASSWORD_AUTH",
        AuthParameters={"USERNAME": email, "PASSWORD": message["code"]},
    )
    assert answer["ChallengeName"] == "NEW_PASSWORD_REQUIRED"


def test_an_address_belongs_to_one_user(cognito: Cognito):
    one, other = cognito.create(), cognito.create()
    with refused(cognito.idp, "UsernameExistsException"):
        cognito.idp.admin_create_user(UserPoolId=cognito.pool_id, Username=one.email.upper())
    with refused(cognito.idp, "AliasExistsException"):
        cognito.update(other, email=one.email)


def test_a_new_address_replaces_the_old_one_unverified(cognito: Cognito):
    person = cognito.create(email_verified="true")
    old, new = person.email, f"{secrets.token_hex(6)}@example.com"
    cognito.update(person, email=new)
    found = attributes(get(cognito, new))
    assert (found["email"], found["email_verified"]) == (new, "false")
    with refused(cognito.idp, "UserNotFoundException"):
        get(cognito, old)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("sub", "another"),
        ("custom__clearance", "top"),
        ("phone_number", "555-0100"),
        ("phone_number_verified", "yes"),
        ("email", "nobody"),
        ("custom__role", "x" * 2049),
    ],
)
def test_attributes_outside_the_schema_are_refused(cognito: Cognito, name: str, value: str):
    person = cognito.create()
    with refused(cognito.idp, "InvalidParameterException") as caught:
        cognito.update(person, **{name: value})
    assert value not in str(caught.value)


def test_an_empty_value_removes_an_attribute(cognito: Cognito):
    person = cognito.create(custom__patient_id="p1")
    cognito.update(person, custom__patient_id="")
    assert "custom:patient_id" not in attributes(get(cognito, person.sub))


def test_a_new_number_is_unverified_and_no_factor(cognito: Cognito):
    person = cognito.with_phone()
    cognito.update(person, phone_number="+15550109999")
    assert attributes(get(cognito, person.sub))["phone_number_verified"] == "false"
    assert cognito.initiate(person)["ChallengeName"] == "MFA_SETUP"


def test_a_disabled_user_can_not_sign_in_until_enabled(cognito: Cognito):
    person = cognito.with_phone()
    cognito.idp.admin_disable_user(UserPoolId=cognito.pool_id, Username=person.sub)
    with refused(cognito.idp, "NotAuthorizedException") as caught:
        cognito.initiate(person)
    assert "disabled" in str(caught.value)
    cognito.idp.admin_enable_user(UserPoolId=cognito.pool_id, Username=person.sub)
    assert cognito.sign_in(person)["AccessToken"]


@pytest.mark.parametrize("name", ["sub", "email", "username"])
def test_users_are_found_by_filter(cognito: Cognito, name: str):
    person = cognito.create()
    cognito.create()
    value = person.email if name == "email" else person.sub
    (user,) = cognito.idp.list_users(UserPoolId=cognito.pool_id, Filter=f'{name} = "{value}"')["Users"]
    assert user["Username"] == person.sub
    assert attributes(user)["email"] == person.email
    (user,) = cognito.idp.list_users(
        UserPoolId=cognito.pool_id, Filter=f'{name} ^= "{value[:-2]}"', AttributesToGet=["sub"]
    )["Users"]
    assert attributes(user) == {"sub": person.sub}


@pytest.mark.parametrize("condition", ["email", 'password = "x"', 'sub = "x" or sub = "y"', 'sub ~ "x"'])
def test_other_filters_are_refused(cognito: Cognito, condition: str):
    with refused(cognito.idp, "InvalidParameterException"):
        cognito.idp.list_users(UserPoolId=cognito.pool_id, Filter=condition)


def test_pages_hold_every_user_once(cognito: Cognito):
    people = [cognito.create() for _ in range(3)]
    pages = cognito.idp.get_paginator("list_users").paginate(
        UserPoolId=cognito.pool_id, PaginationConfig={"PageSize": 2}
    )
    subs = [user["Username"] for page in pages for user in page["Users"]]
    assert len(subs) == len(set(subs))
    assert {person.sub for person in people} <= set(subs)


@pytest.mark.parametrize(
    "settings",
    [
        {"SoftwareTokenMfaSettings": {"Enabled": True}},
        {"SMSMfaSettings": {"Enabled": True}},
        {"SMSMfaSettings": {"Enabled": False, "PreferredMfa": True}},
        {"EmailMfaSettings": {"Enabled": True}},
    ],
    ids=str,
)
def test_a_factor_that_the_user_lacks_can_not_be_switched_on(cognito: Cognito, settings: dict[str, Any]):
    person = cognito.create()
    with refused(cognito.idp, "InvalidParameterException"):
        cognito.idp.admin_set_user_mfa_preference(UserPoolId=cognito.pool_id, Username=person.sub, **settings)
    assert get(cognito, person.sub)["UserMFASettingList"] == []


def test_only_one_factor_is_preferred(cognito: Cognito):
    person = cognito.with_both()
    both = {"Enabled": True, "PreferredMfa": True}
    with refused(cognito.idp, "InvalidParameterException"):
        cognito.idp.admin_set_user_mfa_preference(
            UserPoolId=cognito.pool_id, Username=person.sub, SMSMfaSettings=both, SoftwareTokenMfaSettings=both
        )


def test_a_lost_app_switched_off_is_set_up_anew(cognito: Cognito):
    person = cognito.with_totp()
    lost = person.totp
    cognito.idp.admin_set_user_mfa_preference(
        UserPoolId=cognito.pool_id, Username=person.sub, SoftwareTokenMfaSettings={"Enabled": False}
    )
    challenge = cognito.initiate(person)
    assert challenge["ChallengeName"] == "MFA_SETUP"
    cognito.enrol(person, challenge["Session"])
    assert person.totp is not None
    assert lost is not None
    assert person.totp.secret != lost.secret


def test_passwords_are_kept_as_slow_salted_digests():
    kept = [StoredPassword(PasswordPolicy(), "Correct-horse-1") for _ in range(2)]
    one, other = (vars(each)["_digests"][-1] for each in kept)
    assert one != other
    assert all("Correct" not in repr(vars(each)) for each in kept)
    assert kept[0].matches("Correct-horse-1")
    assert not kept[0].matches("correct-horse-1")


@pytest.mark.parametrize(
    ("password", "rule"),
    [
        ("aA1!aA1!aA1", "long enough"),
        ("AAAAAAAAAA1!", "lowercase"),
        ("aaaaaaaaaa1!", "uppercase"),
        ("aaaaaaaaaaA!", "numeric"),
        ("aaaaaaaaaaA1", "symbol"),
        ("aA1!" + "x" * 253, "too long"),
    ],
)
def test_the_password_policy(cognito: Cognito, password: str, rule: str):
    person = cognito.create()
    with refused(cognito.idp, "InvalidPasswordException") as caught:
        cognito.set_password(person, password)
    assert rule in str(caught.value)
    assert password not in str(caught.value)


def test_the_last_five_passwords_are_not_taken_again(cognito: Cognito):
    person = cognito.create()
    history = [person.password]
    for _ in range(4):
        cognito.set_password(person, new_password())
        history.append(person.password)
    for old in history:
        with refused(cognito.idp, "PasswordHistoryPolicyViolationException"):
            cognito.set_password(person, old)
    cognito.set_password(person, new_password())
    cognito.set_password(person, history[0])
    assert cognito.initiate(person)["ChallengeName"] == "MFA_SETUP"
