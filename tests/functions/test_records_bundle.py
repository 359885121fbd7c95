"""Transactions over HTTP: references between entries resolved, every entry done or none."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from tests.support.answers import ok, one, refused
from tests.support.fhir import every, make, observation, patient, send, transaction

if TYPE_CHECKING:
    from collections.abc import Callable

    import httpx

    from tests.support.stack import RunningStack

    type Look = Callable[[httpx.Response], list[dict[str, Any]]]

PERSON, VISIT = "urn:uuid:6c1f0f0a-0000-4000-8000-000000000001", "urn:uuid:6c1f0f0a-0000-4000-8000-000000000002"


def _encounter(subject: str) -> dict[str, Any]:
    kind = {"system": "http://terminology.hl7.org/CodeSystem/v3-ActCode", "code": "AMB"}
    return {"resourceType": "Encounter", "status": "finished", "class": kind, "subject": {"reference": subject}}


def _seen(subject: str, visit: str) -> dict[str, Any]:
    return observation("", subject={"reference": subject}, encounter={"reference": visit})


def test_references_between_entries_are_resolved(stack: RunningStack, clinician: httpx.Client) -> None:
    entries = ("POST", "Observation", _seen(PERSON, VISIT)), ("POST", "Patient", patient())
    bundle = transaction(*entries, ("POST", "Encounter", _encounter(PERSON)), n1=PERSON, n2=VISIT)
    answer = ok(send(clinician, "POST", "/fhir", bundle))
    assert (answer["resourceType"], answer["type"]) == ("Bundle", "transaction-response")
    made = []
    for kind, entry in zip(("Observation", "Patient", "Encounter"), answer["entry"], strict=True):
        assert entry["response"]["status"].startswith("201")
        assert entry["response"]["etag"] == 'W/"1"'
        assert "resource" not in entry
        place = entry["response"]["location"]
        assert place.startswith(f"{stack.base_url}/v1/fhir/{kind}/")
        made.append(ok(clinician.get(place)))
    seen, person, visit = made
    assert seen["subject"]["reference"] == visit["subject"]["reference"] == f"Patient/{person['id']}"
    assert seen["encounter"]["reference"] == f"Encounter/{visit['id']}"
    assert "urn:uuid" not in str(made)


def test_changes_and_deletions_in_one_transaction(clinician: httpx.Client) -> None:
    subject = make(clinician, patient())["id"]
    keep, drop = (make(clinician, observation(subject)) for _ in range(2))
    changed = keep | {"status": "amended"}
    bundle = transaction(
        ("PUT", f"Observation/{keep['id']}", changed),
        ("DELETE", f"Observation/{drop['id']}", None),
        ("POST", "Observation", observation(subject)),
    )
    bundle["entry"][0]["request"]["ifMatch"] = 'W/"1"'
    answer = ok(send(clinician, "POST", "/fhir", bundle))
    assert [entry["response"]["etag"] for entry in answer["entry"]] == ['W/"2"', 'W/"2"', 'W/"1"']
    found = {one["id"]: one["status"] for one in every(clinician, "Observation", patient=subject)}
    assert len(found) == 2
    assert found[keep["id"]] == "amended"
    refused(clinician.get(f"/fhir/Observation/{drop['id']}"), 410)
    # The same once more is stale in its first entry, so nothing of it is done.
    refused(send(clinician, "POST", "/fhir", bundle), 412)
    assert len(every(clinician, "Observation", patient=subject)) == 2


BAD = [
    "invalid resource",
    "unknown element",
    "unknown type",
    "type and url differ",
    "a query in a write",
    "a condition on a write",
    "a reference to nothing",
    "an unresolved urn",
    "a conditional reference",
    "another tenant's patient",
    "an update of nothing",
    "an update of another tenant's",
    "a deletion of another tenant's",
    "a subject that moves",
]


def _bad(stack: RunningStack, mine: str) -> dict[str, tuple[tuple[str, str, Any], int]]:
    theirs = stack.patients(stack.tenants[1])[0]
    strange = stack.patients()[0]
    return {
        "invalid resource": (("POST", "Observation", observation(mine, status="Zebra")), 400),
        "unknown element": (("POST", "Observation", observation(mine, zebra=1)), 400),
        "unknown type": (("POST", "Zebra", {"resourceType": "Zebra"}), 400),
        "type and url differ": (("POST", "Condition", observation(mine)), 400),
        "a query in a write": (("POST", "Observation?code=Zebra", observation(mine)), 400),
        "a condition on a write": (("PUT", "Observation?code=Zebra", observation(mine)), 400),
        "a reference to nothing": (("POST", "Observation", _seen(f"Patient/{mine}", "Encounter/zebra")), 422),
        "an unresolved urn": (("POST", "Observation", _seen(f"Patient/{mine}", VISIT)), 422),
        "a conditional reference": (("POST", "Observation", _seen(f"Patient/{mine}", "Encounter?name=zebra")), 400),
        "another tenant's patient": (("POST", "Observation", observation(theirs)), 422),
        "an update of nothing": (("PUT", f"Observation/{mine}", observation(mine) | {"id": mine}), 404),
        "an update of another tenant's": (("PUT", f"Patient/{theirs}", patient() | {"id": theirs}), 404),
        "a deletion of another tenant's": (("DELETE", f"Patient/{theirs}", None), 404),
        "a subject that moves": (("PUT", f"Patient/{strange}", observation(mine) | {"id": strange}), 400),
    }


@pytest.mark.parametrize(("kind", "place"), [(kind, number % 3) for number, kind in enumerate(BAD)])
def test_one_bad_entry_leaves_nothing_behind(
    stack: RunningStack, clinician: httpx.Client, half_done: str, kind: str, place: int
) -> None:
    bad, status = _bad(stack, half_done)[kind]
    good: list[tuple[str, str, Any]] = [("POST", "Observation", observation(half_done)) for _ in range(2)]
    good.insert(place, bad)
    text = refused(send(clinician, "POST", "/fhir", transaction(*good)), status)
    if kind != "a reference to nothing":  # found by the database, among all
        assert f"entry[{place}]" in text
    assert every(clinician, "Observation", patient=half_done) == []


@pytest.fixture(scope="module")
def half_done(stack: RunningStack) -> str:
    return str(make(stack.api("clinician"), patient())["id"])


def test_a_repeated_transaction_is_done_once(clinician: httpx.Client) -> None:
    bundle = transaction(("POST", "Patient", patient()), ("POST", "Observation", _seen_only(PERSON)), n0=PERSON)
    key = "bundle-" + make(clinician, patient())["id"]
    first = send(clinician, "POST", "/fhir", bundle, Idempotency_Key=key)
    again = send(clinician, "POST", "/fhir", bundle, Idempotency_Key=key)
    assert ok(first) == ok(again)
    subject = first.json()["entry"][0]["response"]["location"].split("/Patient/")[1].split("/")[0]
    assert len(every(clinician, "Observation", patient=subject)) == 1
    refused(send(clinician, "POST", "/fhir", transaction(("POST", "Patient", patient())), Idempotency_Key=key), 422)


def _seen_only(subject: str) -> dict[str, Any]:
    return observation("", subject={"reference": subject})


@pytest.mark.parametrize(
    "bundle",
    [
        {},
        {"resourceType": "Bundle"},
        {"resourceType": "Bundle", "type": "searchset", "entry": []},
        {"resourceType": "Bundle", "type": "Zebra", "entry": []},
        {"resourceType": "Patient", "type": "transaction", "entry": []},
        {"resourceType": "Bundle", "type": "transaction", "entry": {}},
        {"resourceType": "Bundle", "type": "transaction", "entry": [None]},
        {"resourceType": "Bundle", "type": "transaction", "entry": [{}]},
        {"resourceType": "Bundle", "type": "transaction", "entry": [], "zebra": 1},
        [],
        "Zebra",
    ],
)
def test_what_is_no_transaction(clinician: httpx.Client, bundle: Any) -> None:
    refused(send(clinician, "POST", "/fhir", bundle), 400)


def test_a_bundle_has_its_own_size(clinician: httpx.Client) -> None:
    assert "not JSON" in refused(send(clinician, "POST", "/fhir", b" " * (4 << 20)), 400)
    refused(send(clinician, "POST", "/fhir", b" " * ((4 << 20) + 1)), 413)
    too_many = transaction(*[("POST", "Patient", {"resourceType": "Patient"})] * 501)
    assert "at most 500" in refused(send(clinician, "POST", "/fhir", too_many), 400)


def test_an_empty_transaction_does_nothing_on_record(clinician: httpx.Client, events_of: Look) -> None:
    for _ in range(2):
        answer = send(clinician, "POST", "/fhir", transaction(), Idempotency_Key="an-empty-transaction")
        assert ok(answer) == {"resourceType": "Bundle", "type": "transaction-response"}
        one(events_of(answer), action="fhir.transaction", success=True)


def test_a_bundle_is_no_way_around_a_role(stack: RunningStack, sick: str) -> None:
    for role, purpose in (("patient", "PATIENT_REQUEST"), ("researcher", "RESEARCH"), ("tenant_admin", "OPERATIONS")):
        client = stack.api(role)
        for entry in (
            ("POST", "Observation", observation(sick)),
            ("POST", "Patient", patient()),
            ("DELETE", f"Patient/{sick}", None),
            ("PUT", f"Patient/{sick}", patient() | {"id": sick}),
        ):
            refused(send(client, "POST", "/fhir", transaction(entry), X_Purpose_Of_Use=purpose), 403)
