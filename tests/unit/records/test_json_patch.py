"""JSON Patch on members: RFC 6902's own examples, bytes that stay, bounds, errors without values."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phivault.errors import ContentTooLarge, InvalidInput, PhivaultError, Unprocessable
from phivault.records.json_members import join, split
from phivault.records.json_patch import operations, patch_members

LIMIT = 1 << 20


def _patched(document: str, *ops: dict[str, Any], limit: int = LIMIT) -> str:
    return join(patch_members(split(document.encode()), operations(json.dumps(ops).encode()), limit=limit)).decode()


@pytest.mark.parametrize(
    ("document", "operation", "expected"),
    [
        ({"foo": "bar"}, {"op": "add", "path": "/baz", "value": "qux"}, {"foo": "bar", "baz": "qux"}),
        ({"foo": ["bar", "baz"]}, {"op": "add", "path": "/foo/1", "value": "qux"}, {"foo": ["bar", "qux", "baz"]}),
        ({"foo": ["bar"]}, {"op": "add", "path": "/foo/-", "value": ["abc"]}, {"foo": ["bar", ["abc"]]}),
        ({"baz": "qux", "foo": "bar"}, {"op": "remove", "path": "/baz"}, {"foo": "bar"}),
        ({"foo": ["bar", "qux", "baz"]}, {"op": "remove", "path": "/foo/1"}, {"foo": ["bar", "baz"]}),
        ({"baz": "qux"}, {"op": "replace", "path": "/baz", "value": "boo"}, {"baz": "boo"}),
        (
            {"foo": {"bar": "baz", "waldo": "fred"}, "qux": {"corge": "grault"}},
            {"op": "move", "from": "/foo/waldo", "path": "/qux/thud"},
            {"foo": {"bar": "baz"}, "qux": {"corge": "grault", "thud": "fred"}},
        ),
        ({"foo": ["a", "b", "c"]}, {"op": "move", "from": "/foo/0", "path": "/foo/2"}, {"foo": ["b", "c", "a"]}),
        ({"foo": ["a"]}, {"op": "copy", "from": "/foo", "path": "/bar"}, {"foo": ["a"], "bar": ["a"]}),
        ({"foo": "bar"}, {"op": "add", "path": "/child", "value": {"g": {}}}, {"foo": "bar", "child": {"g": {}}}),
        ({"~1": 10, "/": 9}, {"op": "test", "path": "/~01", "value": 10}, {"~1": 10, "/": 9}),
        ({"foo": 1}, {"op": "add", "path": "/foo", "value": None}, {"foo": None}),
    ],
)
def test_rfc_6902_appendix_a(document: dict[str, Any], operation: dict[str, Any], expected: dict[str, Any]) -> None:
    assert json.loads(_patched(json.dumps(document), operation)) == expected


@pytest.mark.parametrize(
    "operation",
    [
        {"op": "test", "path": "/baz", "value": "bar"},
        {"op": "test", "path": "/foo", "value": "10"},
        {"op": "test", "path": "/one", "value": True},
        {"op": "test", "path": "/none", "value": None},
        {"op": "add", "path": "/none/bat", "value": "qux"},
        {"op": "add", "path": "/list/5", "value": 1},
        {"op": "add", "path": "/list/01", "value": 1},
        {"op": "add", "path": "/list/" + "9" * 5000, "value": 1},
        {"op": "add", "path": "/foo/bar", "value": 1},
        {"op": "remove", "path": "/none"},
        {"op": "remove", "path": "/list/-"},
        {"op": "replace", "path": "/none", "value": 1},
        {"op": "move", "from": "/none", "path": "/foo"},
        {"op": "move", "from": "/deep", "path": "/deep/er"},
        {"op": "copy", "from": "/list/-", "path": "/foo"},
    ],
)
def test_refuses_what_does_not_apply_without_saying_what_stands_there(operation: dict[str, Any]) -> None:
    document = '{"foo":10,"one":1,"list":["secret"],"deep":{"er":1},"baz":"secret"}'
    with pytest.raises(Unprocessable, match=r"^Operation 0 does not apply") as refused:
        _patched(document, operation)
    assert "secret" not in str(refused.value)
    assert refused.value.__suppress_context__


@pytest.mark.parametrize(
    "body",
    [
        b"{}",
        b"[1]",
        b'[{"op":"add","path":"/a"}]',
        b'[{"op":"add","value":1}]',
        b'[{"op":"append","path":"/a","value":1}]',
        b'[{"op":["add"],"path":"/a","value":1}]',
        b'[{"op":"move","path":"/a"}]',
        b'[{"op":"move","path":"/a","from":7}]',
        b'[{"op":"remove","path":"a"}]',
        b'[{"op":"remove","path":"/~2"}]',
        b'[{"op":"remove","path":""}]',
        b'[{"op":"remove","path":7}]',
        b'[{"op":"remove","path":"/a","path":"/b"}]',
        b'[{"op":"remove","path":"' + b"/a" * 33 + b'"}]',
        b"[" + b",".join([b'{"op":"remove","path":"/a"}'] * 101) + b"]",
        b'[{"op":"add","path":"/a/b","value":' + b"[" * 61 + b"]" * 61 + b"},{}]",
        b'[{"op":"add","path":"' + b"/a" * 10 + b'","value":' + b"[" * 56 + b"]" * 56 + b"}]",
    ],
)
def test_refuses_what_is_no_patch(body: bytes) -> None:
    with pytest.raises(InvalidInput):
        operations(body)


def test_keeps_the_bytes_of_what_no_operation_writes() -> None:
    document = '{"a": { "x" : 1.10 } ,"b":[ 1.0e1, -0, 0.50 ],"c": "\\u00e9"}'
    ops = [
        {"op": "test", "path": "/a/x", "value": 1.1},
        {"op": "copy", "from": "/c", "path": "/d"},
        {"op": "remove", "path": "/b/1"},
    ]
    assert _patched(document, *ops) == '{"a":{ "x" : 1.10 },"b":[1.0e1,0.50],"c":"\\u00e9","d":"é"}'


def test_writes_numbers_as_they_were_sent() -> None:
    patch = b'[{"op":"add","path":"/v","value":{"n":1.10,"m":1E+2}},{"op":"copy","from":"/v","path":"/w"}]'
    left = patch_members({"a": b"1"}, operations(patch), limit=LIMIT)
    assert join(left) == b'{"a":1,"v":{"n":1.10,"m":1E+2},"w":{"n":1.10,"m":1E+2}}'


def test_copies_of_copies_do_not_fill_the_memory() -> None:
    doubling = [{"op": "copy", "from": "/a", "path": "/a/-"}] * 100
    with pytest.raises(ContentTooLarge):
        _patched('{"a":["' + "x" * 1000 + '"]}', *doubling)


def test_nothing_gets_deeper_than_a_resource_may_be() -> None:
    deeper: list[dict[str, Any]] = [{"op": "copy", "from": "/a", "path": "/a" + "/a" * n} for n in range(1, 31)]
    with pytest.raises(Unprocessable, match="nests deeper"):
        _patched('{"a":{}}', *deeper, *deeper)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.text("ab~/é", max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab/~", max_size=2), inner, max_size=3),
    max_leaves=8,
)
_PATH = st.lists(st.sampled_from(["a", "b", "0", "1", "-", "~0", "~1", ""]), max_size=4).map(
    lambda tokens: "".join("/" + token for token in tokens)
)
_OPERATION = st.fixed_dictionaries(
    {"op": st.sampled_from(["add", "remove", "replace", "move", "copy", "test"]), "path": _PATH},
    optional={"from": _PATH, "value": _JSON},
)


@given(document=st.dictionaries(st.sampled_from(["a", "b"]), _JSON), ops=st.lists(_OPERATION, max_size=6))
def test_gives_json_or_one_of_our_errors(document: dict[str, Any], ops: list[dict[str, Any]]) -> None:
    try:
        left = _patched(json.dumps(document), *ops)
    except PhivaultError:
        return
    split(left.encode())
