"""The pre-token-generation trigger: what it is told, what it may change, and that its refusal holds."""

import itertools
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from local.cognito import triggers
from local.cognito.app import THREADS
from tests.local.cognito.harness import Cognito, refused
from tests.support.bounded import HANGS

OURS = {
    "accessTokenGeneration": {
        "claimsToAddOrOverride": {"tenant_id": "t1", "role": "clinician"},
        "scopesToAdd": ["phivault/api"],
        "scopesToSuppress": ["aws.cognito.signin.user.admin"],
    }
}


def test_the_event_has_the_documented_shape(cognito: Cognito):
    person = cognito.create(custom__role="clinician")
    cognito.enrol(person)
    (event,) = cognito.trigger.events
    assert event["name"] == "PreTokenGeneration"
    assert (event["version"], event["triggerSource"]) == ("2", "TokenGeneration_Authentication")
    assert (event["userPoolId"], event["userName"], event["region"]) == (cognito.pool_id, person.sub, "us-east-1")
    assert event["callerContext"]["clientId"] == cognito.client_id
    request = event["request"]
    assert request["scopes"] == ["aws.cognito.signin.user.admin"]
    assert request["groupConfiguration"]["groupsToOverride"] == []
    attributes = request["userAttributes"]
    assert attributes["cognito:user_status"] == "CONFIRMED"
    assert (attributes["sub"], attributes["email"], attributes["custom:role"]) == (
        person.sub,
        person.email,
        "clinician",
    )


def test_client_metadata_reaches_the_trigger(cognito: Cognito):
    token = cognito.sign_in(cognito.with_phone())["RefreshToken"]
    cognito.public.get_tokens_from_refresh_token(
        RefreshToken=token, ClientId=cognito.client_id, ClientMetadata={"device": "d1"}
    )
    assert cognito.trigger.events[-1]["request"]["clientMetadata"] == {"device": "d1"}


def test_claims_and_scopes_change_as_the_trigger_says(cognito: Cognito):
    cognito.trigger.details = OURS
    tokens = cognito.sign_in(cognito.with_phone())
    for each in (tokens, cognito.refresh(tokens["RefreshToken"])):
        claims = cognito.claims(each["AccessToken"])
        assert (claims["scope"], claims["tenant_id"], claims["role"]) == ("phivault/api", "t1", "clinician")
        assert "tenant_id" not in cognito.claims(each["IdToken"])


def test_claims_of_the_id_token_can_be_suppressed(cognito: Cognito):
    cognito.trigger.details = {"idTokenGeneration": {"claimsToSuppress": ["email", "phone_number"]}}
    claims = cognito.claims(cognito.sign_in(cognito.with_phone())["IdToken"])
    assert not {"email", "phone_number"} & set(claims)


def test_without_any_scope_there_is_no_scope_claim(cognito: Cognito):
    cognito.trigger.details = {"accessTokenGeneration": {"scopesToSuppress": ["aws.cognito.signin.user.admin"]}}
    assert "scope" not in cognito.claims(cognito.sign_in(cognito.with_phone())["AccessToken"])


@pytest.mark.parametrize("part", ["accessTokenGeneration", "idTokenGeneration"])
def test_protected_claims_stay_as_they_are(cognito: Cognito, part: str):
    forged = dict.fromkeys(("sub", "iss", "exp", "auth_time", "origin_jti", "token_use", "cognito:username"), "forged")
    if part == "accessTokenGeneration":
        forged |= {"client_id": "forged", "username": "forged", "scope": "forged"}
    else:
        forged |= {"aud": "forged"}
    cognito.trigger.details = {part: {"claimsToAddOrOverride": forged, "claimsToSuppress": list(forged)}}
    person = cognito.with_phone()
    tokens = cognito.sign_in(person)
    claims = cognito.claims(tokens["AccessToken" if part == "accessTokenGeneration" else "IdToken"])
    assert "forged" not in claims.values()
    assert claims["sub"] == person.sub


def test_a_refusal_means_no_tokens(cognito: Cognito):
    def refuse(event: dict[str, Any]) -> dict[str, Any]:
        raise PermissionError("no role for 555-secret")

    cognito.trigger.act = refuse
    with refused(cognito.public, "UserLambdaValidationException") as caught:
        cognito.sign_in(cognito.with_phone())
    assert "555-secret" not in str(caught.value)
    assert "AuthenticationResult" not in caught.value.response


