"""What tokens find and the comparison keeps is what FHIR's words, evaluated naively, select."""

from __future__ import annotations

import json
from datetime import UTC, date, datetime, time, timedelta
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from phivault.errors import InvalidInput, UnsupportedParameter
from phivault.records.index import dates
from phivault.records.index.criterion import criterion
from phivault.records.index.dates import MAX_NODES, overlapping, stretch, terms
from phivault.records.index.key import IndexKey
from phivault.records.index.tokens import tokens

KEY = IndexKey(bytes(32))
PREFIXES = ("", "eq", "gt", "lt", "ge", "le", "sa", "eb")
MICROSECOND = timedelta(microseconds=1)
EARLIEST, LATEST = datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC)

type Bounds = tuple[datetime, datetime]
"""First and last microsecond, both included."""


def naive(text: str) -> Bounds:
    """What a date or time without zone spans, by the standard library."""
    full = "0001-01-01T00:00:00"
    parsed = datetime.fromisoformat(text[:19] + full[len(text[:19]) :]).replace(tzinfo=UTC)
    if len(text) == 4:
        return parsed, datetime(parsed.year, 12, 31, 23, 59, 59, 999999, tzinfo=UTC)
    if len(text) == 7:
        after = parsed.replace(day=28) + timedelta(days=4)
        return parsed, after.replace(day=1) - MICROSECOND
    return parsed, parsed + {10: timedelta(days=1), 16: timedelta(minutes=1), 19: timedelta(seconds=1)}[
        len(text)
    ] - MICROSECOND


def selects(prefix: str, asked: Bounds, found: Bounds) -> bool:
    """FHIR R4 3.1.1.4.6, word by word."""
    contained = asked[0] <= found[0] and found[1] <= asked[1]
    above, below = found[1] > asked[1], found[0] < asked[0]
    return {
        "": contained,
        "eq": contained,
        "gt": above,
        "lt": below,
        "ge": above or contained,
        "le": below or contained,
        "sa": found[0] > asked[1],
        "eb": found[1] < asked[0],
    }[prefix]


def near(draw: st.DrawFn) -> date:
    """Days that lie close together now and then, and at the borders of months, years, decades and centuries."""
    center = draw(st.sampled_from([date(2000, 1, 1), date(2020, 2, 29), date(1999, 12, 31), date(2026, 3, 4)]))
    return draw(
        st.one_of(
            st.integers(-40, 40).map(lambda days: center + timedelta(days=days)),
            st.dates(date(1700, 1, 1), date(2300, 12, 31)),
        )
    )


@st.composite
def texts(draw: st.DrawFn) -> str:
    day = near(draw)
    full = datetime.combine(day, draw(st.times()).replace(microsecond=0)).isoformat()
    return full[: draw(st.sampled_from([4, 7, 10, 10, 16, 19]))]


@st.composite
def values(draw: st.DrawFn) -> tuple[Any, Bounds]:
    """A dateTime or a Period, and what it spans."""
    one, other = sorted((draw(texts()), draw(texts())), key=naive)
    match draw(st.sampled_from(["one", "period", "since", "until"])):
        case "period" if naive(one)[0] <= naive(other)[1]:
            return {"start": one, "end": other}, (naive(one)[0], naive(other)[1])
        case "since":
            return {"start": one}, (naive(one)[0], LATEST)
        case "until":
            return {"end": one}, (EARLIEST, naive(one)[1])
    return one, naive(one)


def found_and_kept(value: Any, prefix: str, text: str) -> tuple[bool, bool]:
    element = "period"
    members = {element: json.dumps(value if isinstance(value, dict) else {"start": value, "end": value}).encode()}
    asked = criterion("Encounter", "date", [prefix + text])
    return bool(tokens(KEY, "Encounter", members).intersection(asked.groups(KEY))), asked.matches(members)


@given(values(), st.sampled_from(PREFIXES), texts())
@example(("2026-03-04", naive("2026-03-04")), "ge", "2026-03")
@example(({"start": "1699"}, (datetime(1699, 1, 1, tzinfo=UTC), LATEST)), "lt", "1700")
@example(({"start": "2199-12-31"}, (datetime(2199, 12, 31, tzinfo=UTC), LATEST)), "gt", "2299")
def test_candidates_then_filter_is_a_naive_evaluation(value: tuple[Any, Bounds], prefix: str, text: str) -> None:
    candidate, kept = found_and_kept(value[0], prefix, text)
    assert kept == selects(prefix, naive(text), value[1])
    assert candidate or not kept


@given(values(), st.sampled_from(PREFIXES), texts())
def test_a_search_with_a_zone_compares_instants(value: tuple[Any, Bounds], prefix: str, text: str) -> None:
    """Where the resource names no zone, it is taken to be UTC's."""
    moment = (text + "-01-01")[:10] if len(text) < 10 else text
    moment = moment if len(moment) > 10 else moment + "T00:00"
    begun, ended = naive(moment)
    shift = timedelta(hours=5, minutes=30)
    candidate, kept = found_and_kept(value[0], prefix, moment + "-05:30")
    assert kept == selects(prefix, (begun + shift, ended + shift), value[1])
    assert candidate or not kept


