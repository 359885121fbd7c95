"""What a FHIR client may get wrong: each with the status of DESIGN section 8, and never with what was sent."""

from __future__ import annotations

import gzip
import json
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.answers import MARK, ok, refused
from tests.support.fhir import every, make, observation, patient, send

if TYPE_CHECKING:
    import httpx

    from tests.support.stack import RunningStack

PHI = ["name", "birthdate", "identifier", "address-postalcode", "family:exact", "phone", "code", "value-quantity"]


def _text(resource: dict[str, Any]) -> bytes:
    return json.dumps(resource).encode()


@pytest.mark.parametrize(
    "broken",
    [
        b"",
        b"{",
        b"null",
        b"[]",
        b"1",
        b'"Zebra"',
        b"Zebra",
        b"{'resourceType': 'Zebra'}",
        b'{"resourceType":"Observation",}',
        b'{"resourceType":"Observation"}{}',
        b'\xef\xbb\xbf{"resourceType":"Observation"}',
        b'{"resourceType":"Observation","note":"\xff"}',
        '{"resourceType":"Observation"}'.encode("utf-16"),
        b'{"resourceType":"Observation","valueQuantity":{"value":NaN}}',
        b'{"resourceType":"Observation","status":"\\ud800"}',
        b'{"resourceType":"Observation","resourceType":"Observation"}',
        b'{"resourceType":"Observation","code":{"text":"a","text":"Zebra"}}',
        b'{"resourceType":"Observation","a":' + b"[" * 100_000,
        b'{"resourceType":"Observation","valueQuantity":{"value":1' + b"0" * 5_000 + b"}}",
    ],
)
def test_malformed_json(clinician: httpx.Client, broken: bytes) -> None:
    refused(send(clinician, "POST", "/fhir/Observation", broken), 400)
    refused(send(clinician, "POST", "/fhir", broken), 400)


@pytest.mark.parametrize(
    ("changed", "says"),
    [
        ({"zebra": 1}, "unknown element"),
        ({"code": {"zebra": 1}}, "Observation.code has an unknown element"),
        ({"status": MARK}, "Observation.status must be a code"),
        ({"status": None}, "Observation.status is required"),
        ({"code": None}, "Observation.code is required"),
        ({"status": ["final"]}, "Observation.status must be a string"),
        ({"valueQuantity": {"value": "1.0"}}, "Observation.valueQuantity.value must be a number"),
        ({"effectiveDateTime": "2026-13-45"}, "Observation.effectiveDateTime"),
        ({"valueString": MARK}, "Observation"),
        ({"note": [{"text": ""}]}, "Observation.note[0].text"),
        ({"category": []}, "Observation.category must be an array of at least one item"),
        ({"text": {"status": "generated", "div": "<div><script>Zebra</script></div>"}}, "Observation.text.div"),
        ({"performer": [{"reference": "Observation/x"}]}, "Observation.performer[0].reference"),
    ],
)
def test_invalid_resources_are_refused_by_place_and_rule(
    clinician: httpx.Client, sick: str, changed: dict[str, Any], says: str
) -> None:
    assert says in refused(send(clinician, "POST", "/fhir/Observation", observation(sick, **changed)), 400)


def test_the_type_is_the_one_that_the_url_names(clinician: httpx.Client, sick: str) -> None:
    refused(send(clinician, "POST", "/fhir/Condition", observation(sick)), 400)
    made = make(clinician, observation(sick))
    place = f"/fhir/Observation/{made['id']}"
    for other in (made | {"id": sick}, made | {"id": MARK}, {n: v for n, v in made.items() if n != "id"}):
        refused(send(clinician, "PUT", place, other), 400)
    refused(send(clinician, "PUT", f"/fhir/Condition/{made['id']}", made), 400)


@pytest.mark.parametrize("kind", [MARK, "patient", "Bundle", "Provenance", "Parameters", "Patient%20", "a" * 3000])
def test_a_type_that_is_not_served(clinician: httpx.Client, kind: str) -> None:
    refused(clinician.get(f"/fhir/{kind}"), 404)
    refused(clinician.get(f"/fhir/{kind}/x"), 404)
    refused(clinician.get(f"/fhir/{kind}/x/_history/1"), 404)
    refused(clinician.delete(f"/fhir/{kind}/x"), 404)
    refused(send(clinician, "POST", f"/fhir/{kind}", {"resourceType": kind}), 404)
    refused(send(clinician, "PUT", f"/fhir/{kind}/x", {"resourceType": kind, "id": "x"}), 404)


