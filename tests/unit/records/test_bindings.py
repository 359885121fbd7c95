"""Required bindings cover every code of every type that is served."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from fhir_core.fhirabstractmodel import FHIRAbstractModel

from phivault.records.bindings import required_codes, required_form
from phivault.records.findings import Finding
from phivault.records.shapes import Slot, shape
from phivault.records.structure import findings
from phivault.records.types import CONTAINED_ONLY, TYPES, model

OPEN = {
    "Coding.code": "the code of any system",
    "Expression.language": "extensible",
    "Extension.valueCode": "the extension's own",
    "DataRequirement.type": "names of FHIR types, inside extensions alone",
    "ParameterDefinition.name": "a name",
    "ParameterDefinition.type": "names of FHIR types, inside extensions alone",
    **{f"{name}.code": "a unit, of any system" for name in ("Age", "Count", "Distance", "Duration", "Quantity")},
    **{f"{name}.language": "preferred" for name in {*TYPES, *CONTAINED_ONLY, "Attachment"}},
}
"""Elements of type code without a required value set, with what they are bound to."""


def _models() -> Iterator[type[FHIRAbstractModel]]:
    """Every model that can stand in a served or contained resource."""
    waiting, seen = [model(name) for name in [*TYPES, *CONTAINED_ONLY]], set()
    while waiting:
        one = waiting.pop()
        if one in seen:
            continue
        seen.add(one)
        yield one
        slots: list[Slot] = [slot for slot in shape(one).values() if slot.base and not slot.any_resource]
        waiting += [slot.base.get_model_klass() for slot in slots if slot.base]


def test_a_code_is_bound_or_known_to_be_open() -> None:
    free = {
        f"{one.__name__}.{name}"
        for one in _models()
        for name, slot in shape(one).items()
        if slot.primitive == "code" and slot.codes is None and slot.form is None
    }
    assert free == set(OPEN)


def test_no_value_set_was_cut_short() -> None:
    for one in _models():
        for slot in shape(one).values():
            assert not {code for code in slot.codes or () if not code.strip("+.") or " " in code or "etc" in code}


@pytest.mark.parametrize(
    "media", ["application/pdf", "text/plain; charset=utf-8", "text/plain;charset=utf-8", "image/svg+xml"]
)
def test_media_types_have_their_form(media: str) -> None:
    form = required_form("Binary", "contentType")
    assert form is not None
    assert form.fullmatch(media)
    for broken in (f"{media}\n", media.replace("/", ""), f" {media}", f"{media};\r\nX-Y: z", "/pdf", "pdf/"):
        assert not form.fullmatch(broken)


def test_a_broken_form_is_named_by_its_place() -> None:
    assert findings("Binary", {"contentType": "pdf"}) == [
        Finding("Binary.contentType", "must have the form of the required value set's codes")
    ]


def test_what_is_listed_wins_over_what_the_model_says() -> None:
    assert required_codes("Quantity", "comparator", ["+"]) == frozenset({"<", "<=", ">=", ">"})
    assert required_codes("Expression", "language", ["text/cql"]) is None
