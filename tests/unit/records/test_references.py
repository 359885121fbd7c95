from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phivault.errors import Unprocessable
from phivault.records.json_members import split
from phivault.records.references import references, resolve

URN = "urn:uuid:2f1c0e9e-9a43-4d1f-8a39-0d6c3cbe5c60"


def raw(members: object) -> dict[str, bytes]:
    return split(json.dumps(members).encode())


def to(reference: str) -> dict[str, str]:
    return {"reference": reference}


def test_relative_references_in_order_and_once() -> None:
    members = {
        "subject": to("Patient/p1"),
        "performer": [to("Practitioner/a"), to("Organization/b/_history/3")],
        "extension": [{"url": "http://x.org", "valueReference": to("Patient/p1")}],
        "contained": [{"resourceType": "Patient", "id": "in", "generalPractitioner": [to("Practitioner/c"), to("#")]}],
        "hasMember": [to("#in"), to("https://other.example/fhir/Observation/9")],
        "note": [{"text": "Patient/not-a-reference"}],
    }
    assert references(raw(members)) == [
        ("Patient", "p1"),
        ("Practitioner", "a"),
        ("Organization", "b"),
        ("Practitioner", "c"),
    ]


@pytest.mark.parametrize(
    "reference",
    [
        URN,
        "urn:oid:1.2.3",
        "#nowhere",
        "Patient?identifier=http://x|1",
        "https://other.example/Patient?name=x",
        "Group/1",
        "Patient",
        "Patient/",
        "/Patient/1",
        "../Patient/1",
        "Patient/1/name",
        "Patient/1#a",
        "Patient/" + "a" * 65,
        "javascript:alert(1)",
        "file:///etc/passwd",
        "",
        " Patient/1",
    ],
)
def test_what_refers_to_nothing_is_refused_unrepeated(reference: str) -> None:
    with pytest.raises(Unprocessable, match="Reference 2 of the resource") as caught:
        references(raw({"subject": to("Patient/p1"), "encounter": to(reference)}))
    assert not reference or reference not in caught.value.detail


def test_resolving_touches_references_alone() -> None:
    text = (
        '{ "identifier":[{"value" : "URN", "system":"reference"}],\n "subject":{ "reference" :\t"URN" },'
        '"note":[{"text":"\\"reference\\":\\"URN\\" é"}],"x":["reference","URN"],"v":1.10,'
        '"a":{"\\u0072eference":"URN"},"reference":{"reference":"URN2"}}'
    ).replace("URN", URN)
    expected = text.replace(f'"reference" :\t"{URN}"', '"reference" :\t"Patient/new"')
    expected = expected.replace(f'"\\u0072eference":"{URN}"', '"\\u0072eference":"Patient/new"')
    assert expected.count("Patient/new") == 2
    assert resolve(text.encode(), {URN: "Patient/new"}) == expected.encode()


def test_an_escaped_value_is_resolved_by_meaning() -> None:
    text = json.dumps(to(URN)).replace("urn:", "\\u0075rn:").encode()
    assert json.loads(resolve(text, {URN: "Patient/1"})) == to("Patient/1")


def _resolved(value: object, targets: dict[str, str]) -> object:
    if isinstance(value, list):
        return [_resolved(item, targets) for item in value]
    if not isinstance(value, dict):
        return value
    return {
        name: targets[item]
        if name == "reference" and isinstance(item, str) and item in targets
        else _resolved(item, targets)
        for name, item in value.items()
    }


WORDS = st.sampled_from(["reference", URN, 'reference":"' + URN, "\\", '"', "é", "value"])
VALUES = st.recursive(
    WORDS | st.integers(), lambda inner: st.lists(inner) | st.dictionaries(WORDS, inner, max_size=4), max_leaves=15
)


@given(st.dictionaries(WORDS, VALUES), st.booleans(), st.sampled_from([None, 1]))
def test_resolving_equals_a_walk_over_the_parsed_values(
    value: dict[str, object], ascii: bool, indent: int | None
) -> None:
    targets = {URN: "Patient/1"}
    text = json.dumps(value, ensure_ascii=ascii, indent=indent).encode()
    assert json.loads(resolve(text, targets)) == _resolved(value, targets)
