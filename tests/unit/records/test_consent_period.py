from __future__ import annotations

from datetime import UTC, datetime, timedelta
from math import inf

import pytest

from phivault.records.consent_period import bounds


def at(*parts: int) -> float:
    return datetime(*parts, tzinfo=UTC).timestamp()  # type: ignore[misc,arg-type]  # year, month, day and so on


@pytest.mark.parametrize(
    ("text", "starts", "until"),
    [
        ("2026", at(2026, 1, 1), at(2027, 1, 1)),
        ("2026-02", at(2026, 2, 1), at(2026, 3, 1)),
        ("2026-12", at(2026, 12, 1), at(2027, 1, 1)),
        ("2024-02-29", at(2024, 2, 29), at(2024, 3, 1)),
        ("2026-12-31", at(2026, 12, 31), at(2027, 1, 1)),
        ("9999", at(9999, 1, 1), inf),
        ("9999-12", at(9999, 12, 1), inf),
        ("9999-12-31", at(9999, 12, 31), at(9999, 12, 31) + 86_400),
        ("2026-02-03T04:05:06Z", at(2026, 2, 3, 4, 5, 6), at(2026, 2, 3, 4, 5, 7)),
        ("2026-02-03T04:05:60Z", at(2026, 2, 3, 4, 6), at(2026, 2, 3, 4, 6, 1)),
        ("2026-02-03T04:05:06+01:30", at(2026, 2, 3, 2, 35, 6), at(2026, 2, 3, 2, 35, 7)),
        ("2026-02-03T23:05:06-05:00", at(2026, 2, 4, 4, 5, 6), at(2026, 2, 4, 4, 5, 7)),
        ("0001-01-01T00:00:00+14:00", at(1, 1, 1) - 14 * 3600, at(1, 1, 1) - 14 * 3600 + 1),
    ],
)
def test_a_date_of_any_precision_has_a_first_moment_and_one_after_its_last(
    text: str, starts: float, until: float
) -> None:
    assert bounds({"start": text, "end": text}) == (starts, until)
    assert bounds({"start": text}) == (starts, inf)
    assert bounds({"end": text}) == (-inf, until)


def test_fractions_of_seconds_count() -> None:
    starts, until = bounds({"start": "2026-02-03T04:05:06.25Z", "end": "2026-02-03T04:05:06.250Z"})
    whole = at(2026, 2, 3, 4, 5, 6)
    assert starts == whole + 0.25
    assert until == pytest.approx(whole + 0.251, abs=1e-6)


def test_an_open_period_has_no_bounds() -> None:
    assert bounds({}) == (-inf, inf)


@pytest.mark.parametrize(
    "period",
    [
        {"start": "2026-02-03", "end": "2026-02-02"},
        {"start": "2026-03", "end": "2026-02-28T23:59:59Z"},
        {"start": "2026-02-30"},
        {"start": "2026-13"},
        {"start": "2026-02-03T04:05Z"},
        {"start": "0000"},
        {"start": "tomorrow"},
        {"end": "2026-02-03T04:05:06"},
    ],
)
def test_what_holds_at_no_moment_is_refused(period: dict[str, str]) -> None:
    with pytest.raises(ValueError):
        bounds(period)


def test_the_last_second_of_a_day_is_in_a_period_that_ends_with_that_day() -> None:
    _, until = bounds({"end": "2026-02-03"})
    last = datetime(2026, 2, 4, tzinfo=UTC) - timedelta(microseconds=1)
    assert last.timestamp() < until <= last.timestamp() + 1
