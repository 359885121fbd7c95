"""Places of values in documents of any shape are those where a strict reader finds them."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phivault.cli.imports import scan
from phivault.cli.imports.scan import Scanner
from phivault.cli.imports.source import MAX_BYTES, files, resources
from phivault.errors import InvalidInput
from phivault.records.json_members import split, split_array

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text() | st.sampled_from(['"', "\\", '\\"', "{", "]", '{"a":[']),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
    max_leaves=12,
)


@given(st.lists(VALUES, max_size=6), st.sampled_from([None, 1, 3]), st.integers(1, 7))
def test_items_are_those_of_the_strict_reader(values: list[Any], indent: int | None, block: int) -> None:
    text = json.dumps(values, indent=indent, ensure_ascii=False).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "BLOCK", block)
        found = list(Scanner(io.BytesIO(b" \n" + text), 1 << 20).items())
    assert [raw for _, raw in found] == split_array(text)
    assert [(b" \n" + text)[place.offset :][: place.length] for place, _ in found] == split_array(text)


@given(st.lists(VALUES, max_size=6), st.integers(1, 7), st.integers(1, 20))
def test_what_is_too_large_is_passed_over_and_no_more_is_held(values: list[Any], block: int, limit: int) -> None:
    text = json.dumps(values).encode()
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "BLOCK", block)
        try:
            found = list(Scanner(io.BytesIO(text), limit).items())
        except InvalidInput:
            assert any(isinstance(value, (int, type(None))) for value in values)  # a word beyond all measure
            return
    assert [raw for _, raw in found] == [raw if len(raw) <= limit else None for raw in split_array(text)]


def test_space_is_not_held(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file of it would be as large in memory."""
    monkeypatch.setattr(scan, "BLOCK", 64)
    held = []

    class Counting(io.BytesIO):
        def read(self, size: int | None = -1) -> bytes:
            held.append(len(scanner._held))
            return super().read(size)

    scanner = Scanner(Counting(b"[" + b" " * 10_000 + b"1]"), 1 << 20)
    assert [raw for _, raw in scanner.items()] == [b"1"]
    assert max(held) <= 128


@given(st.binary(max_size=60), st.integers(1, 9))
def test_hostile_bytes_raise_only_our_errors(text: bytes, block: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(scan, "BLOCK", block)
        for name in ("a.json", "a.ndjson"):
            try:
                for found in resources(io.BytesIO(text), name):
                    assert found.refused or found.resource is not None
            except InvalidInput:
                assert name == "a.json"


def bundle(*entries: Any, type: str = "transaction", **more: Any) -> io.BytesIO:
    return io.BytesIO(
        json.dumps({"resourceType": "Bundle"} | more | {"type": type, "entry": entries}, indent=1).encode()
    )


def test_entries_are_found_wherever_they_stand_in_a_bundle() -> None:
    one = {"fullUrl": "urn:uuid:1", "resource": {"resourceType": "Patient"}, "request": {"method": "PUT", "url": "x"}}
    text = b'{"entry": [%s], "resourceType": "Bundle", "type": "collection"}' % json.dumps(one).encode()
    [found] = resources(io.BytesIO(text), "a.json")
    assert (found.number, found.full_url) == (1, "urn:uuid:1")
    assert split(found.resource or b"") == {"resourceType": b'"Patient"'}
    assert json.loads(text[found.place.offset :][: found.place.length]) == one


@pytest.mark.parametrize("type", ["document", "message", "history", "", None])
def test_other_bundles_are_refused(type: str) -> None:
    with pytest.raises(InvalidInput, match="none of transaction"):
        list(resources(bundle({"resource": {}}, type=type), "a.json"))


def test_an_entry_that_brings_nothing_is_refused_alone() -> None:
    found = list(resources(bundle({"request": {"method": "DELETE", "url": "Patient/1"}}, {"resource": {}}), "a.json"))
    assert [bool(one.refused) for one in found] == [True, False]


def test_lines_are_counted_and_those_too_large_passed_over() -> None:
    large = b'{"a":"' + b"x" * (2 * MAX_BYTES) + b'"}\n'
    text = b'{"resourceType":"Patient"}\n\n' + large + b"not json\r\n" + b'{"resourceType":"Patient","id":"2"}'
    found = list(resources(io.BytesIO(text), "a.ndjson"))
    assert [(one.number, bool(one.refused)) for one in found] == [(1, False), (3, True), (4, True), (5, False)]
    last = found[-1].place
    assert text[last.offset :][: last.length] == b'{"resourceType":"Patient","id":"2"}'


@pytest.mark.parametrize("text", [b"", b"[]", b"{", b'{"a"', b'{"a":1', b'{"a":1}{"a":2}', b'{"entry":[]}'])
def test_what_is_no_document_is_refused_as_a_whole(text: bytes) -> None:
    with pytest.raises(InvalidInput):
        list(resources(io.BytesIO(text), "a.json"))


def test_links_out_of_the_folder_are_not_followed(tmp_path: Path) -> None:
    outside, folder = tmp_path / "outside", tmp_path / "folder"
    for where in (outside, folder / "inner"):
        where.mkdir(parents=True)
        (where / "a.ndjson").write_text("{}\n")
    (folder / "file.ndjson").symlink_to(outside / "a.ndjson")
    (folder / "elsewhere").symlink_to(outside)
    assert files(folder) == [folder / "inner" / "a.ndjson"]
