"""The query of a search: what tells about a person comes posted, and refusals repeat nothing."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phivault.errors import InvalidInput, UnsupportedParameter
from phivault.records.search_include import INCLUDES, Include
from phivault.records.search_query import Query, parse, split
from phivault.records.types import TYPES


def test_parameters_are_read() -> None:
    query = parse("Observation", [("_id", "a,b,a"), ("patient", "Patient/p-1"), ("_count", "100")])
    assert (query.ids, query.patients, query.count, query.cursor) == (("a", "b"), ("p-1",), 100, None)
    assert parse("Observation", []) == Query()
    assert parse("Observation", [("_cursor", "c")]) == Query(cursor="c")


def test_a_cursor_stands_alone() -> None:
    with pytest.raises(InvalidInput, match="alone"):
        parse("Observation", [("_cursor", "c"), ("status", "final")])
    with pytest.raises(InvalidInput, match="once"):
        parse("Observation", [("_cursor", "c"), ("_cursor", "d")])


def test_a_page_may_be_smaller_than_the_one_before() -> None:
    asked = parse("Observation", [("_cursor", "c"), ("_count", "5")])
    assert asked == Query(cursor="c", count=5, given=(("_count", "5"),))


def test_more_than_a_page_holds_is_asked_for_as_what_it_holds() -> None:
    assert parse("Observation", [("_count", "101")]).count == parse("Observation", [("_count", "1000")]).count == 100


def test_patients_by_either_name_and_both() -> None:
    assert parse("Observation", [("subject", "Patient/a,b")]).patients == ("a", "b")
    assert parse("Observation", [("patient", "a,b"), ("subject", "b,c")]).patients == ("b",)
    for type, name in (("Organization", "patient"), ("Immunization", "subject"), ("Practitioner", "subject")):
        with pytest.raises(UnsupportedParameter, match=name):
            parse(type, [(name, "a")])


def test_the_format_may_be_said_if_it_is_ours() -> None:
    assert parse("Patient", [("_format", "json")]) == Query()
    with pytest.raises(UnsupportedParameter, match="_format"):
        parse("Patient", [("_format", "xml")])


def test_what_was_given_asks_the_same_again() -> None:
    given = [("family", "Smith,Jones"), ("birthdate", "ge1970"), ("birthdate", "lt1980"), ("_count", "7")]
    query = parse("Patient", given, posted=True)
    assert parse("Patient", query.given, posted=True) == query
    assert len(query.criteria) == 3
    assert "Smith" not in repr(query)


@pytest.mark.parametrize("name", ["name", "family:exact", "birthdate", "identifier", "phone", "email", "address-city"])
def test_a_parameter_that_is_phi_is_sent_to_a_post(name: str) -> None:
    with pytest.raises(UnsupportedParameter, match="POST to Patient/_search") as caught:
        parse("Patient", [(name, "Zyxwvuts")])
    assert name.partition(":")[0] in caught.value.detail
    assert "Zyxwvuts" not in caught.value.detail


@pytest.mark.parametrize(
    "name",
    [
        "_has:Observation:patient:code",
        "_revinclude",
        "_list",
        "_text",
        "_content",
        "_tag",
        "address-city",
        "family:exact",
        "family:contains",
        "birthdate:missing",
        "patient:Patient.name",
        "organization.name",
        "general-practitioner",
    ],
)
def test_what_is_not_supported_is_refused_by_name(name: str) -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        parse("Patient", [(name, "Zyxwvuts")], posted=True)
    assert name.partition(":")[0].partition(".")[0] in caught.value.detail
    assert "Zyxwvuts" not in caught.value.detail


def test_an_unknown_name_is_not_repeated() -> None:
    with pytest.raises(UnsupportedParameter) as caught:
        parse("Patient", [("Zyxwvuts", "x")], posted=True)
    assert "Zyxwvuts" not in caught.value.detail


@pytest.mark.parametrize(
    ("total", "summary"), [("accurate", "false"), ("estimate", "false"), ("none", "count")], ids=str
)
def test_how_many_there_are_is_not_told(total: str, summary: str) -> None:
    with pytest.raises(UnsupportedParameter, match=r"_total|_summary"):
        parse("Patient", [("_total", total), ("_summary", summary)])
    assert parse("Patient", [("_total", "none")]).count == 50


@pytest.mark.parametrize(
    ("texts", "since", "until"),
    [
        (["2026"], datetime(2026, 1, 1, tzinfo=UTC), datetime(2027, 1, 1, tzinfo=UTC)),
        (["eq2026-02-03"], datetime(2026, 2, 3, tzinfo=UTC), datetime(2026, 2, 4, tzinfo=UTC)),
        (["gt2026-02"], datetime(2026, 3, 1, tzinfo=UTC), None),
        (["sa2026-02"], datetime(2026, 3, 1, tzinfo=UTC), None),
        (["ge2026-02"], datetime(2026, 2, 1, tzinfo=UTC), None),
        (["lt2026-02"], None, datetime(2026, 2, 1, tzinfo=UTC)),
        (["eb2026-02"], None, datetime(2026, 2, 1, tzinfo=UTC)),
        (["le2026-02"], None, datetime(2026, 3, 1, tzinfo=UTC)),
        (["ge2026-02-03T04:05:06.7+01:00"], datetime(2026, 2, 3, 3, 5, 6, 700_000, tzinfo=UTC), None),
        (["ge2026", "lt2026-03"], datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 3, 1, tzinfo=UTC)),
        (["gt9999-12-31"], datetime.max.replace(tzinfo=UTC), None),
    ],
)
def test_when_a_version_was_written(texts: list[str], since: datetime | None, until: datetime | None) -> None:
    query = parse("Patient", [("_lastUpdated", text) for text in texts])
    assert query.is_timed
    assert query.until == until
    assert query.since == since


@pytest.mark.parametrize("text", ["ne2026", "ap2026", "yesterday", "2026-13", "", "2026,2027"])
def test_other_times_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput, match="_lastUpdated"):
        parse("Patient", [("_lastUpdated", text)])


def test_orders() -> None:
    for text in ("_id", "-_id", "_lastUpdated", "-_lastUpdated"):
        assert parse("Observation", [("_sort", text)]).sort == text
    assert parse("Condition", [("_sort", "-onset-date")]).sort == "-onset-date"
    for type, text in (("Observation", "code"), ("Observation", "--date"), ("Patient", "date"), ("Patient", "_id,_id")):
        with pytest.raises(UnsupportedParameter, match="_sort"):
            parse(type, [("_sort", text)])


def test_includes_are_a_table_of_each_type() -> None:
    assert set(INCLUDES) == set(TYPES)
    query = parse(
        "Observation", [("_include", "Observation:subject"), ("_include", "Observation:performer:Practitioner")]
    )
    assert query.includes == (
        Include("subject", frozenset({"Patient"})),
        Include("performer", frozenset({"Practitioner"})),
    )
    for text in ("*", "Observation:*", "Patient:subject", "Observation:encounter", "Observation:performer:Patient", ""):
        with pytest.raises(InvalidInput):
            parse("Observation", [("_include", text)])
    with pytest.raises(UnsupportedParameter, match="_include"):
        parse("Observation", [("_include:iterate", "Observation:subject")])


@pytest.mark.parametrize(
    "parameter",
    [
        ("_count", "0"),
        ("_count", "1000000"),
        ("_count", "٣"),
        ("_count", "-1"),
        ("_count", ""),
        ("_id", ""),
        ("_id", "a,"),
        ("_id", ",".join(f"i{n}" for n in range(101))),
        ("_id", "a b"),
        ("patient", "Practitioner/x"),
        ("patient", ""),
        ("patient", "Patient/x/y"),
        ("patient", ",".join(f"i{n}" for n in range(101))),
        ("code", ",".join(f"i{n}" for n in range(10_000))),
        ("code", ""),
        ("code", "a" * 2000),
        ("date", "soon"),
        ("date", "ne2026"),
        ("_elements", "nothing-of-it"),
        ("_summary", "some"),
    ],
)
def test_malformed_values_are_refused(parameter: tuple[str, str]) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse("Observation", [parameter], posted=True)
    assert parameter[0] in caught.value.detail


@pytest.mark.parametrize("name", ["patient", "_id", "_count", "_sort", "_summary", "_elements", "_total"])
def test_these_may_not_be_given_twice(name: str) -> None:
    with pytest.raises(InvalidInput, match="once"):
        parse("Observation", [(name, "a"), (name, "b")])


def test_a_search_has_a_bounded_number_of_parameters() -> None:
    with pytest.raises(InvalidInput, match="20"):
        parse("Observation", [("code", f"c{n}") for n in range(21)], posted=True)


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("a,b", ["a", "b"]),
        (r"a\,b,c", [r"a\,b", "c"]),
        ("a\\\\,b", ["a\\\\", "b"]),
        ("a,", ["a", ""]),
        ("", [""]),
        ("\\", ["\\"]),
    ],
)
def test_commas_part_values_and_backslashes_keep_them(text: str, parts: list[str]) -> None:
    assert split(text) == parts


@given(st.text(alphabet="ab,\\|$", max_size=30))
def test_splitting_loses_nothing(text: str) -> None:
    assert ",".join(split(text)) == text


NAMES = st.sampled_from(["code", "date", "_id", "patient", "_count", "_sort", "_lastUpdated", "_include", "_elements"])


@given(st.lists(st.tuples(NAMES | st.text(max_size=12), st.text(max_size=12)), max_size=4), st.booleans())
def test_whatever_is_sent_yields_a_query_or_our_error(parameters: list[tuple[str, str]], posted: bool) -> None:
    try:
        query = parse("Observation", parameters, posted=posted)
    except InvalidInput:
        return
    assert 1 <= query.count <= 100
    assert posted or not any(criterion.parameter.is_phi for criterion in query.criteria)
