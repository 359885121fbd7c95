from __future__ import annotations

import dataclasses
import os
import traceback
from collections import Counter
from collections.abc import Callable, Iterable
from unittest.mock import patch

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from phivault.crypto import envelope as module
from phivault.crypto import header as headers
from phivault.crypto.associated_data import associated_data
from phivault.crypto.element import Element, SealContext
from phivault.crypto.envelope import read_header, seal, unseal
from phivault.crypto.header import CODES, ElementHeader
from phivault.crypto.subject_key import SubjectKey
from phivault.errors import ContentTooLarge, IntegrityError, InvalidInput, PhivaultError
from phivault.phi.data_class import DataClass

KEY = SubjectKey("t-1", "Patient/p-1", 1, os.urandom(32))
CONTEXT = SealContext("t-1", "Patient/p-1", "Patient", "p-1", 1)

names = st.text(st.characters(min_codepoint=0x21, max_codepoint=0x7E), min_size=1, max_size=64)
values = st.binary(max_size=100) | st.sampled_from([bytes(n) for n in (0, 31, 32, 33, 65535, 65536)])
element_lists = st.lists(
    st.builds(Element, names, st.sampled_from(sorted(CODES)), values),
    min_size=1,
    max_size=12,
    unique_by=lambda element: element.name,
)


def _values(elements: Iterable[Element]) -> list[tuple[str, bytes]]:
    return [(element.name, element.value) for element in elements]


@settings(max_examples=150, deadline=None)
@given(element_lists, st.data())
@example([Element("a", "clinical", b"")], None)
def test_round_trip(elements: list[Element], data: st.DataObject | None) -> None:
    envelope = seal(KEY, CONTEXT, elements)
    assert list(unseal(KEY, CONTEXT, envelope).items()) == _values(elements)
    header = read_header(envelope)
    assert header.key_version == 1
    assert header.elements == tuple(
        ElementHeader(e.name, e.data_class, len(e.value) if len(e.value) >= 32 else 0) for e in elements
    )
    if data is not None:
        wanted = data.draw(st.sets(st.sampled_from([element.name for element in elements])))
        opened = unseal(KEY, CONTEXT, envelope, wanted)
        assert list(opened.items()) == _values(e for e in elements if e.name in wanted)


def test_names_that_the_envelope_lacks_are_passed_over(
    key: SubjectKey, context: SealContext, elements: list[Element]
) -> None:
    envelope = seal(key, context, elements)
    opened = unseal(key, context, envelope, ["active", "deceased", "gender", "active"])
    assert list(opened.items()) == _values([elements[0], elements[2]])
    assert unseal(key, context, envelope, []) == {}


def test_every_data_class_has_its_code_and_data_classes_seal_as_they_are() -> None:
    assert set(CODES) == set(DataClass)
    assert len(set(CODES.values())) == len(CODES)
    envelope = seal(KEY, CONTEXT, [Element(name.name, name, b"x") for name in DataClass])
    assert [element.data_class for element in read_header(envelope).elements] == list(DataClass)
    assert list(unseal(KEY, CONTEXT, envelope)) == [name.name for name in DataClass]


def test_every_changed_byte_is_refused(key: SubjectKey, context: SealContext, elements: list[Element]) -> None:
    envelope = seal(key, context, elements)
    for position in range(len(envelope)):
        for change in (0x01, 0x80, 0xFF, 0x20):
            altered = bytearray(envelope)
            altered[position] ^= change
            with pytest.raises(IntegrityError):
                unseal(key, context, bytes(altered))


def test_every_cut_and_every_longer_form_is_refused(
    key: SubjectKey, context: SealContext, elements: list[Element]
) -> None:
    envelope = seal(key, context, elements)
    for length in range(len(envelope)):
        with pytest.raises(IntegrityError):
            unseal(key, context, envelope[:length])
    for more in (b"\0", envelope, bytes(16), bytes(48)):
        with pytest.raises(IntegrityError):
            unseal(key, context, envelope + more)


@pytest.mark.parametrize(
    "change",
    [{"type": "Observation"}, {"id": "p-2"}, {"version": 6}, {"version": 8}, {"version": 0}, {"type": "", "id": ""},
     {"type": "Patientp", "id": "-1"}, {"type": "Patien", "id": "tp-1"}],
    ids=str,
)  # fmt: skip
def test_another_context_is_refused(
    key: SubjectKey, context: SealContext, elements: list[Element], change: dict[str, str | int]
) -> None:
    envelope = seal(key, context, elements)
    for names in (None, ["active"], []):
        with pytest.raises(IntegrityError):
            unseal(key, dataclasses.replace(context, **change), envelope, names)