def test_a_refused_refresh_uses_no_token_up(cognito: Cognito):
    token = cognito.sign_in(cognito.with_phone())["RefreshToken"]
    cognito.trigger.act = lambda event: {}["missing"]
    with refused(cognito.public, "UserLambdaValidationException"):
        cognito.refresh(token)
    cognito.trigger.reset()
    assert cognito.refresh(token)["AccessToken"]


@pytest.mark.parametrize(
    "answer",
    [
        None,
        [],
        {},
        {"response": None},
        {"response": {"claimsAndScopeOverrideDetails": []} | {"claimsAndScopeOverrideDetails": "x"}},
        {"response": {"claimsAndScopeOverrideDetails": {"accessTokenGeneration": {"scopesToAdd": "phivault/api"}}}},
        {"response": {"claimsAndScopeOverrideDetails": {"accessTokenGeneration": {"scopesToAdd": ["a b"]}}}},
        {
            "response": {
                "claimsAndScopeOverrideDetails": {"accessTokenGeneration": {"scopesToAdd": ["aws.cognito.signin.x"]}}
            }
        },
        {"response": {"claimsAndScopeOverrideDetails": {"accessTokenGeneration": {"claimsToSuppress": [1]}}}},
        {
            "response": {
                "claimsAndScopeOverrideDetails": {"accessTokenGeneration": {"claimsToAddOrOverride": {"aud": "other"}}}
            }
        },
        {"response": {"claimsAndScopeOverrideDetails": {"idTokenGeneration": {"claimsToAddOrOverride": b"x"}}}},
    ],
    ids=str,
)
def test_an_answer_that_is_none_means_no_tokens(cognito: Cognito, answer: Any):
    person = cognito.with_phone()
    cognito.trigger.act = lambda event: answer
    with refused(cognito.public, "InvalidLambdaResponseException"):
        cognito.sign_in(person)


def test_the_trigger_may_ask_the_pool_about_the_user(cognito: Cognito):
    found: list[list[str]] = []

    def look(event: dict[str, Any]) -> dict[str, Any]:
        user = cognito.idp.admin_get_user(UserPoolId=event["userPoolId"], Username=event["userName"])
        found.append(user["UserMFASettingList"])
        return event

    cognito.trigger.act = look
    cognito.enrol(cognito.create())
    assert found == [["SOFTWARE_TOKEN_MFA"]]


def test_more_triggers_than_threads_do_not_starve_their_own_calls(cognito: Cognito):
    tokens = [cognito.sign_in(cognito.with_phone())["RefreshToken"] for _ in range(THREADS + 4)]
    arrivals, together = itertools.count(), threading.Barrier(THREADS, timeout=HANGS)

    def look(event: dict[str, Any]) -> dict[str, Any]:
        if next(arrivals) < THREADS:  # every thread that may run a trigger is in one now
            together.wait()
        cognito.idp.admin_get_user(UserPoolId=event["userPoolId"], Username=event["userName"])
        return event

    cognito.trigger.act = look
    with ThreadPoolExecutor(len(tokens)) as pool:
        assert all(answer["AccessToken"] for answer in pool.map(cognito.refresh, tokens))


def test_a_slow_trigger_fails_as_it_would_in_lambda(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(triggers, "LONGEST_SECONDS", 0.01)

    def slow(name: str, event: dict[str, Any]) -> dict[str, Any]:
        time.sleep(0.02)
        return event

    with pytest.raises(triggers.CognitoError) as caught:
        triggers.call(slow, {"response": {}})
    assert caught.value.code == "UnexpectedLambdaException"


def test_a_user_disabled_while_the_trigger_runs_gets_no_tokens(cognito: Cognito):
    person = cognito.with_phone()

    def disable(event: dict[str, Any]) -> dict[str, Any]:
        cognito.idp.admin_disable_user(UserPoolId=cognito.pool_id, Username=person.sub)
        return event

    cognito.trigger.act = disable
    with refused(cognito.public, "NotAuthorizedException"):
        cognito.sign_in(person)


def test_a_sign_out_while_a_refresh_runs_wins(cognito: Cognito):
    person = cognito.with_phone()
    token = cognito.sign_in(person)["RefreshToken"]

    def sign_out(event: dict[str, Any]) -> dict[str, Any]:
        cognito.idp.admin_user_global_sign_out(UserPoolId=cognito.pool_id, Username=person.sub)
        return event

    cognito.trigger.act = sign_out
    with refused(cognito.public, "NotAuthorizedException"):
        cognito.refresh(token)
    cognito.trigger.reset()
    with refused(cognito.public, "NotAuthorizedException"):
        cognito.refresh(token)
