"""FHIR over HTTP: resources to send, and ways to look at what comes back."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from tests.support.answers import ok

if TYPE_CHECKING:
    import httpx

JSON = {"Content-Type": "application/fhir+json"}
NAME = "Zebrowski"  # not a person of the demo's; nothing else in a test may hold it


def patient(**changed: Any) -> dict[str, Any]:
    """Elements of all kinds: administrative, identifying, contact and, in the narrative, anything."""
    narrative = f'<div xmlns="http://www.w3.org/1999/xhtml"><p>{NAME}, afraid of needles</p></div>'
    resource = {
        "resourceType": "Patient",
        "active": True,
        "text": {"status": "additional", "div": narrative},
        "identifier": [{"system": "urn:oid:1.2.36.146", "value": "8003608166690503"}],
        "name": [{"family": NAME, "given": ["Jorun"]}],
        "telecom": [{"system": "phone", "value": "+47 22 85 50 50"}],
        "gender": "female",
        "birthDate": "1957-03-04",
        "address": [{"city": "Hamar", "postalCode": "60614", "country": "US"}],
    }
    return _without_none(resource | changed)


def observation(subject: str, /, **changed: Any) -> dict[str, Any]:
    resource = {
        "resourceType": "Observation",
        "status": "final",
        "code": {"coding": [{"system": "http://loinc.org", "code": "29463-7"}], "text": "Body weight"},
        "subject": {"reference": f"Patient/{subject}"},
        "effectiveDateTime": "2026-02-03T08:00:00Z",
        "valueQuantity": {"value": 71, "unit": "kg", "system": "http://unitsofmeasure.org", "code": "kg"},
    }
    return _without_none(resource | changed)


def _without_none(resource: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in resource.items() if value is not None}


def send(client: httpx.Client, method: str, path: str, resource: Any = None, **headers: str) -> httpx.Response:
    """``resource`` as JSON, or as it is where it is bytes. Underscores in header names stand for hyphens."""
    named = {name.replace("_", "-"): value for name, value in headers.items()}
    if resource is None:
        return client.request(method, path, headers=named)
    content = resource if isinstance(resource, bytes) else json.dumps(resource).encode()
    return client.request(method, path, content=content, headers=JSON | named)


def patch(client: httpx.Client, path: str, *operations: tuple[str, str] | tuple[str, str, Any]) -> httpx.Response:
    """PATCH with operations as (op, path) or (op, path, value)."""
    named = [dict(zip(("op", "path", "value"), operation, strict=False)) for operation in operations]
    headers = {"Content-Type": "application/json-patch+json"}
    return client.request("PATCH", path, content=json.dumps(named).encode(), headers=headers)


def make(client: httpx.Client, resource: dict[str, Any] | bytes, kind: str = "") -> dict[str, Any]:
    """The created resource."""
    kind = kind or (resource["resourceType"] if isinstance(resource, dict) else "")
    made: dict[str, Any] = ok(send(client, "POST", f"/fhir/{kind}", resource), 201)
    return made


def transaction(*entries: tuple[str, str, Any], **named: str) -> dict[str, Any]:
    """A bundle of (method, url, resource); ``named`` gives the fullUrl of entries by their number: n0, n1 ..."""
    made = []
    for number, (method, url, resource) in enumerate(entries):
        entry: dict[str, Any] = {"request": {"method": method, "url": url}}
        if resource is not None:
            entry["resource"] = resource
        if f"n{number}" in named:
            entry["fullUrl"] = named[f"n{number}"]
        made.append(entry)
    return {"resourceType": "Bundle", "type": "transaction", "entry": made}


def resources(bundle: dict[str, Any]) -> list[dict[str, Any]]:
    return [entry["resource"] for entry in bundle.get("entry", [])]


def every(client: httpx.Client, kind: str, **parameters: str) -> list[dict[str, Any]]:
    """All pages of a search."""
    page = ok(client.get(f"/fhir/{kind}", params=parameters))
    found = resources(page)
    while (following := link(page, "next")) is not None:
        page = ok(client.get(following))
        found += resources(page)
    return found


def link(bundle: dict[str, Any], relation: str) -> str | None:
    return next((one["url"] for one in bundle.get("link", []) if one["relation"] == relation), None)


def exact(resource: str | bytes) -> Any:
    """JSON with each number as it is written: 1.10 isn't 1.1."""
    return json.loads(resource, parse_float=lambda digits: ("number", digits), parse_int=lambda d: ("number", d))


def marks(resource: dict[str, Any]) -> set[str]:
    """Codes of ``meta.security`` and ``meta.tag`` by which a thinned resource is known."""
    meta = resource.get("meta", {})
    return {coding.get("code") for name in ("security", "tag") for coding in meta.get(name, [])} & {
        "REDACTED",
        "SUBSETTED",
    }
