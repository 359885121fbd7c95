"""The trigger functions: what Cognito sends in, what it gets back, what a refusal says and leaves behind."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import pytest

from functions.table import TABLE
from local.stack import TRIGGERS
from local.worker import Context
from phivault import bootstrap
from phivault.access.principal import Personal
from phivault.access.roles import Role
from phivault.audit.event import Action
from phivault.identity.directory import Status, User
from phivault.identity.trigger import Refused, RefusedUnavailable
from tests.support.trigger_events import EMAIL, SUB, trigger_event
from tests.unit.identity.fakes import World

type Trigger = Callable[[dict[str, Any]], dict[str, Any]]
CODE = {"codeParameter": "{####}", "usernameParameter": None, "linkParameter": "{##Click Here##}"}
PASSES: dict[str, tuple[dict[str, Any], Action]] = {
    "pre_sign_up": (trigger_event("PreSignUp_AdminCreateUser"), Action.ACCOUNT_CREATE),
    "pre_authentication": (trigger_event("PreAuthentication_Authentication"), Action.ADMISSION),
    "post_authentication": (
        trigger_event("PostAuthentication_Authentication", {"newDeviceUsed": False}),
        Action.AUTHENTICATED,
    ),
    "custom_message": (trigger_event("CustomMessage_Authentication", CODE), Action.CODE_SEND),
    "post_confirmation": (trigger_event("PostConfirmation_ConfirmForgotPassword"), Action.PASSWORD_RESET),
}
NAMES = sorted(PASSES)


@pytest.fixture
def world(monkeypatch: pytest.MonkeyPatch) -> World:
    world = World()
    parts = {name: getattr(world, name) for name in ("recorder", "sessions", "directory", "messenger")}
    for name, part in parts.items():
        monkeypatch.setattr(bootstrap, name, lambda part=part: part)
    return world


def trigger(name: str) -> Trigger:
    handler = importlib.import_module(f"functions.{name}.handler").handler
    return lambda event: handler(event, Context(name, "request-1"))


@pytest.mark.parametrize("name", NAMES)
def test_it_answers_the_event_and_records(world: World, name: str) -> None:
    event, action = PASSES[name]
    answer = trigger(name)(event)
    assert {key: value for key, value in answer.items() if key != "response"} == {
        key: value for key, value in event.items() if key != "response"
    }
    first = world.events[0]
    assert (first.action, first.success, first.request_id) == (action, True, "request-1")
    assert (first.tenant, first.user_id, first.role) == ("tenant-a", SUB, "clinician")


@pytest.mark.parametrize("name", NAMES)
def test_cognito_may_run_it_twice(world: World, name: str) -> None:
    event, action = PASSES[name]
    assert trigger(name)(event) == trigger(name)(event)
    assert [one.action for one in world.events].count(action) == 2


@pytest.mark.parametrize("name", NAMES)
def test_no_record_no_answer(world: World, name: str) -> None:
    world.events_store.down = True
    with pytest.raises(RefusedUnavailable) as refused:
        trigger(name)(PASSES[name][0])
    assert str(refused.value) == "unavailable"
    assert refused.value.__suppress_context__


REFUSED = [
    ("pre_sign_up", trigger_event("PreSignUp_SignUp"), "denied"),
    ("pre_sign_up", trigger_event("PreSignUp_AdminCreateUser", custom__role=""), "denied"),
    ("custom_message", trigger_event("CustomMessage_SignUp", CODE), "denied"),
    ("custom_message", trigger_event("CustomMessage_ForgotPassword"), "invalid"),
    ("post_confirmation", trigger_event("PostConfirmation_ConfirmSignUp"), "denied"),
]


@pytest.mark.parametrize(("name", "event", "code"), REFUSED)
def test_a_refusal_says_its_code_alone_and_is_recorded(
    world: World, name: str, event: dict[str, Any], code: str
) -> None:
    with pytest.raises(Refused) as refused:
        trigger(name)(event)
    assert str(refused.value) == code
    (recorded,) = world.events
    assert (recorded.success, recorded.error, recorded.user_id) == (False, code, SUB)
    assert EMAIL not in repr(recorded)


def test_a_suspended_user_is_refused(world: World) -> None:
    person = Personal(f"User/{SUB}", SUB, b"sealed")
    world.directory.rows["tenant-a", SUB] = User(
        SUB, "tenant-a", Role.CLINICIAN, None, person, 1, status=Status.SUSPENDED
    )
    with pytest.raises(Refused, match="denied"):
        trigger("pre_authentication")(PASSES["pre_authentication"][0])
    (recorded,) = world.events
    assert (recorded.action, recorded.error) == (Action.ADMISSION, "denied")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("event", [{}, {"version": "1"}, {"request": []}, []], ids=str)
def test_an_event_of_another_shape_is_refused(world: World, name: str, event: Any) -> None:
    with pytest.raises(Refused, match="invalid"):
        trigger(name)(event)
    assert [one.error for one in world.events] == ["invalid"]
    assert world.messenger.emails == []


def test_the_pool_asks_every_trigger_of_the_table_within_five_seconds() -> None:
    rows = {row.name: row for row in TABLE if row.trigger.startswith("cognito:")}
    assert set(rows) == set(TRIGGERS.values())
    assert {row.timeout_seconds for row in rows.values()} == {5}
    assert all(row.local for row in rows.values())
