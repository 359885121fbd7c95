"""Make envelopes.json: envelopes that open, and envelopes named after the attack that must not.

``python -m tests.vectors.crypto.make_envelopes`` rewrites the file. Salts are fixed here, and only here, so that a
test can hold the file equal to what the code seals: a change of the format can't pass unseen.
"""

from __future__ import annotations

import json
import struct
from collections.abc import Iterator
from dataclasses import asdict, replace
from hashlib import sha256
from pathlib import Path
from typing import Any
from unittest.mock import patch

from phivault.crypto.element import Element, SealContext
from phivault.crypto.envelope import seal
from phivault.crypto.header import Layout, parse
from phivault.crypto.subject_key import SubjectKey

FILE = Path(__file__).with_name("envelopes.json")

KEY = SubjectKey("t-1", "Patient/p-1", 1, sha256(b"phivault vector: subject key").digest())
CONTEXT = SealContext("t-1", "Patient/p-1", "Patient", "p-1", 2)
ELEMENTS = [
    Element("gender", "identifying", b'"female"'),
    Element("birthDate", "identifying", b'"1980-05-17"'),
    Element("name", "identifying", b'[{"family":"Vector","given":["Test"]}]'),
    Element("active", "administrative", b"true"),
]


def _seal(label: str, key: SubjectKey, context: SealContext, elements: list[Element]) -> bytes:
    salt = sha256(b"phivault vector: salt of " + label.encode()).digest()
    with patch("phivault.crypto.envelope.urandom", lambda size: salt[:size]):
        return seal(key, context, elements)


def _case(name: str, key: SubjectKey, context: SealContext, envelope: bytes) -> dict[str, Any]:
    its_key = {"tenant": key.tenant, "subject": key.subject, "version": key.version, "material": key.material.hex()}
    return {"name": name, "key": its_key, "context": asdict(context), "envelope": envelope.hex()}


def valid() -> Iterator[dict[str, Any]]:
    personal = replace(CONTEXT, subject="User/u-1", type="Personal", id="s-1", version=1)
    cases = {
        "patient": (KEY, CONTEXT, ELEMENTS),
        "empty-value": (KEY, CONTEXT, [Element("a", "clinical", b"")]),
        "31-and-32-bytes": (KEY, CONTEXT, [Element("a", "contact", b"x" * 31), Element("b", "contact", b"x" * 32)]),
        "every-class": (
            replace(KEY, version=4294967295),
            CONTEXT,
            [Element(name, name, b"1") for name in
             ("administrative", "deidentified", "contact", "identifying", "clinical", "sensitive")],
        ),
        "wide-lengths": (KEY, CONTEXT, [Element("text", "clinical", b"w" * 65536), Element("a", "contact", b"1")]),
        "personal": (
            replace(KEY, subject="User/u-1"),
            personal,
            [Element("user_email", "identifying", b"clinician@example.org"),
             Element("ip_address", "identifying", b"192.0.2.1"),
             Element("user_agent", "identifying", b"Mozilla/5.0 (X11; Linux x86_64; rv:140.0)")],
        ),
    }  # fmt: skip
    for name, (key, context, elements) in cases.items():
        shown = [{"name": e.name, "data_class": e.data_class, "value": e.value.hex()} for e in elements]
        yield _case(name, key, context, _seal(name, key, context, elements)) | {"elements": shown}


def invalid() -> Iterator[dict[str, Any]]:
    envelope = _seal("patient", KEY, CONTEXT, ELEMENTS)
    for name, altered in _altered(envelope):
        yield _case(name, KEY, CONTEXT, altered) | {"error": "integrity"}
    contexts = {
        "wrong-tenant": replace(CONTEXT, tenant="t-2"),
        "wrong-subject": replace(CONTEXT, subject="Patient/p-2"),
        "wrong-type": replace(CONTEXT, type="Person"),
        "wrong-id": replace(CONTEXT, id="p-2"),
        "older-version-passed-for-newer": replace(CONTEXT, version=3),
        "type-and-id-shifted": replace(CONTEXT, type="Patientp", id="-1"),
    }
    for name, context in contexts.items():
        key = replace(KEY, tenant=context.tenant, subject=context.subject)
        yield _case(name, key, context, envelope) | {"error": "integrity"}
    yield _case("wrong-key", replace(KEY, material=bytes(32)), CONTEXT, envelope) | {"error": "integrity"}
    yield _case("wrong-key-version", replace(KEY, version=2), CONTEXT, envelope) | {"error": "integrity"}