def test_audit_events_are_read_by_those_who_review_alone_and_written_by_nobody(clinician: httpx.Client) -> None:
    refused(clinician.get("/fhir/AuditEvent"), 403)
    refused(clinician.get("/fhir/AuditEvent/x"), 403)
    refused(clinician.get("/fhir/AuditEvent/x/_history/1"), 404)
    refused(clinician.delete("/fhir/AuditEvent/x"), 404)
    refused(send(clinician, "POST", "/fhir/AuditEvent", {"resourceType": "AuditEvent"}), 404)
    refused(send(clinician, "PUT", "/fhir/AuditEvent/x", {"resourceType": "AuditEvent", "id": "x"}), 404)


@pytest.mark.parametrize(
    "media",
    [
        "",
        "text/plain",
        "application/xml",
        "application/fhir+xml",
        "application/json-patch+json",
        "application/jsonx",
        "application/json; charset=latin-1",
        "application/json, text/plain",
        "multipart/form-data; boundary=x",
    ],
)
def test_other_content_types(clinician: httpx.Client, sick: str, media: str) -> None:
    headers = {"Content-Type": media} if media else {}
    for path in ("/fhir/Observation", "/fhir"):
        refused(clinician.post(path, content=_text(observation(sick)), headers=headers), 415)


def test_parameters_of_a_content_type(clinician: httpx.Client, sick: str) -> None:
    for media in (
        "application/json",
        'application/fhir+json; charset="UTF-8"',
        "Application/FHIR+JSON;fhirVersion=4.0",
    ):
        answer = clinician.post("/fhir/Observation", content=_text(observation(sick)), headers={"Content-Type": media})
        ok(answer, 201)


def test_compressed_bodies_are_not_opened(clinician: httpx.Client, sick: str) -> None:
    packed = gzip.compress(_text(observation(sick)))
    for coding in ("gzip", "br", "identity, gzip"):
        refused(send(clinician, "POST", "/fhir/Observation", packed, Content_Encoding=coding), 415)
    refused(send(clinician, "POST", "/fhir/Observation", packed), 400)
    ok(send(clinician, "POST", "/fhir/Observation", observation(sick), Content_Encoding="identity"), 201)


def test_a_resource_of_a_mebibyte_and_one_byte_more(clinician: httpx.Client) -> None:
    subject = make(clinician, patient())["id"]
    frame = len(_text(observation(subject, note=[{"text": ""}])))
    largest = observation(subject, note=[{"text": "a" * ((1 << 20) - frame)}])
    assert len(_text(largest)) == 1 << 20
    made = make(clinician, largest)
    assert ok(clinician.get(f"/fhir/Observation/{made['id']}"))["note"] == largest["note"]
    place = f"/fhir/Observation/{made['id']}"
    refused(send(clinician, "POST", "/fhir/Observation", _text(largest) + b" "), 413)
    refused(send(clinician, "PUT", place, _text(largest | {"id": made["id"]})), 413)
    assert len(every(clinician, "Observation", patient=subject)) == 1


def test_the_size_is_counted_in_bytes(clinician: httpx.Client, sick: str) -> None:
    letters = observation(sick, note=[{"text": "é" * (600 << 10)}])
    refused(send(clinician, "POST", "/fhir/Observation", json.dumps(letters, ensure_ascii=False).encode()), 413)


@pytest.mark.parametrize(
    "changed",
    [
        {"encounter": {"reference": "Encounter/0b0f8f1e-1111-4111-8111-0123456789ab"}},
        {"encounter": {"reference": "Encounter/Zebra"}},
        {"subject": {"reference": "Patient/Zebra"}},
        {"subject": None},
        {"subject": {"display": MARK}},
        {"subject": {"reference": "Group/Zebra"}},
        {"subject": {"reference": "https://elsewhere.test/Patient/Zebra"}},
        {"subject": {"reference": "urn:uuid:6c1f0f0a-0000-4000-8000-000000000001"}},
        {"encounter": {"reference": "Encounter?identifier=Zebra"}},
        {"encounter": {"reference": "#zebra"}},
        {"performer": [{"reference": "../Practitioner/Zebra"}]},
    ],
)
def test_broken_references(clinician: httpx.Client, sick: str, changed: dict[str, Any]) -> None:
    refused(send(clinician, "POST", "/fhir/Observation", observation(sick, **changed)), 422)


