"""Whatever goes wrong, no value of a resource or a parameter is found in errors, tracebacks, logs or events."""

from __future__ import annotations

import json
import logging
import traceback
from collections.abc import Callable

import pytest

from phivault.access.roles import Role
from phivault.errors import PhivaultError
from phivault.records.create import create
from phivault.records.delete import delete
from phivault.records.read import read
from phivault.records.search import search
from phivault.records.transaction import transaction
from phivault.records.update import update
from tests.support.records_fakes import BASE_URL, PLANTED, World, a_patient, an_observation, flipped

type Provoke = Callable[[World, str], object]


def _put(world: World, id: str, role: Role = Role.CLINICIAN, **changes: object) -> object:
    return update(world.records, world.call(role), "Patient", id, json.dumps(a_patient(id=id, **changes)).encode())


def _post(world: World, type: str, body: bytes, **how: str) -> object:
    return create(world.records, world.call(), type, body, **how)  # type: ignore[arg-type]  # keywords of one type


def _tampered(world: World, id: str) -> object:
    envelope = world.store.read("north", "Patient", id).envelope
    world.store.replace("north", "Patient", id, envelope=flipped(envelope))
    return read(world.records, world.call(), "Patient", id)


def _unrecorded(world: World, id: str) -> object:
    world.locked.failures = ["before"]
    return _put(world, id)


def _lost(world: World, id: str) -> object:
    world.store.fail_commit = "before"
    return _put(world, id)


def _search(world: World, **parameters: str) -> object:
    return search(world.records, world.call(), "Patient", list(parameters.items()), base_url=BASE_URL)


def _bundle(world: World, resource: object) -> object:
    entry = {"request": {"method": "POST", "url": "Patient"}, "resource": resource}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry]}
    return transaction(world.records, world.call(), json.dumps(bundle).encode(), base_url=BASE_URL)


WRONG: list[Provoke] = [
    lambda world, who: _put(world, who, gender="Zyxwvuts"),
    lambda world, who: _put(world, who, birthDate="1979-04-06x"),
    lambda world, who: _put(world, who, active="Qwerty"),
    lambda world, who: _put(world, who, Zyxwvuts="Qwerty"),
    lambda world, who: _put(world, who, name="Zyxwvuts"),
    lambda world, who: _put(world, who, Role.AUDITOR),
    lambda world, who: _put(world, who, Role.CARE_COORDINATOR, note="Haemolysed-sample-remark"),
    lambda world, who: _post(world, "Patient", json.dumps(a_patient()).encode()[:-20]),
    lambda world, who: _post(world, "Patient", b'{"resourceType":"Zyxwvuts"}'),
    lambda world, who: _post(world, "Patient", b"\xff" + json.dumps(a_patient()).encode()),
    lambda world, who: _post(world, "Zyxwvuts", b"{}"),
    lambda world, who: _post(world, "Patient", json.dumps(a_patient()).encode(), idempotency_key="Zyxwvuts Qwerty"),
    lambda world, who: _post(world, "Observation", json.dumps(an_observation("Zyxwvuts.Qwerty")).encode()),
    lambda world, who: _post(
        world, "Observation", json.dumps(an_observation(who, subject={"reference": "Zyxwvuts"})).encode()
    ),
    lambda world, who: _bundle(world, a_patient(gender="Zyxwvuts")),
    lambda world, who: _bundle(world, "Zyxwvuts"),
    lambda world, who: read(world.records, world.call(), "Patient", "Zyxwvuts"),
    lambda world, who: delete(world.records, world.call(), "Patient", who, if_match="Zyxwvuts"),
    lambda world, who: _search(world, family="Zyxwvuts"),
    lambda world, who: _search(world, Zyxwvuts="Qwerty"),
    lambda world, who: _search(world, _id="Zyxwvuts Qwerty"),
    lambda world, who: _search(world, _count="Zyxwvuts"),
    lambda world, who: _search(world, _cursor="Zyxwvuts"),
    lambda world, who: _tampered(world, who),
    lambda world, who: _unrecorded(world, who),
    lambda world, who: _lost(world, who),
]


@pytest.mark.parametrize("provoke", WRONG)
def test_no_value_is_found(world: World, patient: str, provoke: Provoke, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    with pytest.raises(PhivaultError) as caught:
        provoke(world, patient)
    told = printed(caught.value) + caught.value.detail
    locked = b"".join(world.locked.objects.values()).decode()
    for value in PLANTED:
        assert value not in told
        assert value not in caplog.text
        assert value not in locked


def printed(error: BaseException) -> str:
    """What a log would print of an error and of all that led to it, without this file's own lines."""
    frames = [frame for frame in traceback.extract_tb(error.__traceback__) if frame.filename != __file__]
    own = "".join(traceback.format_list(frames) + traceback.format_exception_only(error)) + repr(error)
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    return own + (printed(before) if before else "")


def test_what_holds_values_prints_without_them(world: World, patient: str) -> None:
    released = read(world.records, world.call(), "Patient", patient)
    found = search(world.records, world.call(), "Patient", [], base_url=BASE_URL)
    for one in (released, found, world.store.read("north", "Patient", patient)):
        assert not any(value in repr(one) for value in PLANTED)
