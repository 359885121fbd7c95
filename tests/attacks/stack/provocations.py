"""Requests that fail in every way, each with planted values where a careless program would repeat them."""

from __future__ import annotations

import json
import socket
from collections.abc import Iterator
from typing import Any
from urllib.parse import urlsplit

import httpx

from tests.support.faulty import Faulty
from tests.support.stack import RunningStack

FAMILY, GIVEN, LINE, CITY = "Zyxplantfamily", "Qwvplantgiven", "17 Zyxplover Row", "Plantedburgh"
PHONE, EMAIL, IDENTIFIER = "+12025559473", "zyxplant@plantedmail.example", "ZYXMRN-775533-QV"
BORN, NARRATIVE, NOTE, VALUE = "1931-07-23", "Zyxnarrative tale", "Zyxnote of the sample", "Zyxvalue string"
PLANTED = (FAMILY, GIVEN, LINE, CITY, PHONE, EMAIL, IDENTIFIER, BORN, NARRATIVE, NOTE, VALUE)


def patient(**changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "Patient",
        "text": {"status": "generated", "div": f'<div xmlns="http://www.w3.org/1999/xhtml">{NARRATIVE}</div>'},
        "identifier": [{"system": "urn:oid:2.16.840.1.113883.4.1", "value": IDENTIFIER}],
        "name": [{"family": FAMILY, "given": [GIVEN]}],
        "telecom": [{"system": "phone", "value": PHONE}, {"system": "email", "value": EMAIL}],
        "birthDate": BORN,
        "address": [{"line": [LINE], "city": CITY, "state": "MA", "postalCode": "01101"}],
    } | changes


def observation(subject: str, **changes: Any) -> dict[str, Any]:
    return {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "2339-0"}], "text": "Glucose"},
        "subject": {"reference": subject},
        "valueString": VALUE,
        "note": [{"text": NOTE}],
    } | changes


def bundle(*resources: tuple[str, dict[str, Any]]) -> dict[str, Any]:
    entries = [
        {"fullUrl": url, "resource": body, "request": {"method": "POST", "url": body["resourceType"]}}
        for url, body in resources
    ]
    return {"resourceType": "Bundle", "type": "transaction", "entry": entries}


PLACE = "urn:uuid:0b9b3c1c-7d3c-4f57-9a53-5d7f7f6a3d11"


def planted(api: httpx.Client) -> str:
    """Import the planted patient; their id."""
    made = api.post("/fhir", json=bundle((PLACE, patient()), (PLACE[:-1] + "2", observation(PLACE))))
    location: str = made.raise_for_status().json()["entry"][0]["response"]["location"]
    return location.split("/Patient/")[1].split("/")[0]


def bad_bodies(api: httpx.Client, id: str) -> Iterator[httpx.Response]:
    fhir = {"Content-Type": "application/fhir+json"}
    whole = json.dumps(patient())
    yield api.post("/fhir/Patient", content=whole[:-1], headers=fhir)
    yield api.post("/fhir/Patient", content=whole.encode("utf-16"), headers=fhir)
    yield api.post("/fhir/Patient", content=whole.encode()[:-2] + b"\xff\xfe}", headers=fhir)
    yield api.post("/fhir/Patient", content=f'{{"{FAMILY}": 1, "{FAMILY}": 2}}', headers=fhir)
    yield api.post("/fhir/Patient", content="[" * 5000 + f'"{FAMILY}"', headers=fhir)
    yield api.post("/fhir/Patient", content=whole, headers={"Content-Type": f"text/{FAMILY}"})
    yield api.post("/fhir/Patient", content=whole + FAMILY * 90_000, headers=fhir)
    yield api.post("/fhir/Practitioner", json=patient())
    for changes in (
        {FAMILY: GIVEN},
        {"gender": FAMILY},
        {"birthDate": BORN + "T"},
        {"name": FAMILY},
        {"name": [{"family": [FAMILY]}]},
        {"name": [{FAMILY: GIVEN}]},
        {"active": FAMILY},
        {"extension": [{"url": FAMILY, "valueString": GIVEN, "valueCode": GIVEN}]},
        {"text": {"status": "generated", "div": f"<div xmlns='http://www.w3.org/1999/xhtml'><{FAMILY}/>"}},
        {"text": {"status": FAMILY, "div": f"<script>{FAMILY}</script>"}},
        {"resourceType": FAMILY},
        {"id": FAMILY},
        {"managingOrganization": {"reference": f"Organization/{FAMILY}"}},
        {"meta": {"profile": FAMILY}},
    ):
        yield api.post("/fhir/Patient", json=patient(**changes))
        yield api.post("/fhir", json=bundle((PLACE, patient(**changes))))
    yield api.post("/fhir/Observation", json=observation(f"Patient/{FAMILY}"))
    yield api.post("/fhir/Observation", json=observation(f"{FAMILY}/{id}"))
    yield api.post("/fhir/Observation", json=observation(f"Patient/{id}", status=NOTE))
    yield api.post("/fhir", json=bundle((FAMILY, patient()), (FAMILY, observation(f"urn:uuid:{FAMILY}"))))
    yield api.post("/fhir", json={"resourceType": "Bundle", "type": FAMILY, "entry": [patient()]})
    yield api.put(f"/fhir/Patient/{id}", json=patient(id=id), headers={"If-Match": 'W/"99"'})
    yield api.put(f"/fhir/Patient/{FAMILY}", json=patient(id=FAMILY))


