"""The process dies after any step of a write: every row that stands is on record; the record may say more."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable

import pytest

from phivault.audit.event import Action
from phivault.records.create import create
from phivault.records.delete import delete
from phivault.records.transaction import transaction
from phivault.records.update import update
from tests.support.records_fakes import BASE_URL, World, a_patient, an_observation

type Write = Callable[[World, str], object]


class Crash(BaseException):
    """Nothing catches it, as nothing survives a kill."""


class Fuse(list[str]):
    """Steps of which the one after ``left`` others is the last."""

    left = 1000

    def append(self, step: str) -> None:
        super().append(step)
        if self.left == 0:
            raise Crash(step)
        self.left -= 1


def _transaction(world: World, patient: str) -> object:
    entries = [
        {"request": {"method": "POST", "url": "Patient"}, "resource": a_patient()},
        {"request": {"method": "POST", "url": "Observation"}, "resource": an_observation(patient)},
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    return transaction(
        world.records, world.call(), json.dumps(bundle).encode(), base_url=BASE_URL, idempotency_key="key"
    )


WRITES: dict[str, Write] = {
    "create": lambda world, _: create(world.records, world.call(), "Patient", json.dumps(a_patient()).encode()),
    "update": lambda world, who: update(
        world.records, world.call(), "Patient", who, json.dumps(a_patient(id=who, active=False)).encode()
    ),
    "delete": lambda world, who: delete(world.records, world.call(), "Patient", who),
    "transaction": _transaction,
}


def unrecorded(world: World) -> list[str]:
    """Rows without a record of their own: of a version with data, one with its very bytes."""
    told = {(event.resource, event.resource_id, event.version, event.envelope, event.action) for event in world.events}
    hashes = {(type, id, version, envelope) for type, id, version, envelope, _ in told}
    deletions = {(type, id, version) for type, id, version, _, action in told if action is Action.DELETE}
    return [
        f"{row.type}/{row.id}/{row.version}"
        for rows in world.store.versions.values()
        for row in rows
        if (row.type, row.id, row.version) not in deletions
        and (row.type, row.id, row.version, hashlib.sha256(row.envelope or b"").hexdigest()) not in hashes
    ]


@pytest.mark.parametrize("survived", range(4))
@pytest.mark.parametrize("verb", WRITES)
def test_every_row_is_on_record(verb: str, survived: int) -> None:
    fuse = Fuse()
    world = World(steps=fuse)
    patient = world.make("Patient", a_patient()).id
    before = sum(map(len, world.store.versions.values()))
    fuse.clear()
    fuse.left = survived
    try:
        WRITES[verb](world, patient)
    except Crash:
        assert len(fuse) == survived + 1
    assert unrecorded(world) == []
    rows = sum(map(len, world.store.versions.values()))
    assert rows == before or "commit" in fuse
    assert fuse[0] == "record"


@pytest.mark.parametrize("verb", WRITES)
def test_a_record_that_is_lost_or_unknown_leaves_no_row(verb: str) -> None:
    for failure in ("before", "after", Crash()):
        world = World()
        patient = world.make("Patient", a_patient()).id
        rows = {place: list(versions) for place, versions in world.store.versions.items()}
        world.locked.failures = [failure]
        with pytest.raises(BaseException):  # noqa: B017 - our own error, or the crash itself
            WRITES[verb](world, patient)
        assert world.store.versions == rows


def test_a_repeat_after_a_crash_does_the_work_once() -> None:
    for survived in range(4):
        fuse = Fuse()
        world = World(steps=fuse)
        patient = world.make("Patient", a_patient()).id
        fuse.left = survived
        try:
            _transaction(world, patient)
        except Crash:
            fuse.left = 1000
            _transaction(world, patient)
        assert len(world.store.versions) == 3
        assert unrecorded(world) == []
