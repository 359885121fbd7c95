"""Somebody breaks glass after glass and ends each at once, to hide one among hundreds of alerts and reviews."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from phivault.access.roles import Role
from phivault.adapters import fact_rows
from phivault.adapters.access_state_table import TABLE
from phivault.adapters.aws import client
from phivault.adapters.session_rows import items
from phivault.audit.event import Action, RiskLevel
from phivault.errors import Conflict
from phivault.permissions.break_glass import open_glass as opening
from phivault.permissions.break_glass.end_glass import end_glass
from phivault.permissions.break_glass.glass import MOST_UNREVIEWED, Verdict
from phivault.permissions.break_glass.review_glass import ReviewGlass, review_glass
from tests.support.ward import NORTH, Ward

ROW_BYTES = 400 << 10


@pytest.fixture
def ward(new_table: Callable[[dict[str, Any]], str]) -> Ward:
    return Ward(new_table(TABLE), time=1_800_000_000.0)


def test_they_are_bounded_until_somebody_reviews_them(ward: Ward, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(opening, "MOST_UNREVIEWED", 5)
    doctor, officer = ward.user(Role.CLINICIAN), ward.user(Role.SECURITY_OFFICER)
    glasses = []
    for _ in range(5):
        glass = ward.break_glass(doctor, ward.patient())
        glasses.append(end_glass(ward.call(doctor), glass.id))
    with pytest.raises(Conflict, match="reviews"):
        ward.break_glass(doctor, ward.patient())
    assert [event.error for event in ward.events(Action.BREAK_GLASS_OPEN)] == [""] * 5 + ["conflict"]
    assert ward.break_glass(ward.user(Role.CLINICIAN), ward.patient())  # somebody else's count for themselves
    review_glass(ward.call(officer), glasses[0].id, ReviewGlass(verdict=Verdict.JUSTIFIED))
    assert ward.break_glass(doctor, ward.patient())
    opened = [event for event in ward.events(Action.BREAK_GLASS_OPEN) if event.success]
    assert [event.risk for event in opened] == [RiskLevel.CRITICAL] * 7


def test_the_row_of_their_due_times_has_room_for_the_most(ward: Ward) -> None:
    """A row that is full could take no project's approval, and no end of one."""
    doctor = ward.user(Role.CLINICIAN)
    glass = ward.break_glass(doctor, ward.patient())
    row = fact_rows.standing_key(NORTH, doctor.user_id)
    answer = client("dynamodb").get_item(TableName=ward.table, Key=items(row), ConsistentRead=True)
    assert len(repr(answer["Item"])) * MOST_UNREVIEWED < ROW_BYTES / 4
    assert any(glass.id in name for name in answer["Item"])
