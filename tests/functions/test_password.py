"""A forgotten password over HTTP: a code by e-mail, a new password, a challenge, and every old session dead."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.accounts import Account
from tests.support.answers import MARK, ok, refused
from tests.support.sources import client_from

if TYPE_CHECKING:
    from tests.support.locked_log import LockedLog
    from tests.support.stack import RunningStack


@pytest.fixture
def account(stack: RunningStack) -> Account:
    return Account(stack, "clinician", stack.tenants[0])


@pytest.fixture(scope="module")
def log(stack: RunningStack) -> LockedLog:
    from tests.support.locked_log import LockedLog

    return LockedLog(stack)


def new_password() -> str:
    return "aA1!" + secrets.token_urlsafe(16)


def mail(account: Account, purpose: str) -> list[dict[str, Any]]:
    """What was sent to the account's address, for a purpose."""
    messages = account.client.get(account.stack.facts["outbox_url"], params={"to": account.email}).json()
    return [message for message in messages if message["purpose"] == purpose]


def code_of(account: Account) -> str:
    ok(account.post("/auth/password/forgot", {"email": account.email}), 202)
    return str(mail(account, "password-reset")[-1]["code"])


def reset(account: Account, code: str, password: str) -> Any:
    return account.post("/auth/password/reset", {"email": account.email, "code": code, "new_password": password})


def test_a_new_password_ends_in_a_challenge_and_ends_sessions(account: Account, log: LockedLog) -> None:
    old, signed_in = account.password, account.tokens()
    other = account.tokens()
    texts = len(account.client.get(account.stack.facts["outbox_url"], params={"to": account.phone}).json())
    code = code_of(account)
    account.password = new_password()
    answer = reset(account, code, account.password)
    asked = ok(answer)
    assert set(asked) == {"challenge", "session", "destination"}
    assert asked["challenge"] == "SMS_MFA"

    for tokens in (signed_in, other):
        refused(account.api(tokens).get("/me"), 401)
        refused(account.post("/auth/refresh", {"refresh_token": tokens["refresh_token"]}), 401)
    refused(account.ask(old), 401)
    refused(reset(account, code, new_password()), 401)

    tokens = ok(account.answer(asked, account.text_message()))
    assert ok(account.api(tokens).get("/me"))["email"] == account.email
    sent = account.client.get(account.stack.facts["outbox_url"], params={"to": account.phone}).json()[texts:]
    assert {message["purpose"] for message in sent} == {"sign-in"}

    events = log.events(request_id=answer.headers["x-request-id"])
    assert [(event["action"], event["success"]) for event in events] == [
        ("auth.password-reset", True),
        ("auth.password-reset", True),
        ("auth.sign-in", True),
    ]
    by_cognito = log.events(action="auth.password-reset", user_id=events[1]["user_id"], tenant=account.tenant)
    assert [event["risk"] for event in by_cognito] == ["HIGH"]
    assert "sessions:ended:2" in by_cognito[0]["flags"]


def test_the_user_is_told(account: Account) -> None:
    before = len(mail(account, "password-reset"))
    ok(reset(account, code_of(account), new_password()))
    sent = mail(account, "password-reset")[before:]
    assert len(sent) == 2
    assert "Your password was changed" in sent[-1]["code"]


def test_a_weak_password_costs_no_try(account: Account) -> None:
    code = code_of(account)
    for _ in range(6):
        assert "password" in refused(reset(account, code, "Short-1"), 400)
    assert "password" in refused(reset(account, code, account.password), 400), "its history"
    ok(reset(account, code, new_password()))


def test_codes_are_guessed_few_times(account: Account) -> None:
    code = code_of(account)
    guess = f"{(int(code) + 1) % 10**6:06}"
    statuses = [reset(account, guess, new_password()).status_code for _ in range(6)]
    assert statuses[0] == 401
    assert statuses[-1] == 429
    locked = reset(account, code, new_password())
    refused(locked, 429)
    assert int(locked.headers["Retry-After"]) >= 1


@pytest.mark.parametrize("path", ["forgot", "reset"])
def test_nothing_of_the_body_comes_back(stack: RunningStack, path: str) -> None:
    with client_from(stack) as client:
        refused(client.post(f"/auth/password/{path}", json={"email": MARK, MARK: MARK, "code": MARK}), 400)


def test_who_has_no_account_is_answered_alike(stack: RunningStack, account: Account) -> None:
    with client_from(stack) as client:
        known = client.post("/auth/password/forgot", json={"email": account.email})
        unknown = client.post("/auth/password/forgot", json={"email": f"{secrets.token_hex(8)}@people.test"})
        assert ok(known, 202) == ok(unknown, 202) == {"expires_in": 3600}
        body = {"code": "000000", "new_password": new_password()}
        wrong = [
            client.post("/auth/password/reset", json=body | {"email": email})
            for email in (account.email, f"{secrets.token_hex(8)}@people.test")
        ]
        texts = {refused(answer, 401) for answer in wrong}
        assert len(texts) == 1
