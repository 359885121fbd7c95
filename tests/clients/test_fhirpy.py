"""fhirpy, as it is published: no class of it is changed, only what its constructor takes is given.

What it sends that FHIR R4 doesn't know (its ``patch`` with part of a resource, its ``count``) is refused by name.
"""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from fhirpy import AsyncFHIRClient, SyncFHIRClient
from fhirpy.base.exceptions import AuthorizationError, OperationOutcome, ResourceNotFound

from tests.support.fhir import NAME, observation, patient

FORM = {"Content-Type": "application/x-www-form-urlencoded"}
JSON_PATCH = {"Content-Type": "application/json-patch+json"}


@pytest.fixture(scope="module")
def client(fhir_url: str, token: str) -> SyncFHIRClient:
    return SyncFHIRClient(fhir_url, authorization=f"Bearer {token}")


@pytest.fixture(scope="module")
def person(client: SyncFHIRClient) -> Any:
    """A patient with five weights."""
    made = client.resource("Patient", **patient())
    made.save()
    for kilos in range(70, 75):
        client.resource("Observation", **_weight(made.id, kilos)).save()
    return made


def _weight(of: str, kilos: int) -> dict[str, Any]:
    return observation(of, valueQuantity={"value": kilos, "unit": "kg"})


def _kilos(found: Any) -> list[int]:
    return sorted(each["valueQuantity"]["value"] for each in found)


def test_create_and_read(client: SyncFHIRClient, person: Any) -> None:
    read = client.get("Patient", person.id)
    assert read == person.serialize()
    assert read["name"] == [{"family": NAME, "given": ["Jorun"]}]
    assert client.reference("Patient", person.id).to_resource().serialize() == read


def test_update_makes_a_version(client: SyncFHIRClient) -> None:
    made = client.resource("Patient", **patient())
    made.save()
    made["gender"] = "other"
    made.save()
    assert made["meta"]["versionId"] == "2"
    assert client.get("Patient", made.id)["gender"] == "other"
    again = client.reference("Patient", made.id).to_resource()
    again["gender"] = "male"
    assert again.update()["meta"]["versionId"] == "3"


def test_refresh_brings_what_others_wrote(client: SyncFHIRClient) -> None:
    mine = client.resource("Patient", **patient())
    mine.save()
    theirs = client.reference("Patient", mine.id).to_resource()
    theirs["active"] = False
    theirs.save()
    assert mine.refresh()["active"] is False


def test_delete(client: SyncFHIRClient, person: Any) -> None:
    made = client.resource("Observation", **_weight(person.id, 1))
    made.save()
    made.delete()
    with pytest.raises(ResourceNotFound):
        client.get("Observation", made.id)


def test_patch_is_json_patch(client: SyncFHIRClient, person: Any, fhir_url: str, token: str) -> None:
    made = client.resource("Observation", **_weight(person.id, 2))
    made.save()
    patching = SyncFHIRClient(fhir_url, authorization=f"Bearer {token}", extra_headers=JSON_PATCH)
    operations: Any = [{"op": "replace", "path": "/status", "value": "amended"}]
    patched = patching.execute(f"Observation/{made.id}", method="patch", data=operations)
    assert (patched["status"], patched["meta"]["versionId"]) == ("amended", "2")
    # A part of a resource is none of the patches of FHIR R4 (section 3.1.0.8): it would be a guess what it leaves.
    with pytest.raises(OperationOutcome, match="json-patch"):
        client.patch("Observation", made.id, status="final")
    made.delete()


def test_search_by_what_tells_nothing(client: SyncFHIRClient, person: Any) -> None:
    weights = client.resources("Observation").search(patient=person.id)
    assert _kilos(weights.fetch()) == [70, 71, 72, 73, 74]
    assert client.resources("Patient").search(_id=person.id).get().id == person.id
    assert weights.search(status="final").first()["status"] == "final"
    assert weights.search(status="cancelled").fetch() == []
    assert client.resources("Observation").search(subject=person).limit(100).fetch() == weights.fetch()
    assert [each["resourceType"] for each in client.resources("Patient").search(_id="none-that-is-there").fetch()] == []


def test_pages_are_followed_to_their_end(client: SyncFHIRClient, person: Any) -> None:
    weights = client.resources("Observation").search(patient=person.id).limit(2)
    assert len(weights.fetch()) <= 2
    assert _kilos(weights.fetch_all()) == _kilos(weights) == [70, 71, 72, 73, 74]


