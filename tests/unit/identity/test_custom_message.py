"""The texts of Cognito's own messages."""

from __future__ import annotations

from typing import Any

import pytest

from phivault.errors import AccessDenied, InvalidInput
from phivault.identity.custom_message import SMS_CHARACTERS, TEXTS, custom_message, purpose
from phivault.identity.trigger import read
from tests.support.trigger_events import EMAIL, SUB, trigger_event

PLACEHOLDERS = {"codeParameter": "{####}", "usernameParameter": "{username}", "linkParameter": "{##Click##}"}
SOURCES = sorted(TEXTS)


def _response(source: str, placeholders: dict[str, Any] | None = None) -> dict[str, Any]:
    event = trigger_event(source, PLACEHOLDERS if placeholders is None else placeholders)
    response: dict[str, Any] = custom_message(read(event, "request-1"))["response"]
    return response


@pytest.mark.parametrize("source", SOURCES)
def test_every_text_carries_the_code_and_nobody(source: str) -> None:
    response = _response(source)
    texts = [response[name] for name in ("smsMessage", "emailMessage") if response[name]]
    assert texts
    for text in texts:
        assert text.count("{####}") == 1
        assert not [word for word in ("tenant-a", "clinician", EMAIL, SUB) if word in text]
    assert len(response["smsMessage"] or "") <= SMS_CHARACTERS
    assert bool(response["emailMessage"]) == bool(response["emailSubject"])


def test_a_forgotten_password_has_no_text_message() -> None:
    assert _response("CustomMessage_ForgotPassword")["smsMessage"] is None


def test_a_code_to_sign_in_has_no_mail() -> None:
    assert _response("CustomMessage_Authentication")["emailMessage"] is None


def test_only_a_new_account_is_told_its_name() -> None:
    named = {source for source in SOURCES if "{username}" in str(_response(source))}
    assert named == {"CustomMessage_AdminCreateUser"}


def test_the_placeholders_are_the_events() -> None:
    renamed = {"codeParameter": "{CODE}", "usernameParameter": "{WHO}"}
    text = _response("CustomMessage_AdminCreateUser", renamed)["emailMessage"]
    assert "{CODE}" in text
    assert "{WHO}" in text
    assert "{####}" not in text


@pytest.mark.parametrize("source", ["CustomMessage_SignUp", "CustomMessage_Unheard", "", "CustomMessage"])
def test_a_message_that_is_not_ours_is_refused(source: str) -> None:
    with pytest.raises(AccessDenied):
        _response(source)
    assert purpose(trigger_event(source)) == "unknown"


@pytest.mark.parametrize("placeholders", [{}, {"codeParameter": None}, {"codeParameter": ""}, {"codeParameter": 7}])
def test_without_a_placeholder_there_is_no_text(placeholders: dict[str, Any]) -> None:
    with pytest.raises(InvalidInput):
        _response("CustomMessage_ForgotPassword", placeholders)


def test_what_is_recorded_names_the_purpose() -> None:
    assert purpose(trigger_event("CustomMessage_ForgotPassword")) == "password-reset"
    assert [purpose(event) for event in (None, {}, {"triggerSource": 7})] == ["unknown"] * 3
