"""Both stores of anchors keep the port's promises."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from phivault.adapters.access_state_table import TABLE
from phivault.adapters.dynamodb_anchors import DynamoAnchors
from phivault.errors import Unavailable
from phivault.records.anchors import Anchors
from tests.support.memory_anchors import MemoryAnchors

ONE, OTHER = ("Patient", "a"), ("Consent", "a")


@pytest.fixture(params=["memory", "dynamodb"])
def anchors(request: pytest.FixtureRequest) -> Anchors:
    if request.param == "memory":
        return MemoryAnchors()
    new_table: Callable[[dict[str, Any]], str] = request.getfixturevalue("new_table")
    return DynamoAnchors(new_table(TABLE))


def test_what_was_noted_is_told_of_its_own_resource_alone(anchors: Anchors) -> None:
    anchors.advance("t", {ONE: 2})
    assert dict(anchors.load("t", [ONE, OTHER])()) == {ONE: 2}
    assert not anchors.load("other", [ONE])()


def test_a_version_never_goes_down(anchors: Anchors) -> None:
    anchors.advance("t", {ONE: 3})
    anchors.advance("t", {ONE: 2})
    anchors.advance("t", {ONE: 2, OTHER: 5})
    assert dict(anchors.load("t", [ONE, OTHER])()) == {ONE: 3, OTHER: 5}


def test_writers_who_race_leave_the_newest(anchors: Anchors) -> None:
    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda version: anchors.advance("t", {ONE: version}), [5, 2, 9, 4, 8, 3]))
    assert anchors.load("t", [ONE])()[ONE] == 9


def test_more_than_a_call_holds_are_looked_for_and_noted(anchors: Anchors) -> None:
    many = {("Observation", f"o-{number}"): number + 2 for number in range(130)}
    anchors.advance("t", many)
    assert dict(anchors.load("t", [*many, ONE])()) == many


def test_nothing_is_asked_for_nothing_or_for_what_is_no_id(anchors: Anchors) -> None:
    assert not anchors.load("t", [])()
    assert not anchors.load("t", [("Patient", "a#b"), ("Patient", "")])()


def test_a_table_out_of_reach_is_said(aws_endpoints: Any) -> None:
    nowhere = DynamoAnchors("no-such-table")
    looked = nowhere.load("t", [ONE])
    with pytest.raises(Unavailable):
        looked()
    with pytest.raises(Unavailable):
        nowhere.advance("t", {ONE: 2})
    with pytest.raises(Unavailable):
        nowhere.advance("t", {ONE: 2, OTHER: 2})
