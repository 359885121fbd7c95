"""Drive the triggers around a sign-in, and a forgotten password, for what they really call."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from tests.support.accounts import Account
from tests.support.answers import ok
from tests.support.aws_proxy import Fault
from tests.support.trigger_events import trigger_event

if TYPE_CHECKING:
    from tests.support.recording import Recording

CODE = {"codeParameter": "{####}", "usernameParameter": None, "linkParameter": "{##Click Here##}"}
EVENTS: dict[str, dict[str, Any]] = {
    "pre_sign_up": trigger_event("PreSignUp_AdminCreateUser"),
    "pre_authentication": trigger_event("PreAuthentication_Authentication"),
    "post_authentication": trigger_event("PostAuthentication_Authentication"),
    "custom_message": trigger_event("CustomMessage_Authentication", CODE),
    "post_confirmation": trigger_event("PostConfirmation_ConfirmForgotPassword"),
}


def run_the_triggers(recording: Recording) -> None:
    """Each by itself, in a new execution environment, with the first answer of the log lost."""
    for name, event in EVENTS.items():
        recording.s3.fail(Fault.LOST, once=True, only="s3 PUT")
        assert recording.invoke(name, event)["userName"] == event["userName"]


def forget_a_password(recording: Recording) -> None:
    person = Account(recording.stack, "clinician", recording.stack.tenants[0])
    outbox = {"url": recording.stack.facts["outbox_url"], "params": {"to": person.email}}
    person.client = recording.client()
    ok(person.post("/auth/password/forgot", {"email": person.email}), 202)
    code = recording.stack.anyone().get(**outbox).json()[-1]["code"]
    new = {"code": code, "new_password": "aA1!" + secrets.token_urlsafe(16)}
    ok(person.post("/auth/password/reset", {"email": person.email, **new}))
