"""Canonical lines: what is accepted re-encodes to itself, and hostile bytes yield IntegrityError alone."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phivault.audit.canonical import MAX_LINE, EventLine, Genesis, Link, encode, line_hash, parse
from phivault.audit.event import Action, AuditEvent, RiskLevel
from phivault.errors import IntegrityError
from tests.support.audit import an_event

VECTORS = json.loads((Path(__file__).parents[2] / "vectors" / "audit" / "lines.json").read_text())
HEX = "0123456789abcdef"
tokens = st.text("abcXYZ019._:-", max_size=40)
hashes = st.text(HEX, min_size=64, max_size=64)
writers = st.text(HEX, min_size=32, max_size=32)

events = st.builds(
    AuditEvent,
    id=st.uuids().map(str),
    timestamp=st.datetimes().map(lambda at: f"{at:%m-%dT%H:%M:%S}").map(lambda rest: f"2026-{rest}.123Z"),
    tenant=tokens.filter(bool),
    action=st.sampled_from(Action),
    success=st.booleans(),
    risk=st.sampled_from(RiskLevel),
    request_id=tokens,
    user_id=tokens,
    role=st.sampled_from(["", "clinician", "tenant_admin"]),
    session=tokens,
    personal=st.sampled_from(["", "QUJD", "QUI="]),
    personal_subject=st.sampled_from(["", "User/abc", "Unattributed/2026-01-01"]),
    personal_ref=tokens,
    resource=st.sampled_from(["", "Patient"]),
    resource_id=tokens,
    version=st.integers(0, 2**53 - 1),
    patient=tokens,
    purpose=st.sampled_from(["", "TREATMENT"]),
    purpose_asserted=st.none() | st.booleans(),
    classes=st.lists(st.sampled_from(["clinical", "contact"]), max_size=6).map(tuple),
    error=st.sampled_from(["", "not-found"]),
    flags=st.lists(st.sampled_from(["break-glass", "HIPAA"]), max_size=3).map(tuple),
    envelope=st.just("") | hashes,
)
links = st.builds(
    Link,
    writer=writers,
    sequence=st.integers(1, 2**53 - 1),
    prev=hashes,
    checkpoint=st.just("") | hashes.map("7/".__add__),
)


@given(events, links)
def test_a_line_gives_back_what_it_was_made_of(event, link):
    line = encode(EventLine(event, link))
    assert parse(line) == EventLine(event, link)
    assert len(line) <= MAX_LINE


@given(
    st.builds(
        Genesis,
        writer=writers,
        timestamp=st.just("2026-01-02T03:04:05.678Z"),
        predecessor=writers,
        predecessor_sequence=st.integers(-1, 2**53 - 1),
        predecessor_hash=hashes,
    )
)
def test_a_genesis_gives_back_what_it_was_made_of(genesis):
    assert parse(encode(genesis)) == genesis


@given(events, links, st.data())
def test_a_changed_byte_is_refused_or_is_another_canonical_line(event, link, data):
    line = bytearray(encode(EventLine(event, link)))
    position = data.draw(st.integers(0, len(line) - 1))
    line[position] ^= data.draw(st.integers(1, 255))
    try:
        parsed = parse(bytes(line))
    except IntegrityError:
        return
    assert encode(parsed) == line


@given(st.binary(max_size=300))
def test_arbitrary_bytes_yield_only_our_error(data):
    with pytest.raises(IntegrityError):
        parse(data)


@given(
    st.recursive(
        st.none() | st.booleans() | st.floats() | st.integers() | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
        max_leaves=20,
    )
)
def test_arbitrary_json_yields_only_our_error(value):
    with pytest.raises(IntegrityError):
        parse(json.dumps(value).encode())


def test_deep_nesting_yields_only_our_error():
    with pytest.raises(IntegrityError):
        parse(b'{"v":' + b"[" * 2000 + b"]" * 2000 + b"}")


@pytest.mark.parametrize("vector", VECTORS["accepted"], ids=lambda vector: vector["name"])
def test_accepted_vectors(vector):
    line = vector["line"].encode()
    assert encode(parse(line)) == line
    assert line_hash(line) == vector["sha256"]


@pytest.mark.parametrize("vector", VECTORS["refused"], ids=lambda vector: vector["name"])
def test_refused_vectors(vector):
    with pytest.raises(IntegrityError, match=vector["error"]):
        parse(vector["line"].encode())


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("patient", "Zaphod Beeblebrox"),
        ("error", "Patient Zaphod not found"),
        ("user_id", "zaphod@example.org"),
        ("resource_id", "Ünïcode"),
        ("flags", ("free text here",)),
        ("flags", ("f" * 81,)),
        ("classes", ("a",) * 17),
        ("timestamp", "2026-13-01T00:00:00.000Z"),
        ("timestamp", "2026-01-01T00:00:00.000Z\n"),
        ("version", -1),
        ("version", True),
        ("version", 2**53),
        ("success", 1),
        ("tenant", ""),
    ],
)
def test_free_text_and_wrong_types_have_nowhere_to_go(field, value):
    link = Link(writer="0" * 32, sequence=1, prev="0" * 64)
    with pytest.raises(IntegrityError, match=f"at {field}$") as caught:
        encode(EventLine(an_event(**{field: value}), link))
    assert "Zaphod" not in str(caught.value)


def test_the_longest_event_of_the_schema_is_capped():
    full = {"personal": "A" * 2800, "flags": ("f" * 32,) * 16, "classes": ("c" * 32,) * 16}
    link = Link(writer="0" * 32, sequence=1, prev="0" * 64)
    with pytest.raises(IntegrityError, match="4 KiB"):
        encode(EventLine(an_event(**full), link))
    assert len(encode(EventLine(an_event(personal="A" * 2400), link))) <= MAX_LINE
