"""The manifest: canonical bytes, strictly read."""

from __future__ import annotations

import contextlib
import dataclasses
import hashlib
import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phivault.audit.export import layout
from phivault.audit.export.manifest import File, Manifest, Segment, WitnessIdentity, encode, parse, signed_text
from phivault.errors import IntegrityError

HASH = "ab" * 32


def manifest(size: int = 65_536 + 10, first: int = 0, **changes: object) -> Manifest:
    segments = tuple(
        Segment(at, min(layout.SEGMENT, size - at), layout.lines_path(at), layout.objects_path(at), HASH)
        for at in range(first, size, layout.SEGMENT)
    )
    paths = [layout.CHECKPOINT, *(path for segment in segments for path in (segment.lines, segment.objects))]
    whole = Manifest(
        id="0b6f0b3e-30e1-4f0b-9df6-9a4a4a3b0c11",
        created="2026-01-02T03:04:05.678Z",
        origin="phivault.local/log",
        tenant="",
        first=first,
        size=size,
        checkpoint=HASH,
        witness=WitnessIdentity("phivault.local/witness", "", "123456789012"),
        segments=segments,
        files={path: File(HASH, 7) for path in paths},
    )
    return dataclasses.replace(whole, **changes)  # type: ignore[arg-type]  # a test's own names


@given(st.integers(1, 300_000), st.integers(0, 4))
def test_accepted_bytes_encode_to_themselves(size: int, skipped: int) -> None:
    shown = manifest(size, min(skipped, (size - 1) // layout.SEGMENT) * layout.SEGMENT)
    data = encode(shown)
    assert parse(data) == shown
    assert encode(parse(data)) == data


@given(st.data())
def test_no_byte_can_be_changed_unseen(data: st.DataObject) -> None:
    original = encode(manifest())
    at = data.draw(st.integers(0, len(original) - 1))
    changed = bytearray(original)
    changed[at] = data.draw(st.integers(0, 255).filter(lambda byte: byte != original[at]))
    with contextlib.suppress(IntegrityError):
        assert encode(parse(bytes(changed))) == bytes(changed)


@given(
    st.binary()
    | st.text().map(str.encode)
    | st.recursive(st.none() | st.integers(), st.lists).map(json.dumps).map(str.encode)
)
def test_hostile_bytes_raise_only_our_error(data: bytes) -> None:
    with pytest.raises(IntegrityError):
        parse(data)


@pytest.mark.parametrize("name", ["id", "files", "segments", "witness", "kind", "v", "first"])
def test_a_missing_field_is_refused(name: str) -> None:
    members = json.loads(encode(manifest()))
    del members[name]
    with pytest.raises(IntegrityError):
        parse(json.dumps(members, sort_keys=True, separators=(",", ":")).encode())


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("v", 2),
        ("v", True),
        ("kind", "other"),
        ("id", "../../etc"),
        ("created", "2026-01-02"),
        ("origin", "a b"),
        ("tenant", "a/b"),
        ("first", 1),
        ("first", 131_072),
        ("size", 0),
        ("size", 10**12),
        ("size", 65_536.0),
        ("checkpoint", "cd" * 32),
        ("segments", []),
        ("witness", {"name": "w", "account": "12", "log_account": ""}),
        ("witness", {"name": "w", "account": ""}),
        ("witness", None),
        ("files", []),
        ("files", {"../../etc/passwd": {"sha256": HASH, "size": 1}}),
        ("files", {}),
        ("more", 1),
    ],
)
def test_a_value_out_of_place_is_refused(name: str, value: object) -> None:
    members = json.loads(encode(manifest()))
    members[name] = value
    with pytest.raises(IntegrityError):
        parse(json.dumps(members, sort_keys=True, separators=(",", ":")).encode())


@pytest.mark.parametrize(
    "path",
    ["/etc/passwd", "..", "segments/../x", "manifest.json", "manifest.sig", "README.MD", "tile/0/000\n", "x" * 99],
)
def test_a_path_that_no_export_has_is_refused(path: str) -> None:
    shown = manifest()
    with pytest.raises(IntegrityError, match="files"):
        encode(dataclasses.replace(shown, files={**shown.files, path: File(HASH, 1)}))


def test_white_space_other_orders_and_repeated_keys_are_refused() -> None:
    data = encode(manifest())
    for other in (data + b"\n", b" " + data, data.replace(b'{"checkpoint"', b'{"v":1,"checkpoint"', 1)):
        with pytest.raises(IntegrityError):
            parse(other)


def test_the_signed_text_names_log_purpose_and_hash() -> None:
    data = encode(manifest())
    assert signed_text("a.example/log", data) == f"a.example/log/export\n{hashlib.sha256(data).hexdigest()}\n"
