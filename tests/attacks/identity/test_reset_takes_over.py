"""Taking an account over by its reset: guessed codes, codes of others, codes by text message, tokens without a factor,
sessions that outlive it, and Cognito's public operations used without us.

Odds: a code has six digits and lives an hour. Through us strangers have at most 6 tries in an hour at one account
(``lockout``), 6 in 10^6; at Cognito itself 5 to 20, by its own count. A day of both, with new codes all the time: below
29 + 24 x 20 in 10^6, one in 1,900. What it buys is a password, which sign-in answers with a challenge.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest
from botocore import UNSIGNED
from botocore.config import Config
from botocore.exceptions import ClientError

from phivault.errors import InvalidCredentials, PhivaultError, TooManyRequests
from phivault.identity.forgot_password import ForgotPassword, forgot_password
from phivault.identity.limits import NUMBERS, Limit
from phivault.identity.provider import Challenged
from phivault.identity.reset_password import ResetPassword, reset_password
from phivault.identity.source import Source
from tests.support.accounts import Account, eventually
from tests.support.answers import ok, refused
from tests.unit.identity.fakes import ELSEWHERE, HOME, Person, World

if TYPE_CHECKING:
    from tests.support.stack import RunningStack

NEW = "Quiet-heron-4-lanterns"
DAY = 24 * 3600
STRANGERS_A_DAY, STRANGERS_AN_HOUR = 29, 6


def code_of(world: World, source: Source = HOME) -> str:
    forgot_password(world.identity, ForgotPassword(email=world.person.email), source, sleep=lambda _: None)
    return world.passwords.codes[world.person.email]


def attempt(world: World, code: str, source: Source = HOME, email: str = "") -> Challenged:
    body = ResetPassword(email=email or world.person.email, code=code, new_password=NEW)
    return reset_password(world.identity, body, source)


def _strangers(number: int) -> Source:
    return Source(f"192.0.{number // 250}.{number % 250}", "curl/8", f"0199b3c2-0000-7000-8000-{number:012}")


def _guesses(world: World, seconds: int, every: int) -> int:
    """How many guesses reach the provider, from as many networks as there are guesses."""
    code = code_of(world)
    wrong = f"{(int(code) + 1) % 10**6:06}"
    for number in range(seconds // every):
        with pytest.raises((InvalidCredentials, TooManyRequests)):
            attempt(world, wrong, _strangers(number))
        world.clock.time += every
    return world.passwords.calls.count("reset")


def test_strangers_guess_a_few_times_while_a_code_lives() -> None:
    assert 1 <= _guesses(World(), 3600, 20) <= STRANGERS_AN_HOUR


def test_strangers_guess_a_few_times_in_a_day() -> None:
    assert 1 <= _guesses(World(), DAY, 300) <= STRANGERS_A_DAY


def test_a_guess_counts_with_the_guesses_of_passwords() -> None:
    from phivault.identity.sign_in import sign_in

    world = World()
    code = code_of(world)
    for _ in range(4):
        with pytest.raises(InvalidCredentials):
            sign_in(world.identity, world.credentials(password="wrong"), ELSEWHERE)
    with pytest.raises(TooManyRequests):
        attempt(world, code, ELSEWHERE)
    assert "reset" not in world.passwords.calls


def test_a_code_is_its_accounts_alone() -> None:
    world = World()
    other = world.enrol(Person("other@example.test"))
    code = code_of(world)
    with pytest.raises(InvalidCredentials):
        attempt(world, code, email=other.email)
    assert other.password != NEW


@pytest.mark.parametrize("code", ["", " ", "None", "null", "00000", "0000000", "١٢٣٤٥٦", "123456\n", "12345６"])
def test_a_code_is_six_plain_digits(code: str) -> None:
    with pytest.raises(ValueError, match="code"):
        ResetPassword(email="a@b.test", code=code, new_password=NEW)


def test_code_and_password_yield_no_tokens() -> None:
    world = World()
    answer = attempt(world, code_of(world))
    assert isinstance(answer, Challenged)
    assert world.provider.families == {}
    assert world.state.sessions == {}


def test_a_flood_of_mails_is_stopped() -> None:
    """From a thousand networks, at one person."""
    world = World()
    for number in range(200):
        try:
            code_of(world, _strangers(number))
        except PhivaultError as error:
            assert isinstance(error, TooManyRequests)  # noqa: PT017  (a refusal is one of two outcomes)
    most, _ = NUMBERS[Limit.FORGOT]
    assert world.passwords.calls.count("send_code") == most


# Past us: Cognito's operations are public, and the app client's id is no secret.


@pytest.fixture
def account(stack: RunningStack) -> Account:
    return Account(stack, "clinician", stack.tenants[0])


def public(stack: RunningStack) -> Any:
    """Cognito as anybody reaches it who knows the app client's id, from a browser say."""
    import boto3

    facts = stack.facts
    make: Any = boto3.client
    unsigned = Config(signature_version=UNSIGNED, retries={"total_max_attempts": 1})
    return make(
        "cognito-idp", endpoint_url=facts["cognito"]["endpoint_url"], region_name=facts["region"], config=unsigned
    )


