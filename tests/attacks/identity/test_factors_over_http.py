"""Second factors attacked as a client can: at our API and at the provider's public endpoint, with genuine tokens."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import ClientError

from tests.support.accounts import Account, cognito
from tests.support.answers import ok, refused
from tests.support.apps import App, add, set_up

if TYPE_CHECKING:
    import httpx

    from tests.support.stack import RunningStack


@pytest.fixture
def account(stack: RunningStack) -> Account:
    return Account(stack, "clinician", stack.tenants[0])


@pytest.fixture
def unenrolled(stack: RunningStack) -> Account:
    return Account(stack, "clinician", stack.tenants[0], sms=False)


def _codes(client: httpx.Client) -> list[str]:
    codes: list[str] = ok(client.post("/me/mfa/recovery-codes"))["recovery_codes"]
    return codes


def _recover(account: Account, code: str) -> httpx.Response:
    body = {"email": account.email, "password": account.password, "recovery_code": code}
    return account.stack.anyone().post("/auth/mfa/recover", json=body)


@pytest.mark.parametrize(
    ("operation", "parameters"),
    [
        ("associate_software_token", {}),
        ("verify_software_token", {"UserCode": "123456"}),
        ("get_user", {}),
        ("global_sign_out", {}),
        ("set_user_mfa_preference", {"SMSMfaSettings": {"Enabled": False}}),
        ("update_user_attributes", {"UserAttributes": [{"Name": "custom:role", "Value": "tenant_admin"}]}),
    ],
)
def test_our_token_is_refused_by_the_provider_itself(
    account: Account, operation: str, parameters: dict[str, Any]
) -> None:
    token = account.tokens()["access_token"]
    with pytest.raises(ClientError, match="required scopes"):
        getattr(cognito(account.stack), operation)(AccessToken=token, **parameters)


def test_tokens_refreshed_past_us_lack_the_scope_and_a_forged_nonce_buys_none(account: Account) -> None:
    client_id, api = account.stack.facts["cognito"]["client_id"], cognito(account.stack)
    given = {"ClientId": client_id, "RefreshToken": account.tokens()["refresh_token"]}
    with pytest.raises(ClientError) as denied:
        api.get_tokens_from_refresh_token(**given, ClientMetadata={"nonce": "forged"})
    assert denied.value.response["Error"]["Code"] == "UserLambdaValidationException"
    past_us = api.get_tokens_from_refresh_token(**given)["AuthenticationResult"]["AccessToken"]
    with pytest.raises(ClientError, match="required scopes"):
        api.associate_software_token(AccessToken=past_us)


def test_the_token_with_the_scope_never_leaves(account: Account) -> None:
    """Neither in an answer nor readable in the table; and a nonce in our own body is no nonce."""
    tokens = account.tokens()
    client = account.api(tokens)
    answer = client.post("/me/mfa/totp", json={"refresh_token": tokens["refresh_token"]})
    assert set(ok(answer)) == {"secret", "otpauth_uri", "qr_svg", "refresh_token"}
    assert "eyJ" not in answer.text  # how a JWT begins
    table = account.stack.aws("dynamodb")
    name = account.stack.environment_of("me")["PHIVAULT_ACCESS_STATE_TABLE"]
    key = {"pk": {"S": f"USER#{ok(client.get('/me'))['user_id']}"}, "sk": {"S": "ENROLMENT"}}
    row = table.get_item(TableName=name, Key=key, ConsistentRead=True)["Item"]
    assert b"eyJ" not in row["sealed"]["B"]
    pages = table.get_paginator("scan").paginate(TableName=name, ConsistentRead=True)
    rows = [row for page in pages for row in page["Items"]]
    assert not [row for row in rows if row["pk"]["S"].startswith("GRANT#")], "the nonce is over"
    refused(client.post("/me/mfa/totp", json={"refresh_token": tokens["refresh_token"], "nonce": "x"}), 400)


def test_a_code_counts_once_across_enrolment_and_sign_in(account: Account, unenrolled: Account) -> None:
    tokens = account.tokens()
    client = account.api(tokens)
    app = add(client, tokens)
    code = app.code()
    ok(client.put("/me/mfa/totp", json={"code": code}), 204)
    asked = ok(account.ask())
    refused(account.answer(asked, code), 401)

    setup = ok(unenrolled.post("/auth/mfa/totp", {"session": ok(unenrolled.ask())["session"]}))
    first = App(setup["secret"])
    code = first.code()
    ok(unenrolled.answer({"challenge": "MFA_SETUP", "session": setup["session"]}, code))
    asked = ok(unenrolled.ask())
    refused(unenrolled.answer(asked, code), 401)
    following = first.code()
    ok(unenrolled.answer(asked, following))
    refused(unenrolled.answer(ok(unenrolled.ask()), following), 401)


def test_guesses_end_after_three_at_once_too(account: Account) -> None:
    """Three tries a secret: odds of 9 in 10^6 with one step of drift either way, for whoever can begin at all."""
    tokens = account.tokens()
    client = account.api(tokens)
    app = add(client, tokens)
    wrong = app.wrong()
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: client.put("/me/mfa/totp", json={"code": wrong}), range(6)))
    told = sorted(answer.status_code for answer in answers)
    assert set(told) <= {401, 409, 429}
    assert told.count(401) <= 3
    assert client.put("/me/mfa/totp", json={"code": app.code()}).status_code in (409, 429)
    assert ok(client.get("/me/mfa"))["factors"] == ["SMS_MFA"]


def test_a_recovery_code_counts_once_at_the_same_instant(account: Account) -> None:
    code = _codes(account.api())[0]
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda _: _recover(account, code), range(4)))
    assert [answer.status_code for answer in answers].count(200) == 1
    assert {answer.status_code for answer in answers} <= {200, 401, 429}


def test_the_password_alone_sets_nothing_up_after_an_abandoned_recovery(account: Account) -> None:
    """The owner recovered and went away: the provider would ask whoever has the password for MFA_SETUP."""
    codes = _codes(account.api())
    ok(_recover(account, codes[0]))
    known_wrong = account.ask("not" + account.password)
    took = account.ask()
    refused(took, 401)
    assert took.json() == known_wrong.json()
    asked = ok(_recover(account, codes[1]))
    set_up(account, asked)


def test_a_set_up_cannot_be_begun_or_answered_without_the_password(unenrolled: Account) -> None:
    made_up = "A" * 86
    refused(unenrolled.post("/auth/mfa/totp", {"session": made_up}), 401)
    refused(unenrolled.answer({"challenge": "MFA_SETUP", "session": made_up}, "123456"), 401)
    asked = ok(unenrolled.ask())
    # The set-up's session without a secret that was handed out: no code answers it.
    refused(unenrolled.answer(asked, "123456"), 401)


def test_no_secret_and_no_code_is_in_the_audit_log_or_the_functions_logs(account: Account) -> None:
    tokens = account.tokens()
    client = account.api(tokens)
    codes = _codes(client)
    app = add(client, tokens)
    code = app.code()
    ok(client.put("/me/mfa/totp", json={"code": code}), 204)
    ok(_recover(account, codes[0]))
    written = [path.read_text(errors="replace") for path in (account.stack.folder / "logs").glob("*.log")]
    written.append(account.stack.output)
    events = account.stack.aws("s3")
    bucket = account.stack.environment_of("me")["PHIVAULT_AUDIT_BUCKET"]
    pages = events.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix="ev/")
    newest = sorted(
        (each for page in pages for each in page.get("Contents", ())), key=lambda each: each["LastModified"]
    )
    written += [events.get_object(Bucket=bucket, Key=each["Key"])["Body"].read().decode() for each in newest[-60:]]
    secrets = [app.secret, tokens["refresh_token"], tokens["access_token"], account.password, account.email]
    secrets += [codes[0], codes[0].replace("-", "")]
    assert len(written) > 10
    assert not [name for name in secrets for text in written if name in text or json.dumps(name)[1:-1] in text]
