"""Splitting keeps every value's bytes and refuses what two readers could read differently."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phivault.errors import InvalidInput
from phivault.records.json_members import MAX_DEPTH, join, join_array, parse, split, split_array

TEXT = st.text(st.characters(exclude_categories=["Cs"]))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**30), 10**30) | TEXT,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXT, inner, max_size=4),
    max_leaves=12,
)
LAYOUTS = st.sampled_from([{}, {"indent": 2}, {"separators": (",", ":")}, {"indent": "\t"}])


@given(st.dictionaries(TEXT, VALUES, max_size=6), LAYOUTS, st.booleans())
def test_members_mean_the_same_after_split_and_join(members: dict[str, object], layout: dict, ascii: bool) -> None:
    text = json.dumps(members, ensure_ascii=ascii, **layout).encode()
    parts = split(text)
    assert list(parts) == list(members)
    assert json.loads(join(parts)) == members
    assert split(join(parts)) == parts
    for name, raw in parts.items():
        assert raw in text
        assert parse(raw) == members[name]


@given(st.lists(VALUES, max_size=6), LAYOUTS)
def test_items_mean_the_same_after_split_and_join(items: list[object], layout: dict) -> None:
    parts = split_array(json.dumps(items, **layout).encode())
    assert [json.loads(part) for part in parts] == items
    assert split_array(join_array(parts)) == parts


@given(st.binary(max_size=60) | st.text('[]{}",:\\u01 eE+-.', max_size=40).map(str.encode))
def test_hostile_bytes_give_our_error_or_a_reading_the_standard_library_shares(text: bytes) -> None:
    try:
        parts = split(text)
    except InvalidInput:
        return
    assert json.loads(join(parts)) == json.loads(text)


def test_bytes_stay_as_they_are() -> None:
    text = '{ "a" :\t1.10 ,"b":{ "c" : "\\u00e9é😀\\/" } , "d":[1e2, -0.0]}'.encode()
    assert split(text) == {"a": b"1.10", "b": '{ "c" : "\\u00e9é😀\\/" }'.encode(), "d": b"[1e2, -0.0]"}


def test_escaped_names_are_compared_by_meaning() -> None:
    with pytest.raises(InvalidInput):
        split(rb'{"id":"1","\u0069d":"2"}')


@pytest.mark.parametrize(
    "text",
    [
        b"",
        b" ",
        b"null",
        b"[]",
        b'"{}"',
        b"{",
        b"{}x",
        b"{}{}",
        b'{"a":1,}',
        b'{"a":1 "b":2}',
        b"{'a':1}",
        b"{a:1}",
        b'{"a"1}',
        b'{"a":}',
        b'{"a":NaN}',
        b'{"a":[-Infinity]}',
        b'{"a":01}',
        b'{"a":.5}',
        b'{"a":1.}',
        b'{"a":+1}',
        b'{"a":"\t"}',
        b'{"a":"\\x41"}',
        b'{"a":1}/*c*/',
        b"\xef\xbb\xbf{}",
        '{"a":1}'.encode("utf-16"),
        b'{"a":"\xff"}',
        b'{"a":"\xed\xa0\x80"}',
        rb'{"a":"\ud800"}',
        rb'{"a":["\udc00\ud800"]}',
        rb'{"\ud800":1}',
        b'{"a":1,"a":1}',
        b'{"a":{"b":1,"b":1}}',
        b'{"a":[[{"b":1,"b":1}]]}',
        b'{"a":' + b"9" * 65 + b"}",
        b'{"a":1e999}',
        b'{"a":0.' + b"9" * 64 + b"}",
    ],
)
def test_refused(text: bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        split(text)
    assert caught.value.__context__ is None


def test_pairs_of_surrogates_are_one_character() -> None:
    assert parse(split(rb'{"a":"\ud83d\ude00"}')["a"]) == "😀"


def test_an_escaped_backslash_before_u_is_no_surrogate() -> None:
    assert parse(rb'"\\ud800"') == "\\ud800"


def test_depth_has_a_limit_that_brackets_in_strings_do_not_count_for() -> None:
    nested = b"[" * (MAX_DEPTH - 1) + b"]" * (MAX_DEPTH - 1)
    assert split(b'{"a":' + nested + b"}") == {"a": nested}
    with pytest.raises(InvalidInput, match="nested"):
        split(b'{"a":[' + nested + b"]}")
    assert split(b'{"a":"' + b"[" * 500 + b'\\"{{{"}')
