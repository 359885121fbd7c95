"""A function may do what it does and nothing else: its row of the table against the AWS calls that it really makes."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from functions.table import TABLE
from local.confine import granted, known_resources, permits

if TYPE_CHECKING:
    from local.postgres import Postgres
    from tests.support.recording import Recording, Trace
    from tests.support.stack import RunningStack

UNREACHED = {
    ("migrate", "rds-db:connect", "phivault_owner"): "before its token the administrator signs in to RDS, which only "
    "the cloud has",
}
"""Granted, and not made in this test, with the reason."""
EVERY = [
    (row.name, number, action) for row in TABLE for number, grant in enumerate(row.grants) for action in grant.actions
]


@pytest.fixture(scope="session")
def recording(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recording]:
    from tests.support.recording import Recording

    with Recording(stack, tmp_path_factory.mktemp("recording")) as recording:
        yield recording


@pytest.fixture(scope="session")
def trace(recording: Recording, postgres: Postgres) -> Trace:
    """What the functions called while they did everything that they do."""
    from tests.support.recorded_actions import drive, prepare_a_database

    drive(recording)
    prepare_a_database(recording, postgres)
    return recording.trace()


@pytest.mark.parametrize("name", [row.name for row in TABLE])
def test_granted_is_what_is_called(recording: Recording, trace: Trace, name: str) -> None:
    called = {(action, on.partition("/index/")[0]) for function, action, on in trace if function == name}
    unreached = {(action, on) for function, action, on in UNREACHED if function == name}
    assert not called & unreached, "it can be reached"
    unused = recording.granted(name) - called - unreached
    assert not unused, "granted and never called"
    assert not called - recording.granted(name), "called and not granted"


def test_both_the_table_and_its_indexes_are_queried(recording: Recording, trace: Trace) -> None:
    queried = {on for function, action, on in trace if (function, action) == ("audit", "dynamodb:Query")}
    table = recording.stack.facts["audit_index_table"]
    assert table in queried
    assert any(on.startswith(f"{table}/index/") for on in queried)


@pytest.mark.parametrize(("name", "number", "action"), EVERY, ids=lambda value: str(value))
def test_no_granted_action_can_be_taken_away(
    recording: Recording, trace: Trace, name: str, number: int, action: str
) -> None:
    """Each call of the trace that the action is for would be refused without it."""
    row = next(function for function in TABLE if function.name == name)
    grant = row.grants[number]
    poorer = replace(grant, actions=tuple(one for one in grant.actions if one != action))
    grants = (*row.grants[:number], poorer, *row.grants[number + 1 :])
    resources = known_resources(recording.environment_of(name))
    before, after = (set(granted(one, resources)) for one in (row, replace(row, grants=grants)))
    (lost,) = before - after
    made = {(one, on) for function, one, on in trace if function == name} | {
        (one, on) for function, one, on in UNREACHED if function == name
    }
    needing = [call for call in made if permits({lost}, call)]
    assert needing
    assert all(permits(before, call) and not permits(after, call) for call in needing)


def test_a_row_grants_no_action_twice_nor_any_by_a_pattern() -> None:
    for row in TABLE:
        actions = [(grant.setting, grant.part, action) for grant in row.grants for action in grant.actions]
        assert len(actions) == len(set(actions))
        assert not [action for *_, action in actions if "*" in action or "?" in action]