@pytest.mark.parametrize("change", [{"tenant": "t-2"}, {"subject": "Patient/p-2"}], ids=str)
def test_another_tenant_or_subject_is_refused_even_with_the_same_key_bytes(
    key: SubjectKey, context: SealContext, elements: list[Element], change: dict[str, str]
) -> None:
    envelope = seal(key, context, elements)
    moved = dataclasses.replace(context, **change)
    for its_key in (key, dataclasses.replace(key, **change)):
        with pytest.raises(IntegrityError):
            unseal(its_key, moved, envelope)
    with pytest.raises(IntegrityError):
        seal(key, moved, elements)


@pytest.mark.parametrize("change", [{"material": bytes(32)}, {"version": 4}], ids=["other bytes", "other version"])
def test_another_key_is_refused(
    key: SubjectKey, context: SealContext, elements: list[Element], change: dict[str, bytes]
) -> None:
    with pytest.raises(IntegrityError):
        unseal(dataclasses.replace(key, **change), context, seal(key, context, elements))


def test_equal_seals_share_no_bytes_but_the_header(
    key: SubjectKey, context: SealContext, elements: list[Element]
) -> None:
    one, two = seal(key, context, elements), seal(key, context, elements)
    assert len(one) == len(two)
    assert one[5:37] != two[5:37]
    assert one[-200:] != two[-200:]
    assert Counter(a == b for a, b in zip(one[-200:], two[-200:], strict=True))[True] < 20


def test_the_caller_cannot_choose_the_salt() -> None:
    assert "salt" not in seal.__annotations__


@settings(max_examples=60, deadline=None)
@given(st.binary(max_size=31), st.binary(max_size=31))
def test_short_values_have_one_length(one: bytes, two: bytes) -> None:
    sealed = [seal(KEY, CONTEXT, [Element("gender", "identifying", value)]) for value in (one, two)]
    assert len(sealed[0]) == len(sealed[1])
    assert read_header(sealed[0]) == read_header(sealed[1])
    clear = [bytearray(envelope) for envelope in sealed]
    for envelope in clear:
        envelope[5:37] = bytes(32)
    assert clear[0][: -32 - 32 - 16] == clear[1][: -32 - 32 - 16]


def test_a_value_of_32_bytes_is_told_from_short_ones(key: SubjectKey, context: SealContext) -> None:
    for value in (bytes(31), bytes(32), b"\x1f" + bytes(31), b""):
        envelope = seal(key, context, [Element("a", "clinical", value)])
        assert unseal(key, context, envelope) == {"a": value}


def test_overhead_is_within_28_bytes_per_element_and_128_per_record(key: SubjectKey, context: SealContext) -> None:
    usual = (
        *("resourceType", "id", "meta", "text", "identifier", "active", "name", "telecom", "gender", "birthDate"),
        *("deceasedDateTime", "address.line", "address.city", "maritalStatus", "multipleBirthBoolean", "contact"),
        *("communication", "generalPractitioner", "managingOrganization", "link"),
    )
    elements = [Element(name, "identifying", bytes(61)) for name in usual]
    assert len(elements) == 20
    assert len(seal(key, context, elements)) - 20 * 61 <= 20 * 28 + 128


@pytest.mark.parametrize(
    ("elements", "error"),
    [
        ([], InvalidInput),
        ([Element("a", "clinical", b"")] * 2, InvalidInput),
        ([Element(f"n{n}", "clinical", b"") for n in range(1025)], InvalidInput),
        ([Element("", "clinical", b"")], InvalidInput),
        ([Element("a", "clinical", b""), Element("", "clinical", b"")], InvalidInput),
        ([Element("n" * 65, "clinical", b"")], InvalidInput),
        ([Element("a b", "clinical", b"")], InvalidInput),
        ([Element("a\n", "clinical", b"")], InvalidInput),
        ([Element("é", "clinical", b"")], InvalidInput),
        ([Element("a", "secret", b"")], InvalidInput),
        ([Element("a", "", b"")], InvalidInput),
        ([Element("a", "clinical", bytes(1 << 22))], ContentTooLarge),
        ([Element(n, "clinical", bytes((1 << 22) - 1)) for n in "abc"], ContentTooLarge),
    ],
    ids=["none", "twice", "1025", "no name", "no name beside another", "long name", "space", "newline", "not ASCII",
         "unknown class", "no class", "4 MiB", "8 MiB in all"],
)  # fmt: skip
def test_what_the_format_cannot_hold_is_refused(
    key: SubjectKey, context: SealContext, elements: list[Element], error: type[PhivaultError]
) -> None:
    with pytest.raises(error):
        seal(key, context, elements)


