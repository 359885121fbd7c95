"""A row passes for the newest only if nothing newer was noted of its resource."""

from __future__ import annotations

import json
import logging
from collections.abc import Callable

import pytest

from phivault.audit.event import Action
from phivault.errors import Gone, IntegrityError, NotFound, Unavailable
from phivault.records.anchors import expect
from phivault.records.bundles import answer
from phivault.records.create import create_conditionally
from phivault.records.delete import delete
from phivault.records.events import Target, Trail
from phivault.records.everything import everything
from phivault.records.read import read
from phivault.records.search import search
from phivault.records.transaction import transaction
from phivault.records.update import update
from phivault.records.vread import vread
from tests.support.records_fakes import BASE_URL, World, a_patient, an_observation


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def patient(world: World) -> str:
    return world.make("Patient", a_patient()).id


def changed(world: World, patient: str, **changes: object) -> None:
    body = json.loads(read(world.records, world.call(), "Patient", patient).body)
    update(world.records, world.call(), "Patient", patient, json.dumps(body | changes).encode())


def noted(world: World, patient: str) -> int:
    return world.anchors.noted.get(("north", "Patient", patient), 0)


def test_a_first_version_is_not_noted_and_later_ones_are(world: World, patient: str) -> None:
    assert noted(world, patient) == 0
    changed(world, patient, active=False)
    assert noted(world, patient) == 2
    delete(world.records, world.call(), "Patient", patient)
    assert noted(world, patient) == 3