def _altered(envelope: bytes) -> Iterator[tuple[str, bytes]]:
    layout = parse(envelope)
    header, commitment = layout.raw, envelope[layout.table.commitment]
    places = _places(layout)
    sealed = [envelope[place] for place in places]
    other = _seal("another seal of the same", KEY, CONTEXT, ELEMENTS)

    def put(at: int, part: bytes) -> bytes:
        return envelope[:at] + part + envelope[at + len(part) :]

    def flipped(at: int) -> bytes:
        return put(at, bytes((envelope[at] ^ 1,)))

    names_at = 42 + len(places)
    lengths_at = len(header) - 2 * len(places)
    yield "nothing", b""
    yield "format-version-0", put(0, b"\0")
    yield "format-version-2", put(0, b"\2")
    yield "key-version-0", put(1, bytes(4))
    yield "flipped-salt", flipped(5)
    yield "flipped-commitment", flipped(len(header))
    yield "commitment-of-zeros", header + bytes(32) + b"".join(sealed)
    yield "commitment-of-another-seal", header + other[len(header) : len(header) + 32] + b"".join(sealed)
    yield "flipped-ciphertext", flipped(places[2].start)
    yield "flipped-tag", flipped(len(envelope) - 1)
    yield "cut-by-one-byte", envelope[:-1]
    yield "cut-after-header", header
    yield "cut-by-one-element", envelope[: places[-1].start]
    yield "extra-byte", envelope + b"\0"
    yield "swapped-elements", header + commitment + b"".join([sealed[1], sealed[0], *sealed[2:]])
    yield "swapped-names", put(names_at, b"birthDate gender")
    yield "renamed-element", put(names_at, b"gendex")
    yield "duplicate-names", put(names_at + len(b"gender birthDate name "), b"gender")
    yield "lowered-data-class", put(42, b"\1")
    yield "unknown-data-class", put(42, b"\7")
    yield "dropped-element", _without_last(envelope)
    yield "element-of-another-seal", put(places[0].start, other[places[0]])
    yield "length-of-another-form", put(lengths_at, struct.pack(">H", 32))
    yield "hidden-length-named", put(lengths_at, struct.pack(">H", 8))
    yield "oversized-length", put(lengths_at, b"\xff\xff")
    yield "oversized-names", put(40, b"\xff\xff")
    yield "oversized-count", put(38, b"\xff\xff")
    yield "no-elements", put(38, b"\0\0")
    yield "unknown-width", put(37, b"\3")
    yield "needlessly-wide", _widened(envelope)


def _places(layout: Layout) -> list[slice]:
    return [slice(start, end) for *_, start, end in layout.table.slots]


def _without_last(envelope: bytes) -> bytes:
    """A header that never named the last element, with everything else in its place."""
    layout = parse(envelope)
    kept = layout.table.shape.names[:-1]
    count = len(kept) + 1
    names = " ".join(kept).encode()
    fixed = envelope[:38] + struct.pack(">HH", count - 1, len(names))
    lengths = layout.raw[-2 * count : -2]
    body = envelope[layout.table.commitment.start : _places(layout)[-1].start]
    return fixed + envelope[42 : 42 + count - 1] + names + lengths + body


def _widened(envelope: bytes) -> bytes:
    layout = parse(envelope)
    lengths = layout.table.lengths
    head = envelope[:37] + b"\4" + layout.raw[38 : -2 * len(lengths)]
    return head + struct.pack(f">{len(lengths)}I", *lengths) + envelope[len(layout.raw) :]


def make() -> str:
    vectors = {"format_version": 1, "valid": list(valid()), "invalid": list(invalid())}
    return json.dumps(vectors, indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(make())
