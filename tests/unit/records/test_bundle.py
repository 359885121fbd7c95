from __future__ import annotations

import json
from typing import Any

import pytest

from phivault.errors import InvalidInput
from phivault.records.bundle import MAX_ENTRIES, assign, parse

URN = "urn:uuid:2f1c0e9e-9a43-4d1f-8a39-0d6c3cbe5c60"


def bundle(*entries: object, **members: object) -> bytes:
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": entries} | members).encode()


def entry(method: str = "POST", url: str = "Patient", resource: Any = None, **members: Any) -> dict[str, Any]:
    request = {"method": method, "url": url} | members.pop("request", {})
    if resource is None and method != "DELETE":
        resource = {"resourceType": url.split("/")[0]} | ({"id": url.split("/")[1]} if "/" in url else {})
    return ({"resource": resource} if resource else {}) | members | {"request": request}


def test_entries_keep_their_bytes_and_order() -> None:
    body = (
        b'{"resourceType":"Bundle","type":"transaction","entry":[{"fullUrl":"%s","resource":{ "resourceType":"Patient",'
        b'"x":1.10 },"request":{"method":"POST","url":"Patient"}},{"request":{"method":"DELETE","url":"Location/l"}},'
        b'{"resource":{"resourceType":"Patient","id":"p"},"request":{"method":"PUT","url":"Patient/p","ifMatch":"W/\\"3\\""}}]}'
    ) % URN.encode()
    first, second, third = parse(body)
    assert (first.method, first.type, first.id, first.full_url) == ("POST", "Patient", None, URN)
    assert first.resource == b'{ "resourceType":"Patient","x":1.10 }'
    assert (second.method, second.type, second.id, second.resource) == ("DELETE", "Location", "l", None)
    assert (third.method, third.id, third.if_match) == ("PUT", "p", 'W/"3"')
    assert "1.10" not in repr(first)


@pytest.mark.parametrize(
    "body",
    [
        bundle(type="batch"),
        bundle(type="collection"),
        bundle(resourceType="Patient"),
        bundle(link=[]),
        bundle(entry={}),
        bundle(7),
        bundle({}),
        bundle(entry("GET", "Patient/p")),
        bundle(entry("PATCH", "Patient/p")),
        bundle(entry("post")),
        bundle(entry("POST", "Patient/p")),
        bundle(entry("PUT", "Patient")),
        bundle(entry("PUT", "Patient?identifier=1", {"resourceType": "Patient"})),
        bundle(entry("POST", "https://other.example/Patient", {"resourceType": "Patient"})),
        bundle(entry("POST", "/Patient", {"resourceType": "Patient"})),
        bundle(entry("POST", "Group")),
        bundle(entry("POST", "Patient", {"resourceType": "Observation"})),
        bundle(entry("PUT", "Patient/p", {"resourceType": "Patient", "id": "q"})),
        bundle(entry("PUT", "Patient/p", {"resourceType": "Patient"})),
        bundle(entry("DELETE", "Patient/p", {"resourceType": "Patient", "id": "p"})),
        bundle({"request": {"method": "POST", "url": "Patient"}}),
        bundle(entry(fullUrl="Patient/p")),
        bundle(entry(fullUrl=None)),
        bundle(entry(fullUrl=URN), entry(fullUrl=URN)),
        bundle(entry("PUT", "Patient/p"), entry("DELETE", "Patient/p")),
        bundle(entry(search={"mode": "match"})),
        bundle(entry(request={"ifMatch": 'W/"1"'})),
        bundle(entry("PUT", "Patient/p", request={"ifMatch": "1"})),
        bundle(entry("PUT", "Patient/p", request={"ifMatch": None})),
        bundle(*[entry()] * (MAX_ENTRIES + 1)),
    ],
)
def test_refused(body: bytes) -> None:
    with pytest.raises(InvalidInput) as caught:
        parse(body)
    assert URN not in caught.value.detail


@pytest.mark.parametrize("name", ["ifNoneMatch", "ifModifiedSince"])
def test_conditions_are_refused_by_name(name: str) -> None:
    with pytest.raises(InvalidInput, match=rf"entry\[1\].request.{name} is not supported"):
        parse(bundle(entry(), entry(request={name: "identifier=x"})))


def test_nothing_to_do_is_valid() -> None:
    assert parse(bundle()) == []
    assert len(parse(bundle(*[entry()] * MAX_ENTRIES))) == MAX_ENTRIES


def test_new_resources_get_ids_and_are_referred_to_by_them() -> None:
    other = "https://server.example/fhir/Practitioner/x"
    observation = {"resourceType": "Observation", "subject": {"reference": URN}, "performer": [{"reference": other}]}
    entries = parse(
        bundle(
            entry("POST", "Observation", observation),
            entry(fullUrl=URN),
            entry("PUT", "Practitioner/x", fullUrl=other),
            entry("DELETE", "Location/l"),
        )
    )
    placed = assign(entries, iter(["n1", "n2"]).__next__)
    assert [item.id for item in placed] == ["n1", "n2", "x", "l"]
    resolved = json.loads(placed[0].resource or b"")
    assert resolved["subject"] == {"reference": "Patient/n2"}
    assert resolved["performer"] == [{"reference": "Practitioner/x"}]
    assert placed[3].resource is None
    assert "Observation" not in repr(placed[0]).partition("Entry(")[0]
