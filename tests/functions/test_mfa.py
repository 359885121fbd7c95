"""Second factors over HTTP: an app added and replaced, the preferred one, recovery codes and the way back."""

from __future__ import annotations

from typing import TYPE_CHECKING
from xml.etree import ElementTree

import pyotp
import pytest

from tests.support.accounts import Account
from tests.support.answers import ok, refused
from tests.support.apps import App, add, set_up

if TYPE_CHECKING:
    from tests.functions.conftest import Look
    from tests.support.stack import RunningStack


@pytest.fixture
def account(stack: RunningStack) -> Account:
    """By text message."""
    return Account(stack, "clinician", stack.tenants[0])


def _codes(account: Account, tokens: dict[str, str]) -> list[str]:
    codes: list[str] = ok(account.api(tokens).post("/me/mfa/recovery-codes"))["recovery_codes"]
    return codes


def _recover(account: Account, code: str | None, password: str = "") -> dict[str, str | None]:
    return {"email": account.email, "password": password or account.password, "recovery_code": code}


def test_an_app_is_added_and_then_asked_for(account: Account, events_of: Look) -> None:
    tokens = account.tokens()
    client = account.api(tokens)
    before = ok(client.get("/me/mfa"))
    assert before == {"factors": ["SMS_MFA"], "preferred": "SMS_MFA", "available": [], "recovery_codes": 0}

    answer = client.post("/me/mfa/totp", json={"refresh_token": tokens["refresh_token"]})
    begun = ok(answer)
    assert set(begun) == {"secret", "otpauth_uri", "qr_svg", "refresh_token"}
    assert ElementTree.fromstring(begun["qr_svg"]).tag.endswith("svg")
    parsed = pyotp.parse_uri(begun["otpauth_uri"])
    assert isinstance(parsed, pyotp.TOTP)
    assert (parsed.secret, parsed.name) == (begun["secret"], account.email)
    (event,) = events_of(answer)
    assert (event["action"], event["resource"], event["resource_id"]) == (
        "auth.mfa-enrol",
        "Factor",
        "SOFTWARE_TOKEN_MFA",
    )
    app = App(begun["secret"])
    assert ok(client.get("/me/mfa")) == before

    answer = client.put("/me/mfa/totp", json={"code": app.code()})
    ok(answer, 204)
    assert {event["action"] for event in events_of(answer)} == {"me.mfa-change", "auth.code-send"}
    shown = ok(client.get("/me/mfa"))
    assert (shown["factors"], shown["preferred"]) == (["SMS_MFA", "SOFTWARE_TOKEN_MFA"], "SOFTWARE_TOKEN_MFA")
    asked = ok(account.ask())
    assert asked["challenge"] == "SOFTWARE_TOKEN_MFA"
    ok(account.answer(asked, app.code()))
    ok(account.post("/auth/refresh", {"refresh_token": begun["refresh_token"]}))


def test_the_user_is_told_by_e_mail(account: Account) -> None:
    tokens = account.tokens()
    client = account.api(tokens)
    ok(client.put("/me/mfa/totp", json={"code": add(client, tokens).code()}), 204)
    messages = account.client.get(account.stack.facts["outbox_url"], params={"to": account.email}).json()
    assert [message["purpose"] for message in messages] == ["factor-changed"]


def test_an_app_is_replaced(stack: RunningStack) -> None:
    account = Account(stack, "clinician", stack.tenants[0], sms=False)
    old, tokens = set_up(account, ok(account.ask()))
    client = account.api(tokens)
    new = add(client, tokens)
    ok(client.put("/me/mfa/totp", json={"code": new.code()}), 204)
    asked = ok(account.ask())
    refused(account.answer(asked, old.code()), 401)
    ok(account.answer(asked, new.code()))


def test_the_preferred_factor_is_ones_own(account: Account) -> None:
    client = account.api()
    assert "enrol it first" in refused(client.put("/me/mfa", json={"preferred": "SOFTWARE_TOKEN_MFA"}), 422)
    ok(client.put("/me/mfa", json={"preferred": "SMS_MFA"}), 204)
    refused(client.put("/me/mfa", json={"preferred": "EMAIL_OTP"}), 400)


def test_a_recovery_code_leads_to_a_new_app_and_ends_the_sessions(account: Account, events_of: Look) -> None:
    tokens = account.tokens()
    codes = _codes(account, tokens)
    assert len(set(codes)) == 10
    answer = account.post("/auth/mfa/recover", _recover(account, codes[0]))
    asked = ok(answer)
    assert asked["challenge"] == "MFA_SETUP"
    assert set(asked) <= {"challenge", "session", "choices"}
    refused(account.api(tokens).get("/me"), 401)
    refused(account.post("/auth/refresh", {"refresh_token": tokens["refresh_token"]}), 401)
    app, fresh = set_up(account, asked)
    assert ok(account.api(fresh).get("/me/mfa"))["recovery_codes"] == 9
    again = ok(account.ask())
    assert again["challenge"] == "SOFTWARE_TOKEN_MFA"
    ok(account.answer(again, app.code()))


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ({"refresh_token": "x" * 40, "nonce": "mine"}, "an unknown member"),
        ({}, "refresh_token: is missing"),
    ],
)
def test_bodies_of_another_shape(account: Account, body: dict[str, str], says: str) -> None:
    assert says in refused(account.api().post("/me/mfa/totp", json=body), 400)


def test_nothing_begun_nothing_finished(account: Account) -> None:
    assert "begin again" in refused(account.api().put("/me/mfa/totp", json={"code": "123456"}), 409)
