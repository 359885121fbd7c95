"""The trigger's answer, by AWS's documented shape."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest

from phivault.errors import AccessDenied
from phivault.identity.pre_token import nonce_of, require_granted, respond

EVENT: dict[str, Any] = {
    "version": "2",
    "triggerSource": "TokenGeneration_Authentication",
    "region": "us-east-1",
    "userPoolId": "us-east-1_Test",
    "userName": "0d9c4f0e-3c64-4d4c-9d52-1f6a5a5b8d11",
    "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": "client"},
    "request": {
        "userAttributes": {
            "sub": "0d9c4f0e-3c64-4d4c-9d52-1f6a5a5b8d11",
            "email": "clinician@example.test",
            "custom:tenant_id": "tenant-a",
            "custom:role": "clinician",
        },
        "groupConfiguration": {"groupsToOverride": [], "iamRolesToOverride": [], "preferredRole": None},
        "scopes": ["aws.cognito.signin.user.admin"],
    },
    "response": {"claimsAndScopeOverrideDetails": None},
}
TOTP = ("SOFTWARE_TOKEN_MFA",)


def _with(**attributes: Any) -> dict[str, Any]:
    event = copy.deepcopy(EVENT)
    event["request"]["userAttributes"] |= {name.replace("__", ":"): value for name, value in attributes.items()}
    return event


def test_claims_and_scope() -> None:
    answer = respond(EVENT, TOTP)
    assert answer["response"] == {
        "claimsAndScopeOverrideDetails": {
            "accessTokenGeneration": {
                "claimsToAddOrOverride": {"tenant_id": "tenant-a", "role": "clinician"},
                "scopesToAdd": ["phivault/api"],
                "scopesToSuppress": ["aws.cognito.signin.user.admin"],
            }
        }
    }
    assert {name: answer[name] for name in EVENT if name != "response"} == {
        name: EVENT[name] for name in EVENT if name != "response"
    }


def test_running_twice_changes_nothing() -> None:
    before = json.dumps(EVENT)
    once = respond(EVENT, TOTP)
    assert respond(once, TOTP) == once
    assert json.dumps(EVENT) == before


def test_a_patient_gets_their_patient_id() -> None:
    answer = respond(_with(custom__role="patient", custom__patient_id="p-1"), TOTP)
    access = answer["response"]["claimsAndScopeOverrideDetails"]["accessTokenGeneration"]
    assert access["claimsToAddOrOverride"]["patient_id"] == "p-1"


def test_nobody_else_gets_one() -> None:
    answer = respond(_with(custom__patient_id="p-1"), TOTP)
    access = answer["response"]["claimsAndScopeOverrideDetails"]["accessTokenGeneration"]
    assert "patient_id" not in access["claimsToAddOrOverride"]


def test_no_factor_no_tokens() -> None:
    with pytest.raises(AccessDenied):
        respond(EVENT, ())
    with pytest.raises(AccessDenied):
        respond(EVENT, ("EMAIL_OTP",))


def test_a_verified_phone_is_a_factor() -> None:
    assert respond(_with(phone_number="+15555550100", phone_number_verified="true"), ())
    with pytest.raises(AccessDenied):
        respond(_with(phone_number="+15555550100", phone_number_verified="false"), ())
    with pytest.raises(AccessDenied):
        respond(_with(phone_number="", phone_number_verified="true"), ())


@pytest.mark.parametrize(
    "attributes",
    [
        {"custom__role": None},
        {"custom__role": "root"},
        {"custom__role": "Clinician"},
        {"custom__role": ["clinician"]},
        {"custom__tenant_id": None},
        {"custom__tenant_id": "-"},
        {"custom__tenant_id": "a/b"},
        {"custom__role": "patient"},
        {"custom__role": "patient", "custom__patient_id": "a b"},
    ],
)
def test_an_unusable_identity_gets_no_tokens(attributes: dict[str, Any]) -> None:
    with pytest.raises(AccessDenied):
        respond(_with(**attributes), TOTP)


@pytest.mark.parametrize("version", ["1", "3", "", None])
def test_another_event_version_is_refused(version: str | None) -> None:
    with pytest.raises(AccessDenied):
        respond(EVENT | {"version": version}, TOTP)


REFRESHED = EVENT | {"triggerSource": "TokenGeneration_RefreshTokens"}
USER = str(EVENT["userName"])


def _naming(nonce: Any, event: dict[str, Any] = REFRESHED) -> dict[str, Any]:
    return event | {"request": event["request"] | {"clientMetadata": {"nonce": nonce}}}


def test_an_elevated_token_keeps_cognitos_scope_and_has_nothing_of_ours() -> None:
    answer = respond(REFRESHED, TOTP, elevated=True)
    access = answer["response"]["claimsAndScopeOverrideDetails"]["accessTokenGeneration"]
    assert access == {"claimsToAddOrOverride": {}, "scopesToAdd": [], "scopesToSuppress": []}


def test_an_elevated_token_needs_a_factor_a_role_and_a_tenant_too() -> None:
    with pytest.raises(AccessDenied):
        respond(REFRESHED, (), elevated=True)
    with pytest.raises(AccessDenied):
        respond(_with(custom__role="nobody"), TOTP, elevated=True)


def test_a_nonce_is_read_in_a_refresh_alone() -> None:
    assert nonce_of(_naming("n-1")) == "n-1"
    assert nonce_of(_naming("n-1", EVENT)) == ""
    assert nonce_of(REFRESHED) == nonce_of(_naming("")) == ""
    assert nonce_of(REFRESHED | {"request": EVENT["request"] | {"clientMetadata": None}}) == ""


def test_a_nonce_is_good_for_whom_it_was_granted_to() -> None:
    require_granted(REFRESHED, USER)
    for granted in ("", "somebody-else", USER.upper()):
        with pytest.raises(AccessDenied):
            require_granted(REFRESHED, granted)
    with pytest.raises(AccessDenied):
        require_granted({}, "")
