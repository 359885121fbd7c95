"""The trigger function: what Cognito sends in, what it gets back, and what a refusal says."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from functions.pre_token import handler as function
from local.worker import Context
from phivault import bootstrap
from phivault.adapters import cognito
from phivault.audit.canonical import EventLine, parse
from phivault.audit.event import Action, AuditEvent, RiskLevel
from phivault.audit.recorder import Recorder
from phivault.errors import Unavailable
from phivault.identity.pre_token import hash_of_nonce
from phivault.identity.trigger import Refused, RefusedUnavailable
from tests.support.audit import MemoryEvents, MemoryIndex

EVENT: dict[str, Any] = {
    "version": "2",
    "triggerSource": "TokenGeneration_RefreshTokens",
    "region": "us-east-1",
    "userPoolId": "us-east-1_Test",
    "userName": "0d9c4f0e-3c64-4d4c-9d52-1f6a5a5b8d11",
    "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "client"},
    "request": {
        "userAttributes": {
            "email": "clinician@example.test",
            "custom:tenant_id": "tenant-a",
            "custom:role": "clinician",
        },
        "scopes": ["aws.cognito.signin.user.admin"],
    },
    "response": {"claimsAndScopeOverrideDetails": None},
}
ASKED = {"UserPoolId": "us-east-1_Test", "Username": EVENT["userName"]}


CONTEXT = Context("pre_token", "request-1")


@pytest.fixture(autouse=True)
def kept(monkeypatch: pytest.MonkeyPatch) -> MemoryEvents:
    """What was recorded."""
    events = MemoryEvents()
    recorder = Recorder(events, MemoryIndex(), deadline_seconds=1)
    monkeypatch.setattr(bootstrap, "recorder", lambda: recorder)
    return events


def _recorded(kept: MemoryEvents) -> list[AuditEvent]:
    lines = [parse(line) for chain in kept.chains().values() for line in chain]
    return [line.event for line in lines if isinstance(line, EventLine)]


@pytest.fixture
def pool(monkeypatch: pytest.MonkeyPatch) -> Stubber:
    api: Any = boto3.client("cognito-idp", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    monkeypatch.setattr(cognito, "client", lambda service, **_: api)
    return Stubber(api)


class Grants:
    """What ``me`` keeps of the nonces that it granted: one, to the event's user."""

    down = False

    def granted(self, nonce_hash: str) -> str:
        if self.down:
            raise Unavailable
        return str(EVENT["userName"]) if nonce_hash == hash_of_nonce("granted") else ""


@pytest.fixture
def grants(monkeypatch: pytest.MonkeyPatch) -> Grants:
    found = Grants()
    monkeypatch.setattr(bootstrap, "factor_rows", lambda: found)
    return found


def _naming(nonce: str, **changed: Any) -> dict[str, Any]:
    return EVENT | {"request": EVENT["request"] | {"clientMetadata": {"nonce": nonce}}} | changed


def _user(*factors: str) -> dict[str, Any]:
    return {"Username": EVENT["userName"], "UserMFASettingList": list(factors)}


def test_an_enrolled_user_gets_our_claims(pool: Stubber, kept: MemoryEvents) -> None:
    pool.add_response("admin_get_user", _user("SOFTWARE_TOKEN_MFA"), ASKED)
    with pool:
        answer = function.handler(EVENT, CONTEXT)
    access = answer["response"]["claimsAndScopeOverrideDetails"]["accessTokenGeneration"]
    assert access["claimsToAddOrOverride"] == {"tenant_id": "tenant-a", "role": "clinician"}
    assert access["scopesToAdd"] == ["phivault/api"]
    assert _recorded(kept) == [], "the tokens are recorded by who hands them out"


def test_a_user_without_a_factor_gets_none(pool: Stubber, kept: MemoryEvents) -> None:
    pool.add_response("admin_get_user", {"Username": EVENT["userName"]}, ASKED)
    with pool, pytest.raises(Refused) as refused:
        function.handler(EVENT, CONTEXT)
    assert str(refused.value) == "denied"
    (event,) = _recorded(kept)
    assert (event.action, event.error, event.risk) == (Action.TOKEN_REFRESH, "denied", RiskLevel.HIGH)
    assert (event.tenant, event.role, event.user_id) == ("tenant-a", "clinician", EVENT["userName"])
    assert event.request_id == "request-1"


