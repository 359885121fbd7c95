from __future__ import annotations

import json
from datetime import UTC, datetime

from fhir.resources.R4B.bundle import Bundle

from phivault.records.bundle_out import Version, searchset, transaction_response

BASE = "https://host.example/v1/fhir"
AT = datetime(2026, 1, 2, 3, 4, 5, 678900, tzinfo=UTC)
RAW = b'{ "resourceType":"Observation","status":"final","code":{"text":"x"},"valueQuantity":{"value":1.10} }'


def made(method: str, number: int, resource: bytes | None = None) -> Version:
    return Version(method=method, type="Observation", id="o", version=number, at=AT, resource=resource)


def checked(bundle: bytes) -> dict:
    Bundle.model_validate_json(bundle)
    return json.loads(bundle)


def test_a_transaction_is_answered_entry_by_entry() -> None:
    answer = checked(transaction_response([made("POST", 1), made("PUT", 2), made("DELETE", 3)], BASE))
    assert answer["type"] == "transaction-response"
    responses = [entry["response"] for entry in answer["entry"]]
    assert [response["status"][:3] for response in responses] == ["201", "200", "204"]
    assert responses[0] == {
        "status": "201 Created",
        "location": f"{BASE}/Observation/o/_history/1",
        "etag": 'W/"1"',
        "lastModified": "2026-01-02T03:04:05.678Z",
    }
    assert "location" not in responses[2]


def test_matches_stand_with_their_own_bytes() -> None:
    body = searchset([("Observation/o", RAW)], BASE, links={"self": f"{BASE}/Observation"}, total=1)
    assert RAW in body
    answer = checked(body)
    assert answer["link"] == [{"relation": "self", "url": f"{BASE}/Observation"}]
    assert (answer["total"], answer["entry"][0]["fullUrl"]) == (1, f"{BASE}/Observation/o")


def test_no_match_is_a_bundle_without_entries() -> None:
    answer = checked(searchset([], BASE, links={"self": BASE}))
    assert "entry" not in answer
    assert "total" not in answer


def test_it_prints_without_its_resource() -> None:
    assert "1.10" not in repr(made("PUT", 2, RAW))
