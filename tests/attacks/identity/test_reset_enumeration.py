"""Finding out who has an account by asking for a new password: no answer, no error and no time tells."""

from __future__ import annotations

import secrets
import statistics
import time
from typing import TYPE_CHECKING

import pytest

from phivault.errors import PhivaultError
from phivault.identity.directory import Status
from phivault.identity.forgot_password import ANSWER_SECONDS, ForgotPassword, forgot_password
from phivault.identity.reset_password import ResetPassword, reset_password
from tests.support.accounts import Account, cognito
from tests.support.sources import client_from
from tests.unit.identity.fakes import HOME, World

if TYPE_CHECKING:
    import httpx

    from tests.support.stack import RunningStack

NOBODY = "nobody@example.test"
PAIRS, ROUNDS = 5, 3


def _asked(world: World, email: str, times: int) -> list[tuple[object, ...]]:
    answers: list[tuple[object, ...]] = []
    for _ in range(times):
        slept: list[float] = []
        try:
            forgot_password(world.identity, ForgotPassword(email=email), HOME, sleep=slept.append)
            answers.append(("sent", len(slept)))
        except PhivaultError as error:
            answers.append((type(error), error.detail, len(slept)))
    return answers


def test_asking_answers_and_is_limited_alike() -> None:
    world = World()
    known, unknown = _asked(world, world.person.email, 8), _asked(world, NOBODY, 8)
    assert known == unknown
    assert known[-1] != known[0], "the limit was reached"


def test_an_account_that_may_not_have_a_code_is_like_any_other() -> None:
    world = World()
    known = _asked(world, world.person.email, 1)
    world.passwords.unmailable.add(world.person.email)
    assert _asked(world, world.person.email, 1) == known


def _tried(world: World, email: str, times: int) -> list[tuple[object, ...]]:
    body = ResetPassword(email=email, code="000000", new_password="Quiet-heron-4-lanterns")
    answers: list[tuple[object, ...]] = []
    for _ in range(times):
        with pytest.raises(PhivaultError) as refused:
            reset_password(world.identity, body, HOME)
        answers.append((type(refused.value), refused.value.detail, refused.value.retry_after))
    return answers


def test_trying_a_code_answers_and_locks_alike() -> None:
    world = World()
    assert _tried(world, world.person.email, 8) == _tried(world, NOBODY, 8)


def test_the_log_tells_an_operator_and_nobody_else() -> None:
    """The lines differ in what only the sealed log shows: nothing in them names a user that the caller didn't."""
    world = World()
    _tried(world, world.person.email, 1)
    _tried(world, NOBODY, 1)
    known, unknown = world.events[:2], world.events[2:]
    assert [(e.action, e.error, e.risk, e.user_id) for e in known] == [
        (e.action, e.error, e.risk, e.user_id) for e in unknown
    ]


def _seconds(client: httpx.Client, email: str) -> float:
    started = time.perf_counter()
    assert client.post("/auth/password/forgot", json={"email": email}).status_code == 202
    return time.perf_counter() - started


def test_asking_takes_as_long_for_everybody(stack: RunningStack) -> None:
    """Cognito words, records and sends a message for a user alone; here that takes less than ``ANSWER_SECONDS``. A busy
    machine sets the medians of a round apart by chance; what tells, tells in each."""
    apart = []
    for _ in range(ROUNDS):
        apart.append(_apart(stack))
        if abs(apart[-1]) < 0.1:
            break
    assert min(map(abs, apart)) < 0.1, apart


def _apart(stack: RunningStack) -> float:
    """Seconds between the medians."""
    known = [Account(stack, "clinician", stack.tenants[0]).email for _ in range(PAIRS)]
    times: dict[bool, list[float]] = {True: [], False: []}
    for email in known:
        with client_from(stack) as client:
            client.get("/healthz")
            times[True].append(_seconds(client, email))
            times[False].append(_seconds(client, f"{secrets.token_hex(8)}@people.test"))
    assert min(map(min, times.values())) >= ANSWER_SECONDS
    return statistics.median(times[True]) - statistics.median(times[False])


def test_a_suspended_account_is_told_from_nobody_by_nothing(stack: RunningStack) -> None:
    """The trigger refuses it before its password is looked at; the answer is a wrong password's."""
    account = Account(stack, "clinician", stack.tenants[0])
    account.tokens()  # its row stands from here on
    suspend(stack, account)
    answers = []
    for email, password in (
        (account.email, account.password),
        (account.email, "wrong-" + account.password),
        (f"{secrets.token_hex(8)}@people.test", account.password),
    ):
        with client_from(stack) as client:
            answers.append(client.post("/auth/sign-in", json={"email": email, "password": password}))
    assert {answer.status_code for answer in answers} == {401}
    assert len({answer.text for answer in answers}) == 1


def suspend(stack: RunningStack, account: Account) -> None:
    """In the directory alone: at Cognito the account stays enabled, so that the trigger is what refuses it."""
    user = cognito(stack).admin_get_user(UserPoolId=stack.facts["cognito"]["user_pool_id"], Username=account.email)[
        "Username"
    ]
    stack.aws("dynamodb").update_item(
        TableName=stack.facts["settings"]["PHIVAULT_ACCESS_STATE_TABLE"],
        Key={"pk": {"S": f"T#{account.tenant}#USERS"}, "sk": {"S": user}},
        UpdateExpression="SET #status = :suspended",
        ConditionExpression="attribute_exists(pk)",
        ExpressionAttributeNames={"#status": "status"},
        ExpressionAttributeValues={":suspended": {"S": Status.SUSPENDED.value}},
    )