def test_a_transaction_notes_all_that_it_changed_and_looks_once_for_all(world: World, patient: str) -> None:
    seen = [world.make("Observation", an_observation(patient)).id for _ in range(3)]
    world.anchors.loads = 0
    entries = [
        {
            "request": {"method": "PUT", "url": f"Observation/{id}"},
            "resource": an_observation(patient, id=id, status="amended"),
        }
        for id in seen
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    transaction(world.records, world.call(), json.dumps(bundle).encode(), base_url=BASE_URL)
    assert {world.anchors.noted["north", "Observation", id] for id in seen} == {2}
    assert world.anchors.loads == 1


@pytest.mark.parametrize("raced", [False, True])
def test_a_batch_notes_what_it_changed_committed_together_or_one_by_one(
    world: World, patient: str, raced: bool
) -> None:
    seen, other = (world.make("Observation", an_observation(patient)).id for _ in range(2))
    entries = [
        {
            "request": {"method": "PUT", "url": f"Observation/{id}"},
            "resource": an_observation(patient, id=id, status="amended"),
        }
        for id in (seen, other)
    ]
    if raced:
        body = json.dumps(an_observation(patient, id=other)).encode()
        world.store.before_commit = lambda: update(world.records, world.call(), "Observation", other, body)
    bundle = {"resourceType": "Bundle", "type": "batch", "entry": entries}
    done = json.loads(answer(world.records, world.call(), json.dumps(bundle).encode(), base_url=BASE_URL).body)
    assert [each["response"]["status"][:3] for each in done["entry"]] == ["200", "409" if raced else "200"]
    assert {world.anchors.noted["north", "Observation", id] for id in (seen, other)} == {2}


def test_a_write_between_the_row_and_its_anchor_is_seen_at_the_second_look(
    world: World, patient: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    first = world.store.read("north", "Patient", patient)
    changed(world, patient, active=False)
    rows = [first]
    real = world.store.read
    monkeypatch.setattr(world.store, "read", lambda *asked: rows.pop() if rows else real(*asked))
    assert read(world.records, world.call(), "Patient", patient).version == 2
    assert not rows


def test_a_commit_whose_anchor_failed_stands_and_says_so(
    world: World, patient: str, caplog: pytest.LogCaptureFixture
) -> None:
    world.anchors.deaf = True
    with caplog.at_level(logging.ERROR):
        changed(world, patient, active=False)
    assert "committed versions have no anchor" in caplog.text
    assert patient not in caplog.text
    world.anchors.deaf = False
    assert read(world.records, world.call(), "Patient", patient).version == 2
    changed(world, patient, active=True)
    assert noted(world, patient) == 3


def test_nothing_is_read_or_changed_while_anchors_are_out_of_reach(world: World, patient: str) -> None:
    changed(world, patient, active=False)
    world.anchors.down = True
    for attempt in (
        lambda: read(world.records, world.call(), "Patient", patient),
        lambda: update(world.records, world.call(), "Patient", patient, json.dumps(a_patient(id=patient)).encode()),
        lambda: delete(world.records, world.call(), "Patient", patient),
    ):
        with pytest.raises(Unavailable):
            attempt()
    assert vread(world.records, world.call(), "Patient", patient, 1).version == 1


def test_what_never_was_is_not_found_and_what_was_is_missed(world: World, patient: str) -> None:
    with pytest.raises(NotFound):
        read(world.records, world.call(), "Patient", "never-used")
    changed(world, patient, active=False)
    del world.store.versions["north", "Patient", patient]
    with pytest.raises(IntegrityError):
        read(world.records, world.call(), "Patient", patient)


def test_a_deletion_undone_is_refused_and_stays_gone_otherwise(world: World, patient: str) -> None:
    delete(world.records, world.call(), "Patient", patient)
    with pytest.raises(Gone):
        read(world.records, world.call(), "Patient", patient)
    versions = world.store.versions["north", "Patient", patient]
    versions.pop()
    with pytest.raises(IntegrityError):
        read(world.records, world.call(), "Patient", patient)


def put_back(world: World, kind: str, id: str) -> None:
    """A second version of it is committed and noted; then somebody takes it out of the database."""
    body = json.loads(read(world.records, world.call(), kind, id).body)
    update(world.records, world.call(), kind, id, json.dumps(body).encode())
    world.store.versions["north", kind, id].pop()


def found(world: World, type: str, *parameters: tuple[str, str]) -> None:
    search(world.records, world.call(), type, parameters, base_url=BASE_URL, posted=True)


LISTS: dict[str, Callable[[World, str], object]] = {
    "search": lambda world, patient: found(world, "Observation"),
    "search by value": lambda world, patient: found(world, "Observation", ("code", "2339-0")),
    "search in order": lambda world, patient: found(world, "Observation", ("_sort", "-_lastUpdated")),
    "_include": lambda world, patient: found(world, "Observation", ("_include", "Observation:performer")),
    "$everything": lambda world, patient: everything(world.records, world.call(), patient, {}, base_url=BASE_URL),
    "ifNoneExist": lambda world, patient: create_conditionally(
        world.records, world.call(), "Observation", json.dumps(an_observation(patient)).encode(), "code=2339-0"
    ),
}


@pytest.mark.parametrize(
    ("ask", "kind"),
    [(name, "Observation") for name in LISTS if name != "_include"]
    + [("_include", "Practitioner"), ("$everything", "Practitioner")],
)
def test_no_list_takes_a_row_that_was_put_back_for_the_newest(world: World, patient: str, ask: str, kind: str) -> None:
    doctor = world.make("Practitioner", {"resourceType": "Practitioner", "name": [{"family": "Doe"}]}).id
    by = [{"reference": f"Practitioner/{doctor}"}]
    seen = world.make("Observation", an_observation(patient, performer=by)).id
    LISTS[ask](world, patient)
    put_back(world, kind, {"Observation": seen, "Practitioner": doctor}[kind])
    with pytest.raises(IntegrityError):
        LISTS[ask](world, patient)


def test_a_later_look_of_the_same_call_is_not_repeated(world: World, patient: str) -> None:
    trail = Trail(world.records, world.call(), Action.READ, Target("Patient", patient))
    world.anchors.loads = 0
    expect(trail, [("Patient", patient), ("Patient", patient)])
    expect(trail, [])
    assert world.anchors.loads == 1
    assert trail.anchored == {("Patient", patient): 0}