def test_an_attribute_that_is_no_id_of_ours_is_not_recorded(pool: Stubber, kept: MemoryEvents) -> None:
    attributes = {"custom:tenant_id": "Jorun Zebrowski", "custom:role": "born 1957", "email": "jorun@example.test"}
    asked = EVENT | {"userName": "jorun@example.test", "request": {"userAttributes": attributes}}
    pool.add_response("admin_get_user", _user("SOFTWARE_TOKEN_MFA"))
    with pool, pytest.raises(Refused):
        function.handler(asked | {"triggerSource": "TokenGeneration_Authentication"}, CONTEXT)
    (event,) = _recorded(kept)
    assert (event.action, event.tenant, event.role, event.user_id) == (Action.TOKEN_ISSUE, "-", "", "")


def test_a_refusal_that_cannot_be_recorded_is_a_refusal(pool: Stubber, kept: MemoryEvents) -> None:
    kept.failures = ["before"]
    pool.add_response("admin_get_user", {"Username": EVENT["userName"]}, ASKED)
    with pool, pytest.raises(RefusedUnavailable) as refused:
        function.handler(EVENT, CONTEXT)
    assert str(refused.value) == "unavailable"


@pytest.mark.parametrize("code", ["InternalErrorException", "UserNotFoundException", "TooManyRequestsException"])
def test_no_answer_about_factors_means_no_tokens(pool: Stubber, code: str) -> None:
    pool.add_client_error("admin_get_user", code, "clinician@example.test", 500)
    with pool, pytest.raises(Refused) as refused:
        function.handler(EVENT, CONTEXT)
    assert "clinician" not in repr(refused.value)
    assert refused.value.__suppress_context__


@pytest.mark.parametrize("event", [{}, {"version": "2"}, EVENT | {"request": {}}])
def test_an_event_of_another_shape_gets_none(pool: Stubber, event: dict[str, Any]) -> None:
    pool.add_response("admin_get_user", _user("SOFTWARE_TOKEN_MFA"))
    with pool, pytest.raises((KeyError, Refused)):
        function.handler(event, CONTEXT)


def test_a_granted_nonce_leaves_cognitos_scope_however_often_cognito_asks(pool: Stubber, grants: Grants) -> None:
    for _ in range(3):
        pool.add_response("admin_get_user", _user("SOFTWARE_TOKEN_MFA"), ASKED)
    with pool:
        answers = [function.handler(_naming("granted"), CONTEXT) for _ in range(3)]
    assert answers[0] == answers[1] == answers[2]
    access = answers[0]["response"]["claimsAndScopeOverrideDetails"]["accessTokenGeneration"]
    assert access == {"claimsToAddOrOverride": {}, "scopesToAdd": [], "scopesToSuppress": []}


@pytest.mark.parametrize("event", [_naming("forged"), _naming("granted", userName="another-user")])
def test_a_nonce_that_was_not_granted_gets_no_tokens_and_is_recorded(
    pool: Stubber, grants: Grants, kept: MemoryEvents, event: dict[str, Any]
) -> None:
    with pool, pytest.raises(Refused):
        function.handler(event, CONTEXT)
    (recorded,) = _recorded(kept)
    assert (recorded.action, recorded.error, recorded.risk) == (Action.TOKEN_REFRESH, "denied", RiskLevel.HIGH)


def test_a_nonce_changes_nothing_about_a_sign_in(pool: Stubber, grants: Grants) -> None:
    pool.add_response("admin_get_user", _user("SOFTWARE_TOKEN_MFA"), ASKED)
    with pool:
        answer = function.handler(_naming("granted", triggerSource="TokenGeneration_Authentication"), CONTEXT)
    access = answer["response"]["claimsAndScopeOverrideDetails"]["accessTokenGeneration"]
    assert access["scopesToSuppress"] == ["aws.cognito.signin.user.admin"]


def test_no_answer_about_a_nonce_means_no_tokens(pool: Stubber, grants: Grants) -> None:
    grants.down = True
    with pool, pytest.raises(RefusedUnavailable):
        function.handler(_naming("granted"), CONTEXT)
