"""AWS JSON 1.1: hostile and broken requests get a modelled answer, never a trace."""

import json
from typing import Any

import httpx
import pytest

from tests.local.cognito.harness import Cognito

TARGET = "AWSCognitoIdentityProviderService."


def post(cognito: Cognito, operation: str, body: Any, **headers: str) -> httpx.Response:
    every = {"X-Amz-Target": operation, "Content-Type": "application/x-amz-json-1.1"}
    every |= {name.replace("_", "-"): value for name, value in headers.items()}
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return cognito.http.post(cognito.endpoint + "/", content=content, headers=every)


@pytest.mark.parametrize(
    ("body", "code"),
    [
        (b"{", "SerializationException"),
        (b"\xff", "SerializationException"),
        (b"[]", "SerializationException"),
        (b'"text"', "SerializationException"),
        (b"[" * 100_000, "SerializationException"),
        (b'{"ClientId": "\\ud800"}', "SerializationException"),
        (b"", "InvalidParameterException"),
        ({"ClientId": None, "AuthFlow": None}, "InvalidParameterException"),
        ({"ClientId": "c", "AuthFlow": 7}, "InvalidParameterException"),
        ({"ClientId": "c", "AuthFlow": "X", "AuthParameters": {"USERNAME": None}}, "InvalidParameterException"),
        ({"ClientId": "c", "AuthFlow": "X", "AuthParameters": ["USERNAME"]}, "InvalidParameterException"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_malformed_body_is_refused_in_the_services_own_shape(cognito: Cognito, body: Any, code: str):
    answer = post(cognito, TARGET + "InitiateAuth", body)
    assert (answer.status_code, answer.json()["__type"]) == (400, code)
    assert answer.headers["x-amzn-errortype"].startswith(code)
    assert answer.headers["content-type"] == "application/x-amz-json-1.1"


@pytest.mark.parametrize("operation", ["", "InitiateAuth", TARGET, TARGET + "ConfirmSignUp", "Other.InitiateAuth"])
def test_what_is_not_provided_is_unknown(cognito: Cognito, operation: str):
    assert post(cognito, operation, {}).json()["__type"] == "UnknownOperationException"


def test_a_form_that_a_browser_could_send_is_refused(cognito: Cognito):
    answer = post(cognito, TARGET + "InitiateAuth", b"{}", Content_Type="text/plain")
    assert answer.json()["__type"] == "SerializationException"


def test_a_body_past_the_limit_is_refused(cognito: Cognito):
    answer = post(cognito, TARGET + "InitiateAuth", b" " * (128 * 1024 + 1))
    assert answer.status_code == 413


def test_a_wrong_value_is_not_repeated_in_the_answer(cognito: Cognito):
    answer = post(cognito, TARGET + "InitiateAuth", {"ClientId": ["s3cr3t-value"], "AuthFlow": "X"})
    assert answer.status_code == 400
    assert "s3cr3t-value" not in answer.text


def test_an_unexpected_failure_tells_nothing(
    cognito: Cognito, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
):
    def broken(*_: object) -> None:
        raise RuntimeError("s3cr3t-value")

    monkeypatch.setattr("local.cognito.app.shapes.parse", broken)
    answer = post(cognito, TARGET + "InitiateAuth", {})
    assert (answer.status_code, answer.json()["__type"]) == (500, "InternalErrorException")
    assert "s3cr3t-value" not in answer.text + caplog.text
    assert "RuntimeError" in caplog.text


def test_a_whole_sign_in_logs_and_prints_no_secret(
    cognito: Cognito, caplog: pytest.LogCaptureFixture, capfd: pytest.CaptureFixture[str]
):
    with caplog.at_level("DEBUG", logger="local"), caplog.at_level("DEBUG", logger="uvicorn"):
        person = cognito.with_both()
        cognito.idp.admin_set_user_mfa_preference(
            UserPoolId=cognito.pool_id, Username=person.sub, SMSMfaSettings={"Enabled": True, "PreferredMfa": True}
        )
        tokens = cognito.sign_in(person)
    out, err = capfd.readouterr()
    logged = out + err + "".join(r.getMessage() for r in caplog.records if r.name.startswith(("local", "uvicorn")))
    assert person.totp is not None
    for secret in (person.password, person.totp.secret, cognito.sms_code(person), tokens["RefreshToken"]):
        assert secret not in logged