@given(st.dates(date(1900, 1, 1), date(2100, 1, 1)), st.times(), st.integers(-14 * 60, 14 * 60))
def test_a_time_is_found_by_its_day_on_the_wall_and_by_its_instant(day: date, at: time, minutes: int) -> None:
    wall = datetime.combine(day, at.replace(microsecond=0))
    zone = f"{'-' if minutes < 0 else '+'}{abs(minutes) // 60:02}:{abs(minutes) % 60:02}"
    value = wall.isoformat() + zone
    assert found_and_kept(value, "", wall.date().isoformat()) == (True, True)
    utc = (wall - timedelta(minutes=minutes)).replace(tzinfo=UTC)
    assert found_and_kept(value, "", utc.isoformat()) == (True, True)
    assert found_and_kept(value, "gt", utc.isoformat())[1] is False
    assert found_and_kept(value, "sa", (utc - timedelta(seconds=1)).isoformat()) == (True, True)


@given(st.tuples(st.dates(date(1800, 1, 1), date(2199, 12, 31)), st.dates(date(1800, 1, 1), date(2199, 12, 31))))
def test_a_cover_holds_its_days_and_no_others(days: tuple[date, date]) -> None:
    first, last = sorted(days)
    nodes = list(dates._cover(first, last))
    expected = first
    for node in nodes:
        begun = date.fromisoformat(node + "0000-01-01"[len(node) :])
        assert begun == expected
        expected = dates._last_of(begun, len(node)) + timedelta(days=1)
    assert expected == last + timedelta(days=1)
    assert len(nodes) <= 2 * (30 + 11 + 9 + 9) + 2


@given(values())
def test_a_resource_has_few_tokens_however_long_it_took(value: tuple[Any, Bounds]) -> None:
    found = list(terms(value[0]))
    assert len({term for term in found if term.startswith("at:")}) <= MAX_NODES
    assert len(set(found)) <= 2 * MAX_NODES + 8


@given(st.dates(date(1800, 1, 1), date(2199, 12, 31)), st.dates(date(1800, 1, 1), date(2199, 12, 31)))
def test_a_day_out_of_the_range_is_no_candidate(day: date, other: date) -> None:
    """Days and what is asked in days are as fine as the index: it lets nothing else through."""
    first, last = sorted((day, other))
    asked = set(overlapping(first, last))
    for outside in (first - timedelta(days=1), last + timedelta(days=1)):
        if 1800 <= outside.year <= 2199:
            assert asked.isdisjoint(terms(outside.isoformat()))


def test_a_timing_lasts_from_its_first_event_to_its_last() -> None:
    timing = {
        "event": ["2026-03-04", "2026-03-01"],
        "repeat": {"boundsPeriod": {"start": "2026-02-01", "end": "2026-03"}},
    }
    found = stretch(timing)
    assert found is not None
    assert found.wall == dates.Span(stretch("2026-02-01").wall.lower, stretch("2026-03").wall.upper)  # type: ignore[union-attr]
    assert stretch({"repeat": {"frequency": 1}}) is None
    assert stretch({"repeat": {"boundsPeriod": {"start": "2026"}}}) == stretch({"start": "2026"})


@pytest.mark.parametrize(
    "value",
    [
        *("", "26", "2026-13", "2026-02-30", "2026-1-1", "0000", "later", {}, {"start": "x"}, 5, None, True),
        *({"start": "2027", "end": "2026"}, "2026-01-01T24:00:00Z", "2026-01-01T00:61:00Z", "٢٠٢٦"),
    ],
)  # fmt: skip
def test_what_is_no_date_is_neither_indexed_nor_a_match(value: Any) -> None:
    assert list(terms(value)) == []
    asked = criterion("Patient", "birthdate", ["ge0001"])
    assert not asked.matches({"birthDate": json.dumps(value).encode()})


@pytest.mark.parametrize("text", ["0001-01-01", "9999-12-31", "9999-12", "9999", "2016-12-31T23:59:60Z"])
@pytest.mark.parametrize("prefix", PREFIXES)
def test_the_ends_of_the_calendar_are_dates(text: str, prefix: str) -> None:
    candidate, kept = found_and_kept(text, prefix, text)
    assert kept == (prefix in ("", "eq", "ge", "le"))
    assert candidate or not kept


@pytest.mark.parametrize("text", ["", "ge", "20260304", "zz2026", "GE2026", "2026-03-04T05", "2026-03-04Z", "Kowalska"])
def test_what_is_asked_for_must_be_a_date(text: str) -> None:
    with pytest.raises(InvalidInput, match=r"^birthdate is a year") as caught:
        criterion("Patient", "birthdate", [text])
    assert not text or text not in caught.value.detail.split()


@pytest.mark.parametrize("prefix", ["ne", "ap"])
def test_prefixes_that_are_not_supported_are_named(prefix: str) -> None:
    with pytest.raises(UnsupportedParameter, match=rf"^birthdate: the prefix {prefix} is not supported$"):
        criterion("Patient", "birthdate", [f"{prefix}1979-04-06"])


def test_fractions_of_seconds_are_compared() -> None:
    assert found_and_kept("2026-03-04T05:06:07.25Z", "", "2026-03-04T05:06:07Z") == (True, True)
    assert found_and_kept("2026-03-04T05:06:07.25Z", "", "2026-03-04T05:06:07.2Z")[1] is True
    assert found_and_kept("2026-03-04T05:06:07.25Z", "", "2026-03-04T05:06:07.3Z")[1] is False
    assert found_and_kept("2026-03-04T05:06:07.2500001Z", "gt", "2026-03-04T05:06:07.249999Z")[1] is True
