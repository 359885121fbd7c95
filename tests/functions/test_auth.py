"""Sign-in over HTTP as an app sees it: no tokens without a second factor, each code once, sessions that end."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pyotp
import pytest

from tests.support.accounts import Account, cognito
from tests.support.answers import MARK, ok, patiently, refused
from tests.support.apps import App

if TYPE_CHECKING:
    from tests.support.stack import RunningStack

TOKENS = {"access_token", "id_token", "refresh_token", "expires_in", "token_type"}


def _account(stack: RunningStack, role: str = "clinician", **how: bool) -> Account:
    return Account(stack, role, stack.tenants[0], **how)


@pytest.fixture(scope="module")
def account(stack: RunningStack) -> Account:
    return _account(stack)


def _enrol(account: Account, asked: dict[str, Any]) -> tuple[App, dict[str, Any]]:
    """An authenticator app, and the tokens that its first code bought."""
    setup = ok(account.post("/auth/mfa/totp", {"session": asked["session"]}))
    assert set(setup) == {"secret", "otpauth_uri", "qr_svg", "session"}
    told: Any = pyotp.parse_uri(setup["otpauth_uri"])
    assert (told.secret, told.issuer, told.name) == (setup["secret"], "phivault", account.email)
    app = App(setup["secret"])
    return app, ok(account.answer({"challenge": "MFA_SETUP", "session": setup["session"]}, app.code()))


def test_an_app_is_enrolled_and_then_asked_for(stack: RunningStack) -> None:
    account = _account(stack, sms=False)
    asked = ok(account.ask())
    assert set(asked) == {"challenge", "session", "choices"}
    assert asked["challenge"] == "MFA_SETUP"
    app, tokens = _enrol(account, asked)
    assert set(tokens) == TOKENS
    assert (tokens["expires_in"], tokens["token_type"]) == (900, "Bearer")
    assert ok(account.api(tokens).get("/me"))["email"] == account.email

    asked = ok(account.ask())
    assert asked["challenge"] == "SOFTWARE_TOKEN_MFA"
    assert set(asked) == {"challenge", "session"}
    code = app.code()
    assert set(ok(account.answer(asked, code))) == TOKENS
    refused(account.answer(ok(account.ask()), code), 401)


def test_a_code_by_text_message(account: Account) -> None:
    asked = ok(account.ask())
    assert set(asked) == {"challenge", "session", "destination"}
    assert asked["challenge"] == "SMS_MFA"
    assert asked["destination"].endswith(account.phone[-4:])
    assert account.phone[:-4] not in asked["destination"]
    assert set(ok(account.answer(asked, account.text_message()))) == TOKENS


def test_a_user_with_both_factors_chooses(stack: RunningStack) -> None:
    account = _account(stack, sms=False)
    _enrol(account, ok(account.ask()))
    account.add_phone()
    account.prefer(sms=False, totp=False)
    asked = ok(account.ask())
    assert asked["challenge"] == "SELECT_MFA_TYPE"
    assert set(asked["choices"]) == {"SMS_MFA", "SOFTWARE_TOKEN_MFA"}
    sent = ok(account.answer(asked, "SMS_MFA"))
    assert sent["challenge"] == "SMS_MFA"
    assert set(ok(account.answer(sent, account.text_message()))) == TOKENS


def test_a_temporary_password_is_replaced_and_still_buys_no_tokens(stack: RunningStack) -> None:
    account = _account(stack, sms=False, permanent=False)
    asked = ok(account.ask())
    assert asked["challenge"] == "NEW_PASSWORD_REQUIRED"
    given = {"challenge": asked["challenge"], "session": asked["session"], "email": account.email}
    following = account.post("/auth/challenge", given | {"new_password": "bB2!" + account.password})
    assert ok(following)["challenge"] == "MFA_SETUP"
    refused(account.ask(), 401)


def test_a_weak_new_password_is_refused_without_being_repeated(stack: RunningStack) -> None:
    account = _account(stack, sms=False, permanent=False)
    asked = ok(account.ask())
    given = {"challenge": asked["challenge"], "session": asked["session"], "email": account.email}
    refused(account.post("/auth/challenge", given | {"new_password": MARK}), 400)


def test_wrong_used_and_misplaced_codes(account: Account) -> None:
    asked = ok(account.ask())
    code = account.text_message()
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    first = account.answer(asked, wrong)
    refused(first, 401)
    refused(account.answer(asked, code, email="someone@people.test"), 401)
    refused(account.answer(asked, code, challenge="SOFTWARE_TOKEN_MFA"), 401)
    refused(account.answer(asked, code, session=asked["session"][::-1]), 401)
    ok(account.answer(asked, code))
    again = account.answer(asked, code)
    refused(again, 401)
    assert again.json() == first.json()


def test_one_code_counts_once_even_at_the_same_instant(account: Account) -> None:
    asked = ok(account.ask())
    code = account.text_message()
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: account.answer(asked, code), range(4)))
    assert sorted(answer.status_code for answer in answers)[0] == 200
    assert len([answer for answer in answers if answer.status_code == 200]) == 1


def test_nobody_learns_who_has_an_account(account: Account) -> None:
    known = account.ask("wrong-" + account.password)
    body = {"email": "nobody-" + account.email, "password": account.password}
    unknown = account.post("/auth/sign-in", body)
    refused(known, 401)
    assert known.json() == unknown.json()
    differing = {name for name in known.headers if known.headers[name] != unknown.headers.get(name)}
    assert differing <= {"x-request-id", "date"}


@pytest.mark.parametrize("known", [True, False])
def test_four_failures_lock_the_account_there_or_not(stack: RunningStack, known: bool) -> None:
    account = _account(stack)
    if not known:
        account.email = "nobody-" + account.email
    for _ in range(4):
        refused(account.ask("wrong"), 401)
    locked = account.ask()
    assert "failed attempts" in refused(locked, 429)
    assert 900 < int(locked.headers["retry-after"]) <= 961


def test_where_one_has_signed_in_the_lock_is_short_and_doubles(stack: RunningStack) -> None:
    account = _account(stack)
    account.tokens()
    for _ in range(3):
        refused(account.ask("wrong"), 401)
    _wait_out_the_lock(account, seconds=8)
    # Over, but not forgotten: a further failure locks for twice as long.
    _wait_out_the_lock(account, seconds=16)
    account.tokens()
    refused(account.ask("wrong"), 401)
    assert ok(account.ask())["challenge"] == "SMS_MFA"


def _wait_out_the_lock(account: Account, seconds: int) -> None:
    """That the next failure locks for so long, of which what the requests take has passed when it is asked about."""
    began = time.monotonic()
    refused(account.ask("wrong"), 401)
    locked = account.ask()
    assert "failed attempts" in refused(locked, 429)
    wait = int(locked.headers["retry-after"])
    assert seconds - (time.monotonic() - began) <= wait <= seconds + 1
    time.sleep(wait)


def test_wrong_codes_lock_as_wrong_passwords_do(stack: RunningStack) -> None:
    account = _account(stack)
    for _ in range(4):
        asked = ok(account.ask())
        wrong = f"{(int(account.text_message()) + 1) % 1_000_000:06d}"
        refused(account.answer(asked, wrong), 401)
    assert "failed attempts" in refused(account.ask(), 429)


def test_refresh_gives_new_tokens_and_uses_the_old_one_up(account: Account) -> None:
    first = account.tokens()
    second = ok(account.post("/auth/refresh", {"refresh_token": first["refresh_token"]}))
    assert set(second) == TOKENS
    assert all(first[name] != second[name] for name in ("access_token", "id_token", "refresh_token"))
    before, after = (ok(account.api(tokens).get("/me")) for tokens in (first, second))
    assert before["session"] == after["session"]
    third = ok(account.post("/auth/refresh", {"refresh_token": second["refresh_token"]}))
    # Two tokens live at a time: the newest and, for requests on their way, the one before.
    refused(account.api(first).get("/me"), 401)
    ok(account.api(third).get("/me"))


def test_a_refresh_token_that_comes_back_ends_the_session(account: Account) -> None:
    first = account.tokens()
    second = ok(account.post("/auth/refresh", {"refresh_token": first["refresh_token"]}))
    refused(account.post("/auth/refresh", {"refresh_token": first["refresh_token"]}), 401)
    for tokens in (first, second):
        refused(account.api(tokens).get("/me"), 401)
        refused(account.post("/auth/refresh", {"refresh_token": tokens["refresh_token"]}), 401)


def test_a_refresh_past_us_buys_nothing(stack: RunningStack, account: Account) -> None:
    ours = account.tokens()
    stolen = cognito(stack).get_tokens_from_refresh_token(
        RefreshToken=ours["refresh_token"], ClientId=stack.facts["cognito"]["client_id"]
    )["AuthenticationResult"]
    refused(account.api({"access_token": stolen["AccessToken"]}).get("/me"), 401)
    refused(account.post("/auth/refresh", {"refresh_token": stolen["RefreshToken"]}), 401)


def test_sign_out_ends_the_session_at_once(account: Account) -> None:
    mine, other = account.tokens(), account.tokens()
    client = account.api(mine)
    answer = patiently(client, "POST", "/auth/sign-out", json={"refresh_token": mine["refresh_token"]})
    assert ok(answer, 204) is None
    refused(client.get("/me"), 401)
    refused(patiently(client, "POST", "/auth/sign-out"), 401)
    refused(account.post("/auth/refresh", {"refresh_token": mine["refresh_token"]}), 401)
    ok(account.api(other).get("/me"))


def test_sign_out_needs_no_body_and_ends_nobody_elses_session(account: Account) -> None:
    mine, other = account.tokens(), account.tokens()
    ok(patiently(account.api(mine), "POST", "/auth/sign-out", json={"refresh_token": other["refresh_token"]}), 204)
    ok(account.post("/auth/refresh", {"refresh_token": other["refresh_token"]}))
    bare = account.tokens()
    ok(patiently(account.api(bare), "POST", "/auth/sign-out"), 204)
    refused(account.api(bare).get("/me"), 401)


@pytest.mark.parametrize(
    ("path", "body", "says"),
    [
        ("/auth/sign-in", {}, "email: is missing; password: is missing"),
        ("/auth/sign-in", {"email": MARK, "password": "x"}, "email: has to be an e-mail address"),
        (
            "/auth/sign-in",
            {"email": f"{MARK}@people.test", "password": "x", MARK: 1},
            "an unknown member (known: email, password)",
        ),
        ("/auth/sign-in", {"email": [MARK], "password": MARK}, "email: has to be a string"),
        (
            "/auth/sign-in",
            {"email": f"{MARK}@people.test", "password": MARK * 100},
            "password: has to have at most 256 characters",
        ),
        (
            "/auth/challenge",
            {"challenge": MARK, "session": MARK * 5, "email": "a@b.test"},
            "challenge: has to be one of ",
        ),
        (
            "/auth/challenge",
            {"challenge": "SMS_MFA", "session": MARK * 5, "email": "a@b.test", "code": MARK},
            "code: has to match ^([0-9]{6}|SMS_MFA|SOFTWARE_TOKEN_MFA)$",
        ),
        ("/auth/challenge", {"challenge": "SMS_MFA", "session": MARK * 5, "email": "a@b.test"}, "exactly one answer"),
        ("/auth/mfa/totp", {"session": MARK}, "session: has to have at least 20 characters"),
        ("/auth/refresh", {"refresh_token": MARK}, "refresh_token: has to have at least 16 characters"),
        ("/auth/refresh", [MARK], "body: has to be an object"),
    ],
)
def test_bodies_of_another_shape(account: Account, path: str, body: Any, says: str) -> None:
    assert says in refused(account.post(path, body), 400)


def test_bodies_that_are_no_json_or_too_much(account: Account) -> None:
    def send(content: bytes, media: str = "application/json") -> Any:
        headers = {"Content-Type": media}
        return patiently(account.client, "POST", "/auth/sign-in", content=content, headers=headers)

    for content in (b"{", b"Zebra", b"\xff", b'{"email":' + b"[" * 100_000):
        refused(send(content), 400)
    refused(send(b"{}", "text/plain"), 415)
    refused(send(b"{}", "application/x-www-form-urlencoded"), 415)
    refused(send(b" " * (1 << 20)), 400)
    refused(send(b" " * ((1 << 20) + 1)), 413)


def test_made_up_sessions_and_refresh_tokens(account: Account) -> None:
    refused(account.post("/auth/mfa/totp", {"session": "x" * 40}), 401)
    refused(account.post("/auth/refresh", {"refresh_token": "x" * 40}), 401)
    sms = ok(account.ask())["session"]
    refused(account.post("/auth/mfa/totp", {"session": sms}), 401)