def bad_requests(stack: RunningStack, id: str) -> Iterator[httpx.Response]:
    """Values in the address and the headers, where they never belong."""
    api = stack.api("clinician")
    for parameters in (
        {"family": FAMILY},
        {"name": f"{GIVEN} {FAMILY}"},
        {"birthdate": BORN, "address": LINE},
        {FAMILY: "1"},
        {"patient": FAMILY},
        {"patient": f"Patient/{FAMILY}"},
        {"_count": FAMILY},
        {"_cursor": FAMILY},
        {"identifier": f"urn:oid:2.16.840.1.113883.4.1|{IDENTIFIER}"},
    ):
        yield api.get("/fhir/Patient", params=parameters)
        yield stack.api("auditor").get("/audit/events", params=parameters)
    for path in (f"Patient/{FAMILY}", f"Patient/{GIVEN}%20{FAMILY}", FAMILY, f"Patient/{id}/_history/{FAMILY}"):
        yield api.get(f"/fhir/{path}")
    yield api.get(f"/{FAMILY}/{GIVEN}")
    yield api.delete(f"/fhir/Patient/{FAMILY}")
    yield api.request(FAMILY.upper(), f"/fhir/Patient/{id}")
    for headers in (
        {"X-Purpose-Of-Use": FAMILY},
        {"Authorization": f"Bearer {FAMILY}"},
        {"Authorization": f"Basic {FAMILY}"},
        {"Host": f"{FAMILY}.example"},
    ):
        yield api.get(f"/fhir/Patient/{id}", headers=headers)
    yield api.put(f"/fhir/Patient/{id}", json=patient(id=id), headers={"If-Match": FAMILY})
    yield api.post("/fhir/Patient", json=patient(), headers={"Idempotency-Key": f"{GIVEN} {FAMILY}"})
    yield stack.api("clinician", "tenant-b").get(f"/fhir/Patient/{id}", headers={"User-Agent": f"{FAMILY}/1.0"})
    yield stack.api("researcher").get(f"/fhir/Patient/{id}", headers={"X-Purpose-Of-Use": "TREATMENT", "Cookie": NOTE})
    anyone = stack.anyone()
    for body in (
        {"email": EMAIL, "password": VALUE},
        {"email": FAMILY, "password": VALUE},
        {"email": EMAIL, "password": VALUE, FAMILY: GIVEN},
        {"email": [EMAIL], "password": 1},
    ):
        yield anyone.post("/auth/sign-in", json=body)
    yield anyone.post("/auth/challenge", json={"challenge": FAMILY, "session": NOTE, "email": EMAIL, "code": GIVEN})
    yield anyone.post("/auth/refresh", json={"refresh_token": NOTE})


def broken_wire(stack: RunningStack) -> None:
    """What isn't HTTP, and what ends in the middle of it."""
    address = urlsplit(stack.base_url)
    token = stack.tokens("clinician")["access_token"]
    head = f"POST /v1/fhir/Patient HTTP/1.1\r\nHost: {address.netloc}\r\nAuthorization: Bearer {token}\r\n"
    half = head + f"Content-Type: application/fhir+json\r\nContent-Length: 9999\r\n\r\n{json.dumps(patient())}"
    for text in (f"GET /?family={FAMILY} HTTP/9.9\r\n\r\n", f"{FAMILY}\r\n\r\n", half):
        with socket.create_connection((address.hostname or "", address.port or 0), timeout=30) as wire:
            wire.sendall(text.encode())
            wire.shutdown(socket.SHUT_WR)
            while wire.recv(4096):
                pass


def broken_function(faulty: Faulty, id: str) -> Iterator[httpx.Response]:
    """Exceptions that quote the whole request, raised at every step of a read and of a write; and sudden deaths."""
    api = faulty.api("clinician")
    for request in (
        lambda: api.get(f"/fhir/Patient/{id}"),
        lambda: api.put(f"/fhir/Patient/{id}", json=patient(id=id)),
    ):
        request().raise_for_status()
        steps = len(faulty.seen.steps)
        for how in ("raise", "kill"):
            for at in range(steps):
                faulty.break_next(at, how)
                yield request()
