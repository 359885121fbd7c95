"""The gate around a trigger: recorded before the answer, refused without a record, nothing of the event repeated."""

from __future__ import annotations

from typing import Any

import pytest

from phivault.audit.event import Action, RiskLevel
from phivault.errors import AccessDenied, Unavailable
from phivault.identity.trigger import Gate, Refused, RefusedUnavailable, read
from tests.support.trigger_events import SUB, trigger_event
from tests.unit.identity.fakes import World

EVENT = trigger_event("PreAuthentication_Authentication")


@pytest.fixture
def gate(world: World) -> Gate:
    return Gate(world.recorder, Action.ADMISSION, "request-1")


def test_a_run_is_recorded_before_it_answers(world: World, gate: Gate) -> None:
    with gate.open(EVENT, flags=("device:new",)) as asked:
        assert world.events == []
        assert asked.answer(x=1) == {**EVENT, "response": {"x": 1}}
    (event,) = world.events
    assert (event.action, event.success, event.request_id) == (Action.ADMISSION, True, "request-1")
    assert (event.tenant, event.role, event.user_id) == ("tenant-a", "clinician", SUB)
    assert "device:new" in event.flags
    assert event.personal == ""


def test_a_refusal_is_recorded_and_says_its_code_alone(world: World, gate: Gate) -> None:
    with pytest.raises(Refused) as refused, gate.open(EVENT):
        raise AccessDenied("The account is not active")
    assert str(refused.value) == "denied"
    assert refused.value.__suppress_context__
    (event,) = world.events
    assert (event.error, event.risk, event.success) == ("denied", RiskLevel.HIGH, False)


def test_nothing_passes_without_a_record(world: World, gate: Gate) -> None:
    world.events_store.down = True
    with pytest.raises(RefusedUnavailable) as refused, gate.open(EVENT):
        pass
    assert str(refused.value) == "unavailable"
    with pytest.raises(RefusedUnavailable), gate.open(EVENT):
        raise AccessDenied


def test_a_breakdown_is_told_from_a_refusal(world: World, gate: Gate) -> None:
    with pytest.raises(RefusedUnavailable), gate.open(EVENT):
        raise Unavailable("The table is down")
    assert [event.error for event in world.events] == ["unavailable"]


def test_run_twice_it_is_recorded_twice(world: World, gate: Gate) -> None:
    for _ in range(2):
        with gate.open(EVENT) as asked:
            asked.answer()
    first, second = world.events
    assert first.id != second.id
    assert first.user_id == second.user_id


@pytest.mark.parametrize(
    "event", [None, [], "x", {}, {"request": None}, {"request": []}, {"request": {"userAttributes": 1}}]
)
def test_what_is_no_event_is_refused_and_recorded(world: World, gate: Gate, event: Any) -> None:
    with pytest.raises(Refused, match="invalid"), gate.open(event):
        pytest.fail("it must not run")
    (recorded,) = world.events
    assert (recorded.error, recorded.tenant, recorded.user_id) == ("invalid", "-", "")


@pytest.mark.parametrize(
    "event",
    [
        trigger_event("x", custom__tenant_id="Jorun Zebrowski", custom__role="born 1957"),
        trigger_event("x", custom__tenant_id="", custom__role=""),
        trigger_event("x") | {"request": {"userAttributes": {"custom:tenant_id": 7, "custom:role": ["clinician"]}}},
        trigger_event("x") | {"request": {"userAttributes": None}},
    ],
)
def test_only_ids_of_ours_are_repeated(event: dict[str, Any]) -> None:
    asked = read(event | {"userName": "jorun@example.test"}, "request-1")
    assert (asked.tenant, asked.role, asked.user_id) == ("-", "", "")


def test_it_prints_nobody() -> None:
    assert "example.test" not in repr(read(EVENT, "request-1"))