def test_order_and_time(client: SyncFHIRClient, person: Any) -> None:
    weights = client.resources("Observation").search(patient=person.id)
    newest = weights.sort("-_lastUpdated").fetch_all()
    written = [each["meta"]["lastUpdated"] for each in newest]
    assert written == sorted(written, reverse=True)
    assert weights.sort("_lastUpdated").fetch_all() == newest[::-1]
    now = datetime.now(UTC)
    assert len(weights.search(_lastUpdated__ge=now - timedelta(hours=1)).fetch_all()) == 5
    assert weights.search(_lastUpdated__gt=now + timedelta(hours=1)).fetch_all() == []


def test_the_patient_beside_their_observations(client: SyncFHIRClient, person: Any) -> None:
    found = client.resources("Observation").search(patient=person.id).include("Observation", "patient").fetch_raw()
    kinds = {entry["resource"]["resourceType"]: entry["search"]["mode"] for entry in found["entry"]}
    assert kinds == {"Observation": "match", "Patient": "include"}


def test_a_few_elements(client: SyncFHIRClient, person: Any) -> None:
    weight = client.resources("Observation").search(patient=person.id).elements("status").first()
    assert weight["status"] == "final"
    assert "valueQuantity" not in weight


def test_a_transaction(client: SyncFHIRClient) -> None:
    full_url = "urn:uuid:6c1f0f0a-0000-4000-8000-00000000f417"
    entries = [
        {"fullUrl": full_url, "request": {"method": "POST", "url": "Patient"}, "resource": patient()},
        {
            "request": {"method": "POST", "url": "Observation"},
            "resource": observation("", subject={"reference": full_url}),
        },
    ]
    answer = client.resource("Bundle", type="transaction", entry=entries).save()
    assert answer["type"] == "transaction-response"
    assert [entry["response"]["status"][:3] for entry in answer["entry"]] == ["201", "201"]


def test_history_and_everything(client: SyncFHIRClient, person: Any) -> None:
    history = client.execute(f"Patient/{person.id}/_history", method="get")
    assert (history["type"], len(history["entry"])) == ("history", 1)
    everything = person.execute("$everything", method="get")
    assert {entry["resource"]["resourceType"] for entry in everything["entry"]} == {"Patient", "Observation"}


def test_validation(client: SyncFHIRClient) -> None:
    assert client.resource("Patient", **patient()).is_valid()
    assert not client.resource("Patient", gender="zebra").is_valid()


def test_what_tells_about_a_person_goes_in_a_form(
    client: SyncFHIRClient, person: Any, fhir_url: str, token: str
) -> None:
    with pytest.raises(OperationOutcome, match="_search") as refused:
        client.resources("Patient").search(family=NAME).fetch()
    assert NAME not in str(refused.value)
    asking = {"data": {"family": NAME, "birthdate": "1957-03-04", "_id": person.id}}
    searching = SyncFHIRClient(fhir_url, authorization=f"Bearer {token}", extra_headers=FORM, requests_config=asking)
    found = searching.execute("Patient/_search", method="post")
    assert [entry["resource"]["id"] for entry in found["entry"]] == [person.id]


def test_the_asynchronous_client(fhir_url: str, token: str, person: Any) -> None:
    async def use() -> None:
        client = AsyncFHIRClient(fhir_url, authorization=f"Bearer {token}")
        made = client.resource("Patient", **patient())
        await made.save()
        made["active"] = False
        await made.save()
        assert (await client.get("Patient", made.id))["active"] is False
        weights = client.resources("Observation").search(patient=person.id).limit(2)
        assert _kilos(await weights.fetch_all()) == _kilos([each async for each in weights]) == [70, 71, 72, 73, 74]
        answer = await client.execute(f"Patient/{made.id}/$everything", method="get")
        assert [entry["resource"]["resourceType"] for entry in answer["entry"]] == ["Patient"]

    asyncio.run(use())


def test_refusals_are_its_own_errors(client: SyncFHIRClient, fhir_url: str) -> None:
    with pytest.raises(ResourceNotFound):
        client.get("Patient", "nobody-at-all")
    with pytest.raises(OperationOutcome):
        client.resource("Patient", gender="zebra").save()
    with pytest.raises(OperationOutcome, match="not supported"):
        client.resources("Patient").count()
    with pytest.raises(AuthorizationError):
        SyncFHIRClient(fhir_url, authorization="Bearer nobody").get("Patient", "x")
