"""Bodies made to crash, slow down or mislead the readers, or to be repeated in an error."""

from __future__ import annotations

import json
import time
import traceback

import pytest

from phivault.errors import InvalidInput, PhivaultError, Unprocessable
from phivault.records.bundle import parse
from phivault.records.fhir_meta import client_members
from phivault.records.json_members import split
from phivault.records.references import references, resolve
from phivault.records.subject import subject_of
from phivault.records.validate import validate

MEBIBYTE = 1 << 20
SECRET = "Zebulon-Quux-19470203"
URN = "urn:uuid:2f1c0e9e-9a43-4d1f-8a39-0d6c3cbe5c60"


def write(body: bytes) -> None:
    """What every write does with a body."""
    members = client_members("Patient", None, split(body))
    validate("Patient", members)
    references(members)
    subject_of("Patient", "x", members)


def patient(**members: object) -> bytes:
    return json.dumps({"resourceType": "Patient"} | members).encode()


@pytest.mark.parametrize(
    "body",
    [
        b"[" * MEBIBYTE,
        b'{"a":' * (MEBIBYTE // 5),
        b"[" * (MEBIBYTE // 2) + b"]" * (MEBIBYTE // 2),
        b'{"a":"' + b'\\"' * (MEBIBYTE // 2),
        b'"' * MEBIBYTE,
        b"\\" * MEBIBYTE,
        b"{" + b" " * MEBIBYTE,
        b'{"a":' + b"9" * MEBIBYTE + b"}",
        b'{"a":1e' + b"9" * MEBIBYTE + b"}",
        b'{"a":"' + rb"\ud800" * (MEBIBYTE // 6) + b'"}',
        b"[]," * (MEBIBYTE // 3),
    ],
    ids=lambda body: repr(body[:12]),
)
def test_a_mebibyte_of_malice_is_refused_quickly(body: bytes) -> None:
    start = time.process_time()
    with pytest.raises(InvalidInput):
        split(body)
    assert time.process_time() - start < 2


def test_a_mebibyte_of_unknown_elements_is_refused_quickly() -> None:
    members = split(json.dumps({f"e{number}": [] for number in range(60_000)}).encode())
    start = time.process_time()
    with pytest.raises(InvalidInput):
        validate("Patient", members)
    assert time.process_time() - start < 3


def test_resolving_hostile_text_takes_linear_time() -> None:
    text = b'{"a":"' + b'\\"' * (MEBIBYTE // 2) + b'"}'
    start = time.process_time()
    assert resolve(text, {URN: "Patient/1"}) == text
    assert time.process_time() - start < 2


@pytest.mark.parametrize(
    "body",
    [
        b'{"resourceType":"Patient","gender":"male","gender":"female"}',
        b'{"resourceType":"Patient","gender":"male","g\\u0065nder":"female"}',
        b'{"resourceType":"Patient","resourceType":"Observation"}',
        b'{"resourceType":"Patient","meta":{"versionId":"1","versionId":"2"}}',
        b'{"resourceType":"Patient","managingOrganization":{"reference":"Organization/a","reference":"Organization/b"}}',
    ],
)
def test_duplicate_names_cannot_smuggle_a_second_value(body: bytes) -> None:
    with pytest.raises(InvalidInput, match="repeats"):
        write(body)


@pytest.mark.parametrize("name", ["__proto__", "constructor", "__class__", "__dict__", "model_config", "resource_type"])
def test_names_with_a_meaning_to_some_runtime_are_only_unknown_elements(name: str) -> None:
    for body in (patient(**{name: {"x": 1}}), patient(name=[{name: {"x": 1}}])):
        with pytest.raises(InvalidInput, match="unknown element"):
            write(body)


@pytest.mark.parametrize("text", ["a\x00b", "\x00", "\x1b[31m", "\x08"])
def test_control_characters_are_refused(text: str) -> None:
    with pytest.raises(InvalidInput):
        write(patient(name=[{"family": text}]))


def test_json_text_in_a_string_is_not_read_as_an_object() -> None:
    for body in (patient(name=[json.dumps({"family": "x"})]), patient(maritalStatus=json.dumps({"text": "x"}))):
        with pytest.raises(InvalidInput):
            write(body)


def test_a_contained_resource_cannot_name_a_module() -> None:
    for kind in ("os", "../patient", "Bundle", "Binary", "fhirtypes", "", None, {"x": 1}):
        with pytest.raises(InvalidInput):
            write(patient(contained=[{"resourceType": kind, "id": "c"}]))


def test_a_urn_that_is_no_reference_stays() -> None:
    text = patient(identifier=[{"system": "urn:ietf:rfc:3986", "value": URN}], link=[{"other": {"reference": URN}}])
    resolved = json.loads(resolve(text, {URN: "Patient/new"}))
    assert resolved["identifier"][0]["value"] == URN
    assert resolved["link"][0]["other"]["reference"] == "Patient/new"


NESTED_DUPLICATE = b'{"resourceType":"Patient","name":[{"%(s)s":1,"%(s)s":2}]}' % {b"s": SECRET.encode()}
PLANTED = [
    SECRET.encode(),
    b'{"resourceType":"Patient","%s":1,"%s":2}' % (SECRET.encode(), SECRET.encode()),
    NESTED_DUPLICATE,
    b'{"resourceType":"Patient","a":"%s' % SECRET.encode(),
    b'{"resourceType":"Patient","a":"%s\xff"}' % SECRET.encode(),
    b'{"resourceType":"Patient","a":"%s\\ud800"}' % SECRET.encode(),
    patient(**{SECRET: SECRET}),
    patient(gender=SECRET),
    patient(birthDate=SECRET),
    patient(active=SECRET),
    patient(deceasedDateTime=SECRET),
    patient(multipleBirthInteger=SECRET),
    patient(contained=[{"resourceType": "Organization", "id": SECRET + "_"}]),
    patient(name=SECRET),
    patient(name=[SECRET]),
    patient(name=[{SECRET: {SECRET: SECRET}}]),
    patient(name=[{"use": SECRET, "period": {"start": SECRET}}]),
    patient(photo=[{"data": SECRET, "url": "http://[" + SECRET, "size": SECRET}]),
    patient(communication=[{"preferred": True, "extension": [{"url": SECRET, "valueUrl": "ht tp:" + SECRET}]}]),
    patient(extension=[{"url": "x", "valueUuid": SECRET, "valueOid": SECRET}]),
    patient(contained=[{"resourceType": SECRET, "id": SECRET}]),
    patient(managingOrganization={"reference": f"Patient/{SECRET}"}),
    patient(managingOrganization={"reference": f"urn:uuid:{SECRET}"}),
    patient(managingOrganization={"reference": f"Organization?name={SECRET}"}),
    patient(managingOrganization={"reference": f"#{SECRET}"}),
    patient(text={"status": "generated", "div": f"<div xmlns='http://www.w3.org/1999/xhtml'><{SECRET}/></div>"}),
    patient(text={"status": "generated", "div": f"<div>&{SECRET};"}),
    patient(meta={"lastUpdated": SECRET, "profile": SECRET, "security": SECRET}),
    json.dumps({"resourceType": SECRET}).encode(),
]


def shown(error: PhivaultError) -> str:
    lines = traceback.format_exception(error)
    return str(error) + repr(error) + error.detail + "".join(lines) + repr(error.__context__) + repr(error.__cause__)


@pytest.mark.parametrize("body", PLANTED, ids=range(len(PLANTED)))
def test_no_error_repeats_what_was_sent(body: bytes) -> None:
    with pytest.raises((InvalidInput, Unprocessable)) as caught:
        write(body)
    assert SECRET not in shown(caught.value)


@pytest.mark.parametrize(
    "change",
    [
        {"type": SECRET},
        {SECRET: 1},
        {"entry": SECRET},
        {"entry": [{SECRET: 1}]},
        {"entry": [{"fullUrl": SECRET, "resource": {}, "request": {"method": "POST", "url": "Patient"}}]},
        {"entry": [{"request": {"method": SECRET, "url": "Patient"}}]},
        {"entry": [{"request": {"method": "DELETE", "url": f"Patient?name={SECRET}"}}]},
        {"entry": [{"request": {"method": "DELETE", "url": f"Patient/{SECRET}", "ifMatch": SECRET}}]},
        {"entry": [{"request": {"method": "POST", "url": "Patient", "ifNoneExist": SECRET}}]},
        {"entry": [{"resource": {"resourceType": SECRET}, "request": {"method": "POST", "url": "Patient"}}]},
        {"entry": [{"request": {"method": "DELETE", "url": f"Patient/{SECRET}"}}] * 2},
    ],
    ids=range(11),
)
def test_no_bundle_error_repeats_what_was_sent(change: dict[str, object]) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": []} | change).encode())
    assert SECRET not in shown(caught.value)


def test_no_subject_error_repeats_what_was_sent() -> None:
    for subject in ({"reference": f"Group/{SECRET}"}, SECRET, {"reference": [SECRET]}):
        with pytest.raises(Unprocessable) as caught:
            subject_of("Observation", "x", {"subject": json.dumps(subject).encode()})
        assert SECRET not in shown(caught.value)
