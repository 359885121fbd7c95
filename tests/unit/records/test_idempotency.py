"""Requests sent twice: done once, and answered by a read that is decided and recorded anew."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phivault.audit.event import Action
from phivault.errors import AccessDenied, InvalidInput, PhivaultError, Unavailable, Unprocessable
from phivault.records.bundles import answer
from phivault.records.call import Call
from phivault.records.create import create
from phivault.records.delete import delete
from phivault.records.idempotency import request_hash
from phivault.records.transaction import transaction
from phivault.records.update import update
from tests.support.records_fakes import BASE_URL, World, a_patient, an_observation

BODY = json.dumps(a_patient()).encode()


def post(world: World, body: bytes = BODY, key: str = "key-1", call: Call | None = None) -> Any:
    return create(world.records, call or world.call(), "Patient", body, idempotency_key=key)


def a_bundle(*entries: tuple[str, str, dict[str, Any] | None]) -> bytes:
    items = [
        {"request": {"method": method, "url": url}} | ({} if resource is None else {"resource": resource})
        for method, url, resource in entries
    ]
    return json.dumps({"resourceType": "Bundle", "type": "transaction", "entry": items}).encode()


def test_a_repeat_makes_nothing_and_reads_what_was_made(world: World) -> None:
    first = post(world)
    world.forget()
    assert post(world) == first
    assert len(world.store.versions) == 1
    event = world.recorded()
    assert (event.action, event.resource_id, event.version) == (Action.VREAD, first.id, 1)
    assert "identifying" in event.classes


def test_a_repeat_is_decided_anew(world: World) -> None:
    first = post(world)
    world.facts.members.clear()
    with pytest.raises(AccessDenied):
        post(world)
    assert world.events[-1].patient == first.id


def test_no_answer_is_stored(world: World) -> None:
    post(world)
    (record,) = world.store.keys.values()
    assert (record.made[0][0], len(record.request_hash)) == ("Patient", 32)
    assert b"Zyxwvuts" not in repr(record).encode()


def test_a_key_serves_one_request(world: World) -> None:
    post(world)
    with pytest.raises(Unprocessable):
        post(world, BODY + b" ")
    with pytest.raises(Unprocessable):
        create(world.records, world.call(), "Organization", BODY, idempotency_key="key-1")
    assert len(world.store.versions) == 1


def test_a_key_belongs_to_its_user_and_tenant(world: World) -> None:
    ids = {post(world, call=call).id for call in (world.call(), world.call(user_id="c-2"), world.call(tenant="south"))}
    assert len(ids) == 3


@pytest.mark.parametrize("key", ["", "a b", "k" * 256, "schlüssel", "a\n"])
def test_a_malformed_key_is_refused(world: World, key: str) -> None:
    with pytest.raises(InvalidInput):
        post(world, key=key)
    assert world.store.versions == {}
    post(world, key="k" * 255)


def test_a_lost_answer_of_a_commit_is_found_to_have_happened(world: World) -> None:
    world.store.fail_commit = "after"
    made = post(world)
    assert world.store.read("north", "Patient", made.id).version == 1
    assert [event.success for event in world.events] == [True]


def test_a_commit_that_did_not_happen_is_unavailable_and_can_be_sent_again(world: World) -> None:
    world.store.fail_commit = "before"
    with pytest.raises(Unavailable):
        post(world)
    assert world.store.versions == {}
    assert [event.success for event in world.events] == [True, False]
    post(world)
    assert len(world.store.versions) == 1


def test_of_two_at_once_one_is_done_and_both_have_its_answer(world: World) -> None:
    others: list[Any] = []
    world.store.before_commit = lambda: others.append(post(world))
    mine = post(world)
    assert mine == others[0]
    assert len(world.store.versions) == 1
    assert [(event.action, event.error) for event in world.events] == [
        (Action.CREATE, ""),
        (Action.CREATE, ""),
        (Action.CREATE, "conflict"),
        (Action.VREAD, ""),
    ]


def test_an_update_and_a_deletion_repeat_as_well(world: World, patient: str) -> None:
    body = json.dumps(a_patient(id=patient, active=False)).encode()
    for _ in range(2):
        changed = update(
            world.records, world.call(), "Patient", patient, body, if_match='W/"1"', idempotency_key="key-2"
        )
        assert changed.version == 2
    for _ in range(2):
        gone = delete(world.records, world.call(), "Patient", patient, if_match='W/"2"', idempotency_key="key-3")
        assert gone.version == 3
    assert len(world.store.versions["north", "Patient", patient]) == 3


def test_a_transaction_repeats_with_the_same_answer(world: World, patient: str) -> None:
    old, deleted = (world.make("Observation", an_observation(patient)).id for _ in range(2))
    delete(world.records, world.call(), "Observation", deleted)
    body = a_bundle(
        ("DELETE", f"Observation/{deleted}", None),
        ("POST", "Observation", an_observation(patient)),
        ("DELETE", f"Observation/{old}", None),
        ("PUT", f"Patient/{patient}", a_patient(id=patient)),
        ("POST", "Patient", a_patient()),
    )

    def send(call: Call) -> bytes:
        return transaction(world.records, call, body, base_url=BASE_URL, idempotency_key="key-4").body

    first = send(world.call())
    rows = {place: list(versions) for place, versions in world.store.versions.items()}
    world.forget()
    assert send(world.call()) == first
    assert world.store.versions == rows
    assert [event.action for event in world.events] == [Action.VREAD] * 5
    world.facts.members.clear()
    with pytest.raises(AccessDenied):
        send(world.call())


def in_batch(world: World, *entries: tuple[str, str, dict[str, Any] | None], key: str) -> list[str]:
    body = json.dumps(json.loads(a_bundle(*entries)) | {"type": "batch"}).encode()
    done = answer(world.records, world.call(), body, base_url=BASE_URL, idempotency_key=key)
    return [each["response"]["status"][:3] for each in json.loads(done.body)["entry"]]


def test_the_repeat_of_a_batch_is_on_record_entry_by_entry(world: World, patient: str) -> None:
    sent = [("POST", "Observation", an_observation(patient)), ("POST", "Patient", a_patient(gender="banana"))]
    assert in_batch(world, *sent, key="key-5") == ["201", "400"]
    world.forget()
    assert in_batch(world, *sent, key="key-5") == ["201", "400"]
    assert [(e.action, e.patient, e.success) for e in world.events if e.resource != "Bundle"] == [
        (Action.VREAD, patient, True)
    ]
    assert [(e.action, e.error) for e in world.events if not e.success] == [(Action.CREATE, "invalid")]
    world.facts.members.clear()
    world.forget()
    assert in_batch(world, *sent, key="key-5") == ["403", "400"]
    assert [(e.action, e.error) for e in world.events if not e.success] == [
        (Action.CREATE, "denied"),
        (Action.CREATE, "invalid"),
    ]


def test_what_a_batch_notes_of_its_entries_takes_no_key_of_anybodys(world: World, patient: str) -> None:
    body = json.dumps(a_patient(id=patient)).encode()
    world.store.before_commit = lambda: update(world.records, world.call(), "Patient", patient, body)
    sent = [
        ("POST", "Observation", an_observation(patient)),
        ("PUT", f"Patient/{patient}", a_patient(id=patient, active=False)),
    ]
    assert in_batch(world, *sent, key="key-") == ["201", "409"]
    assert [post(world, key=f"key-{number}").version for number in (0, 1)] == [1, 1]


def _other_request(world: World) -> None:
    create(world.records, world.call(), "Patient", BODY + b"\n", idempotency_key="key-1")


def test_a_key_that_another_request_takes_meanwhile_is_refused(world: World) -> None:
    world.store.before_commit = lambda: _other_request(world)
    with pytest.raises(Unprocessable):
        post(world)
    assert len(world.store.versions) == 1


@given(st.lists(st.tuples(st.text(max_size=3), st.text(max_size=3), st.binary(max_size=3)), unique=True, max_size=20))
def test_different_requests_have_different_hashes(requests: list[tuple[str, str, bytes]]) -> None:
    assert len({request_hash(*request) for request in requests}) == len(requests)


@pytest.mark.parametrize("verb", [lambda world: post(world), lambda world: post(world, key="")])
def test_when_the_database_is_down_nothing_happens(world: World, verb: Callable[[World], Any]) -> None:
    world.store.down = True
    with pytest.raises(PhivaultError):
        verb(world)
    assert world.recorded().success is False
