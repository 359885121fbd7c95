"""Cognito's triggers, each called as Cognito calls it: on its alias, with an event of Cognito's shape, under its role.

The emulator asks few of them by itself (``unsound.py``).
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any

import boto3

from infra.settings import ALIAS
from local.ministack import REGION
from tests.e2e.cast import Cast, answered
from tests.e2e.journal import Failed, Journal, expect
from tests.e2e.people import User

CODE = {"codeParameter": "{####}", "usernameParameter": None}
SELF_SERVICE = "aws.cognito.signin.user.admin"


@dataclass(frozen=True, slots=True)
class Triggers:
    cast: Cast
    functions: dict[str, dict[str, Any]]

    def passes(self, name: str, event: dict[str, Any]) -> Any:
        """The response in it. Raises Failed where it isn't the event with one."""
        said = self._call(name, event)
        expect(isinstance(said, dict) and "errorType" not in said, f"{name} refused: {said}")
        same = {key: value for key, value in said.items() if key != "response"}
        expect(same == {key: value for key, value in event.items() if key != "response"}, f"{name} altered the event")
        return said["response"]

    def refuses(self, name: str, event: dict[str, Any], code: str) -> None:
        """With the code of an error and nothing else, which Cognito would show."""
        said = self._call(name, event)
        expect(isinstance(said, dict) and said.get("errorMessage") == code, f"{name} answered {str(said)[:300]}")

    def _call(self, name: str, event: dict[str, Any]) -> Any:
        alias = f"{self.functions[name]['FunctionArn']}:{ALIAS}"
        answer = boto3.client("lambda").invoke(FunctionName=alias, Payload=json.dumps(event))
        return json.loads(answer["Payload"].read())

    def event(self, source: str, user: User, version: str = "1", **more: Any) -> dict[str, Any]:
        """``more`` is further members of the request; ``role`` stands for the user's."""
        attributes = {
            "sub": user.id,
            "email": user.email,
            "custom:tenant_id": user.tenant,
            "custom:role": more.pop("role", user.role),
        }
        return {
            "version": version,
            "triggerSource": source,
            "region": REGION,
            "userPoolId": self.cast.pool.id,
            "userName": user.id,
            "callerContext": {"awsSdkVersion": "aws-sdk-unknown-unknown", "clientId": self.cast.pool.client_id},
            "request": {"userAttributes": attributes | {"cognito:user_status": "CONFIRMED"}} | more,
            "response": {},
        }


def play(journal: Journal, cast: Cast, functions: dict[str, dict[str, Any]], *, before_offboarding: bool) -> None:
    triggers, doctor = Triggers(cast, functions), cast["doctor"]
    if not before_offboarding:
        with journal.check("pre_authentication refuses whoever was offboarded"):
            event = triggers.event("PreAuthentication_Authentication", cast["coordinator"])
            triggers.refuses("pre_authentication", event, "denied")
        return
    with journal.check("pre_authentication passes an active user"):
        triggers.passes("pre_authentication", triggers.event("PreAuthentication_Authentication", doctor))
    with journal.check("pre_sign_up passes what our functions make, whole, and confirms nothing"):
        said = triggers.passes("pre_sign_up", triggers.event("PreSignUp_AdminCreateUser", doctor))
        expect(not any(said.values()), f"{said}")
    with journal.check("pre_sign_up refuses Cognito's public sign-up, and an account without a role"):
        triggers.refuses("pre_sign_up", triggers.event("PreSignUp_SignUp", doctor, role="tenant_admin"), "denied")
        triggers.refuses("pre_sign_up", triggers.event("PreSignUp_AdminCreateUser", doctor, role="root"), "denied")
    with journal.check("post_authentication passes, and refuses what is no event"):
        event = triggers.event("PostAuthentication_Authentication", doctor, newDeviceUsed=False)
        triggers.passes("post_authentication", event)
        triggers.refuses("post_authentication", {"version": "1"}, "invalid")
    with journal.check("custom_message writes Cognito's texts, and refuses a message that isn't the product's"):
        said = triggers.passes("custom_message", triggers.event("CustomMessage_Authentication", doctor, **CODE))
        expect("{####}" in said["smsMessage"], f"{said}")
        triggers.refuses("custom_message", triggers.event("CustomMessage_SignUp", doctor, **CODE), "denied")
    with journal.check("pre_token gives our claims and scope, and takes Cognito's own away"):
        _claims(triggers, doctor)
    with journal.check("pre_token refuses a user without a factor, and a nonce that nobody granted"):
        scopes = [SELF_SERVICE]
        event = triggers.event("TokenGeneration_Authentication", cast["forgetful"], "2", scopes=scopes)
        triggers.refuses("pre_token", event, "denied")
        metadata = {"nonce": "AAAAAAAAAAAAAAAAAAAAAA"}
        event = triggers.event("TokenGeneration_RefreshTokens", doctor, "2", scopes=scopes, clientMetadata=metadata)
        triggers.refuses("pre_token", event, "denied")
    with journal.check("post_confirmation ends all sessions after a reset past us, tells the user, refuses the rest"):
        _reset_past_us(triggers, doctor)
    _asked_by_cognito(journal, cast)


def _claims(triggers: Triggers, doctor: User) -> None:
    event = triggers.event("TokenGeneration_Authentication", doctor, "2", scopes=[SELF_SERVICE])
    given = triggers.passes("pre_token", event)["claimsAndScopeOverrideDetails"]["accessTokenGeneration"]
    expect(given["claimsToAddOrOverride"] == {"tenant_id": doctor.tenant, "role": "clinician"}, f"{given}")
    expect(given["scopesToSuppress"] == [SELF_SERVICE], f"{given}")


def _reset_past_us(triggers: Triggers, doctor: User) -> None:
    cast = triggers.cast
    letters = len(cast.letters.to(doctor.email))
    triggers.refuses("post_confirmation", triggers.event("PostConfirmation_ConfirmSignUp", doctor), "denied")
    answered(cast.ask("doctor", "GET", "v1/me"), 200)
    triggers.passes("post_confirmation", triggers.event("PostConfirmation_ConfirmForgotPassword", doctor))
    answered(cast.ask("doctor", "GET", "v1/me"), 401, "unauthenticated")
    expect(len(cast.letters.to(doctor.email)) == letters + 1, "the user wasn't told")


def _asked_by_cognito(journal: Journal, cast: Cast) -> None:
    """What the pool itself names: that Cognito may call it, and that it is the alias."""
    with journal.check("the pool names all six triggers by their aliases"):
        pool = boto3.client("cognito-idp").describe_user_pool(UserPoolId=cast.pool.id)["UserPool"]["LambdaConfig"]
        named = [arn if isinstance(arn, str) else arn["LambdaArn"] for arn in pool.values()]
        if len(named) != 6 or not all(arn.endswith(f":{ALIAS}") for arn in named):
            raise Failed(f"{len(named)} triggers")
