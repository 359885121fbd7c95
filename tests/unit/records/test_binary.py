"""Binary: sealed in pieces, whole when read, at most 3 MiB, and never a page."""

from __future__ import annotations

import base64
import json
import os
from typing import Any

import pytest

from phivault.access.roles import Role
from phivault.crypto.envelope import read_header
from phivault.errors import AccessDenied, ContentTooLarge, InvalidInput, PhivaultError, Unprocessable
from phivault.records.binary import CONTENT, OCTETS, RAW_TYPES, content_of, wants_raw, wrapped
from phivault.records.create import create
from phivault.records.read import read
from phivault.records.released import Released
from phivault.records.types import MAX_BINARY, MAX_CONTENT
from tests.support.records_fakes import World, a_patient, an_observation


@pytest.fixture
def patient(world: World) -> str:
    made = world.make("Patient", a_patient()).id
    world.forget()
    return made


def _binary(patient: str, raw: bytes, **changes: Any) -> bytes:
    resource = {
        "resourceType": "Binary",
        "contentType": "application/pdf",
        "securityContext": {"reference": f"Patient/{patient}"},
        "data": base64.b64encode(raw).decode(),
    }
    return json.dumps({name: value for name, value in (resource | changes).items() if value is not None}).encode()


@pytest.mark.parametrize("size", [1, 300 << 10, MAX_CONTENT])
def test_content_comes_back_byte_for_byte(world: World, patient: str, size: int) -> None:
    raw = os.urandom(size)
    body = wrapped(raw, "application/pdf", f"Patient/{patient}")
    assert len(body) <= MAX_BINARY
    made = create(world.records, world.call(), "Binary", body).id
    shown = read(world.records, world.call(), "Binary", made, needs=CONTENT)
    assert content_of(shown).raw == raw
    assert content_of(shown).media == "application/pdf"
    assert "raw" not in repr(content_of(shown))


def test_it_is_sealed_in_pieces_under_its_patients_key(world: World, patient: str) -> None:
    made = create(world.records, world.call(), "Binary", _binary(patient, bytes(MAX_CONTENT)))
    sealed = world.store.read("north", "Binary", made.id)
    assert sealed is not None
    assert sealed.subject == f"Patient/{patient}"
    lengths = {element.name: element.length for element in read_header(sealed.envelope or b"").elements}
    assert {"data", "data~1", "data~16"} <= lengths.keys()
    assert max(lengths.values()) <= 256 << 10


@pytest.mark.parametrize("spread", [False, True])
def test_more_than_3_mib_are_too_much(world: World, patient: str, spread: bool) -> None:
    text = base64.b64encode(bytes(MAX_CONTENT + 1)).decode()
    data = "\r\n".join([text[:100], text[100:]]) if spread else text
    with pytest.raises(ContentTooLarge):
        create(world.records, world.call(), "Binary", _binary(patient, b"", data=data))
    with pytest.raises(ContentTooLarge):
        wrapped(bytes(MAX_CONTENT + 1), OCTETS, f"Patient/{patient}")
    assert "commit" not in world.steps


def test_it_belongs_to_a_patient(world: World, patient: str) -> None:
    with pytest.raises(InvalidInput):
        wrapped(b"x", OCTETS, None)
    for context in ("Organization/x", "patient", "Patient/", "http://x.example/Patient/1"):
        with pytest.raises(PhivaultError) as refused:
            create(world.records, world.call(), "Binary", wrapped(b"x", OCTETS, context))
        assert isinstance(refused.value, (Unprocessable, InvalidInput))
    with pytest.raises(Unprocessable):
        create(world.records, world.call(), "Binary", _binary(patient, b"x", securityContext=None))


def test_raw_content_goes_to_nobody_from_whom_it_is_withheld(world: World, patient: str) -> None:
    made = create(world.records, world.call(), "Binary", _binary(patient, b"secret")).id
    world.forget()
    officer = world.call(Role.PRIVACY_OFFICER)
    assert b"data" not in read(world.records, officer, "Binary", made).body
    world.forget()
    with pytest.raises(AccessDenied):
        read(world.records, officer, "Binary", made, needs=CONTENT)
    assert [event.success for event in world.events] == [False]


def test_a_binary_of_nothing_has_no_content(world: World, patient: str) -> None:
    made = create(world.records, world.call(), "Binary", wrapped(b"", OCTETS, f"Patient/{patient}")).id
    assert content_of(read(world.records, world.call(), "Binary", made, needs=CONTENT)).raw == b""


def test_nothing_contains_a_binary(world: World, patient: str) -> None:
    inner = {"resourceType": "Binary", "id": "b", "contentType": "text/plain", "data": "eA=="}
    with pytest.raises(InvalidInput):
        world.make("Observation", an_observation(patient, contained=[inner]))


@pytest.mark.parametrize(
    ("stored", "answered"),
    [
        ("application/pdf", "application/pdf"),
        ("Text/Plain; charset=latin1", "text/plain"),
        ("text/html", OCTETS),
        ("image/svg+xml", OCTETS),
        ("application/xhtml+xml", OCTETS),
        ("text/html, application/pdf", OCTETS),
        ("application/pdf\r\nX-Injected: 1", OCTETS),
        ("", OCTETS),
    ],
)
def test_what_a_browser_could_run_goes_out_as_octets(stored: str, answered: str) -> None:
    body = json.dumps({"resourceType": "Binary", "contentType": stored, "data": "PHNjcmlwdD4="}).encode()
    assert content_of(Released("Binary", "b", 1, None, body)).media == answered


@pytest.mark.parametrize(
    ("accept", "raw"),
    [
        (None, False),
        ("*/*", False),
        ("application/fhir+json", False),
        ("application/json, application/pdf", False),
        ("application/pdf", True),
        ("Application/PDF;q=0.9, */*", True),
        (OCTETS, True),
        ("text/html", False),
    ],
)
def test_raw_is_answered_to_who_accepts_it_first(accept: str | None, raw: bool) -> None:
    assert wants_raw(accept) is raw


def test_no_raw_type_is_one_that_runs() -> None:
    assert not {name for name in RAW_TYPES if "html" in name or "svg" in name or "javascript" in name}
    assert len(set(RAW_TYPES)) == len(RAW_TYPES)