def test_the_largest_value_and_the_most_elements_seal(key: SubjectKey, context: SealContext) -> None:
    for elements in (
        [Element("a", "clinical", bytes((1 << 22) - 1))],
        [Element(f"n{n}", "clinical", b"") for n in range(1024)],
    ):
        assert list(unseal(key, context, seal(key, context, elements)).items()) == _values(elements)


@pytest.mark.parametrize(
    "change", [{"id": "é"}, {"id": "\ud800"}, {"id": "i" * 65536}, {"version": -1}, {"version": 1 << 64}], ids=ascii
)
def test_a_context_that_cannot_be_written_is_refused(
    key: SubjectKey, context: SealContext, elements: list[Element], change: dict[str, str | int]
) -> None:
    with pytest.raises(InvalidInput):
        seal(key, dataclasses.replace(context, **change), elements)


@settings(max_examples=300, deadline=None)
@given(st.binary(max_size=400) | st.binary(max_size=400).map(lambda body: b"\x01" + body))
def test_hostile_bytes_raise_nothing_but_integrity_errors(body: bytes) -> None:
    for use in (lambda: read_header(body), lambda: unseal(KEY, CONTEXT, body)):
        with pytest.raises(IntegrityError):
            use()


def _provoked(act: Callable[[], object]) -> str:
    with pytest.raises(PhivaultError) as refused:
        act()
    frames = traceback.TracebackException.from_exception(refused.value, capture_locals=True)
    frames.stack = traceback.StackSummary.from_list([f for f in frames.stack if "phivault" in f.filename])
    return "".join(frames.format())


def _badly_padded(key: SubjectKey, context: SealContext, elements: list[Element]) -> bytes:
    """What only a holder of the key, or an error of ours, can make."""
    with patch("phivault.crypto.envelope.pad", lambda value: b"\3" + value.ljust(31, b"!")):
        return seal(key, context, elements)


def test_tracebacks_show_no_value_and_no_key_even_with_locals(context: SealContext) -> None:
    key = SubjectKey(context.tenant, context.subject, 1, b"key-material-" * 2 + bytes(6))
    elements = [
        Element("name", "identifying", b"value-of-the-patient " * 3),
        Element("gender", "identifying", b"value-short"),
    ]
    envelope = seal(key, context, elements)
    provoked = [
        lambda: unseal(key, context, envelope[:-1] + bytes((envelope[-1] ^ 1,))),
        lambda: unseal(key, dataclasses.replace(context, version=2), envelope),
        lambda: unseal(key, dataclasses.replace(context, subject="other"), envelope),
        lambda: unseal(key, context, envelope[:-1]),
        lambda: unseal(dataclasses.replace(key, version=2), context, envelope),
        lambda: seal(key, context, [*elements, Element("x", "unknown", b"value-x")]),
        lambda: seal(key, context, [*elements, Element("name", "contact", b"value-y")]),
        lambda: seal(key, context, [Element(name, "clinical", b"value-" * 600_000) for name in "abc"]),
        lambda: seal(key, context, [Element("a", "clinical", b"value-" * 700_000)]),
        lambda: seal(key, dataclasses.replace(context, id="\ud800"), elements),
        lambda: unseal(key, context, _badly_padded(key, context, elements)),
    ]
    for act in provoked:
        shown = _provoked(act)
        assert "value-" not in shown
        assert "key-material" not in shown


def test_tracebacks_do_not_show_the_commitment_that_was_expected(
    key: SubjectKey, context: SealContext, elements: list[Element]
) -> None:
    envelope = seal(key, context, elements)
    layout = headers.parse(envelope)
    moved = dataclasses.replace(context, version=2)
    _, expected = module._derive(key, layout.salt, associated_data(moved, layout.raw))
    assert repr(expected) not in _provoked(lambda: unseal(key, moved, envelope))