def client_id(stack: RunningStack) -> str:
    return str(stack.facts["cognito"]["client_id"])


def sent(account: Account, to: str) -> list[dict[str, Any]]:
    messages: list[dict[str, Any]] = account.client.get(account.stack.facts["outbox_url"], params={"to": to}).json()
    return messages


def test_a_reset_past_us_ends_sessions_and_is_recorded(stack: RunningStack, account: Account) -> None:
    from tests.support.locked_log import LockedLog

    tokens = account.tokens()
    texts = len(sent(account, account.phone))
    public(stack).forgot_password(ClientId=client_id(stack), Username=account.email)
    code, password = sent(account, account.email)[-1]["code"], "aA1!" + secrets.token_urlsafe(16)
    public(stack).confirm_forgot_password(
        ClientId=client_id(stack), Username=account.email, ConfirmationCode=code, Password=password
    )
    refused(account.api(tokens).get("/me"), 401)
    refused(account.post("/auth/refresh", {"refresh_token": tokens["refresh_token"]}), 401)
    assert len(sent(account, account.phone)) == texts, "the phone is the second factor and no way to the first"
    assert "Your password was changed" in sent(account, account.email)[-1]["code"]

    user = account.admin("admin_get_user")["Username"]
    log = LockedLog(stack)
    (reset,) = eventually(lambda: log.events(action="auth.password-reset", user_id=user))
    assert (reset["risk"], reset["success"], reset["tenant"]) == ("HIGH", True, account.tenant)
    assert "sessions:ended:1" in reset["flags"]
    assert {"sign-in", "password-reset"} <= {
        event["resource_id"] for event in log.events(action="auth.code-send", user_id=user)
    }
    assert ok(account.ask(password))["challenge"] == "SMS_MFA"


def test_nobody_signs_up_past_us(stack: RunningStack) -> None:
    email = f"{secrets.token_hex(8)}@people.test"
    attributes = [{"Name": "custom:tenant_id", "Value": stack.tenants[0]}, {"Name": "custom:role", "Value": "auditor"}]
    with pytest.raises(ClientError) as caught:
        public(stack).sign_up(
            ClientId=client_id(stack), Username=email, Password="aA1!" + NEW, UserAttributes=attributes
        )
    assert caught.value.response["Error"]["Code"] == "NotAuthorizedException"


@pytest.mark.parametrize("attributes", [{}, {"custom:tenant_id": "tenant-a"}, {"custom:role": "patient"}])
def test_not_even_an_administrators_call_makes_half_an_account(stack: RunningStack, attributes: dict[str, str]) -> None:
    from tests.support.accounts import cognito

    email = f"{secrets.token_hex(8)}@people.test"
    named = [{"Name": name, "Value": value} for name, value in attributes.items()]
    pool = stack.facts["cognito"]["user_pool_id"]
    with pytest.raises(ClientError) as caught:
        cognito(stack).admin_create_user(
            UserPoolId=pool, Username=email, UserAttributes=named, MessageAction="SUPPRESS"
        )
    assert caught.value.response["Error"]["Code"] == "UserLambdaValidationException"
    assert cognito(stack).list_users(UserPoolId=pool, Filter=f'email = "{email}"')["Users"] == []


def test_a_code_past_us_is_guessed_few_times(stack: RunningStack, account: Account) -> None:
    public(stack).forgot_password(ClientId=client_id(stack), Username=account.email)
    code = sent(account, account.email)[-1]["code"]
    codes = []
    for number in range(1, 8):
        with pytest.raises(ClientError) as caught:
            public(stack).confirm_forgot_password(
                ClientId=client_id(stack),
                Username=account.email,
                ConfirmationCode=f"{(int(code) + number) % 10**6:06}",
                Password="aA1!" + NEW,
            )
        codes.append(caught.value.response["Error"]["Code"])
    assert codes == ["CodeMismatchException"] * 5 + ["LimitExceededException"] * 2