def test_a_reference_to_what_was_deleted(clinician: httpx.Client, sick: str) -> None:
    gone = make(clinician, observation(sick))["id"]
    ok(clinician.delete(f"/fhir/Observation/{gone}"), 204)
    refused(
        send(
            clinician, "POST", "/fhir/Observation", observation(sick, hasMember=[{"reference": f"Observation/{gone}"}])
        ),
        422,
    )


@pytest.mark.parametrize("name", PHI)
def test_what_tells_about_a_person_is_no_parameter_of_a_url(clinician: httpx.Client, sick: str, name: str) -> None:
    told = refused(clinician.get("/fhir/Patient", params={name: MARK}), 400)
    assert "in the body of a POST to Patient/_search" in told
    refused(clinician.get("/fhir/Patient", params={"_id": sick, name: MARK}), 400)


@pytest.mark.parametrize("name", ["name", "_format", "_summary", "_elements", "_cascade", "Zebra"])
def test_no_parameter_is_ignored(clinician: httpx.Client, sick: str, name: str) -> None:
    for method, path in (("GET", f"/fhir/Patient/{sick}"), ("GET", f"/fhir/Patient/{sick}/_history/1")):
        refused(clinician.request(method, path, params={name: MARK}), 400)
    refused(clinician.delete(f"/fhir/Patient/{sick}", params={name: MARK}), 400)
    for method, path in (("POST", "/fhir/Patient"), ("PUT", f"/fhir/Patient/{sick}"), ("POST", "/fhir")):
        refused(clinician.request(method, path, params={name: MARK}, json=patient()), 400)
    ok(clinician.get(f"/fhir/Patient/{sick}"))


@pytest.mark.parametrize(
    ("path", "allowed"),
    [
        ("/fhir", "POST"),
        ("/fhir/Patient", "POST, GET"),
        ("/fhir/Patient/x", "GET, PUT, PATCH, DELETE"),
        ("/fhir/Patient/x/_history/1", "GET"),
    ],
)
def test_other_methods(clinician: httpx.Client, path: str, allowed: str) -> None:
    for method in {"GET", "POST", "PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "SEARCH"} - set(allowed.split(", ")):
        answer = clinician.request(method, path)
        assert set(answer.headers["allow"].split(", ")) >= set(allowed.split(", "))
        assert answer.status_code == 405
        if method != "HEAD":
            refused(answer, 405)


def test_a_purpose_must_be_one(stack: RunningStack, clinician: httpx.Client, sick: str) -> None:
    for wrong in (MARK, "treatment", "TREATMENT, RESEARCH", ""):
        answer = clinician.get(f"/fhir/Patient/{sick}", headers={"X-Purpose-Of-Use": wrong})
        assert "not one of" in refused(answer, 400)
    twice = [("X-Purpose-Of-Use", "TREATMENT"), ("X-Purpose-Of-Use", "TREATMENT")]
    refused(clinician.get(f"/fhir/Patient/{sick}", headers=twice), 400)


@pytest.mark.parametrize("role", ["researcher", "tenant_admin", "privacy_officer", "security_officer", "auditor"])
def test_a_role_without_a_default_must_say_why(stack: RunningStack, sick: str, role: str) -> None:
    client = stack.api(role)
    for path in (f"/fhir/Patient/{sick}", "/fhir/Patient", f"/fhir/Patient/{sick}/_history/1"):
        assert "X-Purpose-Of-Use" in refused(client.get(path), 403)
    refused(send(client, "POST", "/fhir/Patient", patient()), 403)


@pytest.mark.parametrize("name", ["If-None-Exist", "If-None-Match", "If-Unmodified-Since"])
def test_conditions_that_are_not_kept_are_refused(clinician: httpx.Client, name: str) -> None:
    made = make(clinician, patient())
    place, condition = f"/fhir/Patient/{made['id']}", {name: MARK}
    refused(clinician.post("/fhir/Patient", json=patient(), headers=condition), 400)
    refused(clinician.put(place, json=made, headers=condition), 400)
    refused(clinician.delete(place, headers=condition), 400)
    assert ok(clinician.get(place, headers=condition))["meta"]["versionId"] == "1"


def test_versions_that_are_none(clinician: httpx.Client, sick: str) -> None:
    for version in ("0", "2", "-1", "1.0", "x", "01x", "9" * 30, "%D9%A1", "2147483648"):
        refused(clinician.get(f"/fhir/Patient/{sick}/_history/{version}"), 404)
