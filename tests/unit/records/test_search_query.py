"""The query of a search: opaque ids only, and refusals that repeat nothing."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phivault.errors import InvalidInput, UnsupportedParameter
from phivault.records.search_query import Query, parse


def test_parameters_are_read() -> None:
    query = parse([("_id", "a,b,a"), ("patient", "Patient/p-1"), ("_count", "100"), ("_cursor", "c")])
    assert query == Query(("a", "b"), "p-1", 100, "c")
    assert parse([]) == Query(None, None, 50, None)


def test_the_format_may_be_said_if_it_is_ours() -> None:
    assert parse([("_format", "json")]) == Query()
    with pytest.raises(UnsupportedParameter):
        parse([("_format", "xml")])


def test_links_repeat_the_query() -> None:
    assert parse([("_id", "a,b"), ("patient", "Patient/p")]).parameters == [
        ("_id", "a,b"),
        ("patient", "p"),
        ("_count", "50"),
    ]


@pytest.mark.parametrize("name", ["name", "family:exact", "birthdate", "identifier", "phone", "email", "address-city"])
def test_a_parameter_that_is_phi_is_sent_to_a_post(name: str) -> None:
    with pytest.raises(UnsupportedParameter, match="POST _search") as caught:
        parse([(name, "Zyxwvuts")])
    assert name.partition(":")[0] in caught.value.detail
    assert "Zyxwvuts" not in caught.value.detail


def test_a_known_parameter_is_named_and_an_unknown_one_is_not() -> None:
    with pytest.raises(UnsupportedParameter, match="_sort"):
        parse([("_sort", "x")])
    with pytest.raises(UnsupportedParameter) as caught:
        parse([("Zyxwvuts", "x")])
    assert "Zyxwvuts" not in caught.value.detail


@pytest.mark.parametrize(
    "parameter",
    [
        ("_count", "0"),
        ("_count", "101"),
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
    ],
)
def test_malformed_values_are_refused(parameter: tuple[str, str]) -> None:
    with pytest.raises(InvalidInput):
        parse([parameter])


def test_a_parameter_may_not_be_given_twice() -> None:
    with pytest.raises(InvalidInput):
        parse([("patient", "a"), ("patient", "b")])


@given(st.lists(st.tuples(st.text(max_size=12), st.text(max_size=12)), max_size=4))
def test_whatever_is_sent_yields_a_query_or_our_error(parameters: list[tuple[str, str]]) -> None:
    try:
        query = parse(parameters)
    except InvalidInput:
        return
    assert 1 <= query.count <= 100
