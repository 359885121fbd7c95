"""Binary over HTTP: raw content and JSON, both ways, and never a page of this server's."""

from __future__ import annotations

import base64
import os
from typing import TYPE_CHECKING

import pytest

from tests.support.answers import ok, refused
from tests.support.fhir import make, patient, send

if TYPE_CHECKING:
    import httpx

    from tests.support.stack import RunningStack

LIMIT = 3 << 20
PDF = {"Content-Type": "application/pdf"}
AS_JSON = {"Accept": "application/fhir+json"}
OCTETS = {"Accept": "application/octet-stream"}


@pytest.fixture(scope="module")
def clinician(stack: RunningStack) -> httpx.Client:
    return stack.api("clinician")


@pytest.fixture(scope="module")
def sick(clinician: httpx.Client) -> str:
    return str(make(clinician, patient())["id"])


def _post(client: httpx.Client, raw: bytes, whose: str, **headers: str) -> httpx.Response:
    named = PDF | {"X-Security-Context": f"Patient/{whose}"} | {n.replace("_", "-"): v for n, v in headers.items()}
    return client.post("/fhir/Binary", content=raw, headers=named)


def test_3_mib_come_back_byte_for_byte_and_one_more_is_too_large(clinician: httpx.Client, sick: str) -> None:
    raw = os.urandom(LIMIT)
    answered = _post(clinician, raw, sick)
    assert answered.status_code == 201
    place = "/fhir/Binary/" + answered.headers["Location"].split("/Binary/")[1].split("/")[0]
    read = clinician.get(place, headers={"Accept": "application/pdf"})
    assert read.content == raw
    assert read.headers["Content-Type"] == "application/pdf"
    assert read.headers["ETag"] == 'W/"1"'
    assert base64.b64decode(ok(clinician.get(place, headers=AS_JSON))["data"]) == raw
    refused(_post(clinician, raw + b"x", sick), 413)


def test_json_takes_as_much(clinician: httpx.Client, sick: str) -> None:
    def resource(size: int) -> dict[str, object]:
        return {
            "resourceType": "Binary",
            "contentType": "image/png",
            "securityContext": {"reference": f"Patient/{sick}"},
            "data": base64.b64encode(bytes(size)).decode(),
        }

    made = ok(send(clinician, "POST", "/fhir/Binary", resource(LIMIT)), 201)
    assert clinician.get(f"/fhir/Binary/{made['id']}", headers={"Accept": "image/png"}).content == bytes(LIMIT)
    refused(send(clinician, "POST", "/fhir/Binary", resource(LIMIT + 1)), 413)
    refused(send(clinician, "POST", "/fhir/Binary", resource(LIMIT + 9000)), 413)


def test_it_is_saved_and_not_shown(clinician: httpx.Client, sick: str) -> None:
    page = b"<html><script>alert(1)</script></html>"
    html = {"contentType": "text/html", "data": base64.b64encode(page).decode()}
    made = make(clinician, {"resourceType": "Binary", "securityContext": {"reference": f"Patient/{sick}"}} | html)
    read = clinician.get(f"/fhir/Binary/{made['id']}", headers={"Accept": "application/octet-stream, text/html"})
    assert read.content == page
    assert read.headers["Content-Type"] == "application/octet-stream"
    assert read.headers["Content-Disposition"] == "attachment"
    assert read.headers["X-Content-Type-Options"] == "nosniff"
    browser = clinician.get(f"/fhir/Binary/{made['id']}", headers={"Accept": "text/html,*/*"})
    assert browser.headers["Content-Type"] == "application/fhir+json"


def test_raw_content_is_replaced_by_a_put(clinician: httpx.Client, sick: str) -> None:
    made = _post(clinician, b"one", sick).json()
    headers = {"Content-Type": "text/plain", "X-Security-Context": f"Patient/{sick}", "If-Match": 'W/"1"'}
    put = clinician.put(f"/fhir/Binary/{made['id']}", content="zwei €".encode(), headers=headers)
    assert put.headers["ETag"] == 'W/"2"'
    read = clinician.get(f"/fhir/Binary/{made['id']}", headers=OCTETS)
    assert (read.headers["Content-Type"], read.text) == ("text/plain", "zwei €")


def test_refusals(stack: RunningStack, clinician: httpx.Client, sick: str) -> None:
    refused(clinician.post("/fhir/Binary", content=b"x", headers=PDF), 400)
    refused(_post(clinician, b"x", sick, Content_Type="text/html"), 415)
    refused(_post(clinician, b"x", sick, Content_Type="application/pdf; page=1"), 415)
    refused(_post(clinician, b"x", "0199b3c2-0000-7000-8000-000000000009"), 422)
    whose = {"X-Security-Context": f"Patient/{sick}"}
    refused(clinician.post("/fhir/Observation", content=b"x", headers=PDF | whose), 415)
    made = _post(clinician, b"x", sick).json()
    refused(stack.api("privacy_officer").get(f"/fhir/Binary/{made['id']}", headers=OCTETS), 403)
    refused(stack.api("auditor").get(f"/fhir/Binary/{made['id']}", headers=OCTETS), 403)
