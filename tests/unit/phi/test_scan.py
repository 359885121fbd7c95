"""Scanning documents: places of text and of JSON."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest

from phivault.errors import InvalidInput
from phivault.phi.detect import Kind
from phivault.phi.scan import Found, scan


def places(document: str | dict[str, Any] | list[Any], name: str = "") -> dict[str, str]:
    text = document if isinstance(document, str) else json.dumps(document)
    return {one.place: one.kind.value for one in scan(text, name=name)}


def test_text_is_told_by_line_and_column() -> None:
    assert places("BP 120/80\n  call (617) 555-0143\r\nand a@example.org") == {"2:8": "phone", "3:5": "email"}


PATIENT = {
    "resourceType": "Patient",
    "id": "0199b3c2-0000-7000-8000-00000000abcd",
    "meta": {"profile": ["http://hl7.org/fhir/us/core/StructureDefinition/us-core-patient"]},
    "text": {"div": '<div xmlns="http://www.w3.org/1999/xhtml">Seen by Dr. <b>Qwerty</b> on 3 May 2021</div>'},
    "identifier": [{"system": "http://hospital.example/mrn", "value": "K-1"}],
    "name": [{"use": "official", "family": "Xq", "given": ["Zw", "P"]}],
    "telecom": [{"system": "email", "value": "q"}, {"system": "phone", "value": "1"}],
    "gender": "female",
    "birthDate": "1979-04-06",
    "address": [{"line": ["hut"], "city": "Xtown", "state": "MA", "postalCode": "1"}],
}


def test_elements_of_fhir_are_told_by_path_whatever_their_values_look_like() -> None:
    assert places(PATIENT) == {
        "Patient.text.div": "date",
        "Patient.identifier[0].value": "id",
        "Patient.name[0].family": "name",
        "Patient.name[0].given[0]": "name",
        "Patient.name[0].given[1]": "name",
        "Patient.telecom[0].value": "email",
        "Patient.telecom[1].value": "phone",
        "Patient.birthDate": "date",
        "Patient.address[0].line[0]": "address",
        "Patient.address[0].city": "address",
        "Patient.address[0].postalCode": "postcode",
    }
    assert {one.kind for one in scan(json.dumps(PATIENT)) if one.place == "Patient.text.div"} == {Kind.NAME, Kind.DATE}


def test_resources_of_a_bundle_have_the_path_through_it() -> None:
    bundle = {"resourceType": "Bundle", "entry": [{"fullUrl": "urn:x", "resource": PATIENT}]}
    assert "Bundle.entry[0].resource.name[0].family" in places(bundle)


def test_a_text_attachment_is_read_and_another_is_not() -> None:
    note = base64.b64encode(b"Phone (617) 555-0143").decode()
    content = [{"attachment": {"contentType": kind, "data": note}} for kind in ("text/plain", "application/pdf")]
    document = {"resourceType": "DocumentReference", "content": content}
    assert places(document) == {"DocumentReference.content[0].attachment.data": "phone"}


def test_lines_of_json_are_numbered() -> None:
    text = json.dumps({"note": "none"}) + "\n\n" + json.dumps({"note": "SSN 219-09-9999"}) + "\n"
    assert places(text, "x.ndjson") == {"3:$.note": "ssn"}


def test_a_number_of_json_is_read_as_it_is_written() -> None:
    assert places('{"card": 4111111111111111, "value": 6.250}', "x.json") == {"$.card": "card"}


@pytest.mark.parametrize(("name", "document"), [("x.json", "{"), ("x.ndjson", "{}\n{"), ("x.json", "[" * 100_000)])
def test_what_says_json_and_is_none_is_refused_without_its_text(name: str, document: str) -> None:
    with pytest.raises(InvalidInput) as caught:
        scan(document, name=name)
    assert "{" not in caught.value.detail


def test_what_only_begins_as_json_is_text() -> None:
    assert places("[see] a@example.org") == {"1:7": "email"}


def test_a_finding_prints_without_its_text() -> None:
    assert "Zyx" not in repr(Found("1:1", Kind.NAME, 1.0, "Zyx"))
