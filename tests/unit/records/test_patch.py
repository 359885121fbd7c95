"""PATCH: applied to what the caller sees, then an update like any other."""

from __future__ import annotations

import base64
import json
from typing import Any
from unittest.mock import Mock

import pytest

from phivault.access.roles import Role
from phivault.audit.event import Action
from phivault.errors import (
    AccessDenied,
    ContentTooLarge,
    Gone,
    InvalidInput,
    NotFound,
    PreconditionFailed,
    Unprocessable,
)
from phivault.records.bundles import answer
from phivault.records.create import create
from phivault.records.delete import delete
from phivault.records.patch import patch
from phivault.records.read import read
from phivault.records.released import Released
from tests.support.records_fakes import BASE_URL, PLANTED, World, a_patient, an_observation


@pytest.fixture
def patient(world: World) -> str:
    made = world.make("Patient", a_patient()).id
    world.forget()
    return made


def _patch(world: World, id: str, *ops: dict[str, Any], type: str = "Patient", **more: Any) -> Released:
    call = more.pop("call", None) or world.call()
    return patch(world.records, call, type, id, json.dumps(ops).encode(), **more)


def test_changes_what_it_names_and_leaves_the_other_bytes(world: World, patient: str) -> None:
    value = b'{ "value" : 1.10, "unit":"kg" }'
    sent = b'{"resourceType":"Observation","status":"final","code":{"text":"w"},"subject":{"reference":"Patient/%s"},'
    sent = (
        sent % patient.encode()
        + b'"valueQuantity":'
        + value
        + b',"component":[{"code":{"text":"c"},"valueQuantity":{"value":2.50}}]}'
    )
    made = create(world.records, world.call(), "Observation", sent).id
    op = {"op": "replace", "path": "/component/0/code/text", "value": "d"}
    patched = _patch(world, made, op, type="Observation")
    assert patched.version == 2
    body = read(world.records, world.call(), "Observation", made).body
    assert value in body
    assert b'"component":[{"code":{"text":"d"},"valueQuantity":{"value":2.50}}]' in body


def test_is_recorded_as_an_update_before_it_is_committed(world: World, patient: str) -> None:
    _patch(world, patient, {"op": "replace", "path": "/active", "value": False})
    assert world.recorded().action is Action.UPDATE
    assert world.recorded().patient == patient
    assert world.steps.index("record") < world.steps.index("commit")


def test_a_test_guards_what_follows(world: World, patient: str) -> None:
    change = {"op": "remove", "path": "/address"}
    _patch(world, patient, {"op": "test", "path": "/meta/versionId", "value": "1"}, change)
    with pytest.raises(Unprocessable):
        _patch(world, patient, {"op": "test", "path": "/gender", "value": "male"}, {"op": "remove", "path": "/name"})
    assert "name" in json.loads(read(world.records, world.call(), "Patient", patient).body)


def test_if_match_and_idempotency_hold(world: World, patient: str) -> None:
    op = {"op": "replace", "path": "/active", "value": False}
    with pytest.raises(PreconditionFailed):
        _patch(world, patient, op, if_match='W/"7"')
    first = _patch(world, patient, op, if_match='W/"1"', idempotency_key="k")
    again = _patch(world, patient, op, if_match='W/"1"', idempotency_key="k")
    assert (first.version, again.version) == (2, 2)


@pytest.mark.parametrize(
    "path", ["/id", "/resourceType", "/meta/versionId", "/meta/lastUpdated", "/meta", "/_id", "/meta/versionId/x"]
)
@pytest.mark.parametrize("op", ["add", "remove", "move", "copy"])
def test_what_the_server_says_is_not_patched(world: World, patient: str, path: str, op: str) -> None:
    operation = {"op": op, "path": path, "value": "x", "from": "/gender"}
    with pytest.raises(InvalidInput, match="what the server says"):
        _patch(world, patient, operation)
    if op == "move":
        with pytest.raises(InvalidInput, match="what the server says"):
            _patch(world, patient, operation | {"path": "/gender", "from": path})


def test_meta_of_the_clients_own_can_be_patched_and_removed(world: World) -> None:
    tag = {"system": "http://x.example", "code": "a"}
    made = world.make("Patient", a_patient(meta={"tag": [tag]})).id
    _patch(world, made, {"op": "add", "path": "/meta/tag/-", "value": {"system": "http://x.example", "code": "b"}})
    meta = json.loads(read(world.records, world.call(), "Patient", made).body)["meta"]
    assert [each["code"] for each in meta["tag"]] == ["a", "b"]
    _patch(world, made, {"op": "remove", "path": "/meta/tag"})
    assert "tag" not in json.loads(read(world.records, world.call(), "Patient", made).body)["meta"]


def test_what_comes_out_is_validated(world: World, patient: str) -> None:
    with pytest.raises(InvalidInput, match=r"Patient\.gender"):
        _patch(world, patient, {"op": "replace", "path": "/gender", "value": PLANTED[0]})
    observed = world.make("Observation", an_observation(patient)).id
    with pytest.raises(Unprocessable):
        _patch(world, observed, {"op": "remove", "path": "/subject"}, type="Observation")


def test_what_comes_out_is_bounded(world: World, patient: str) -> None:
    lines = [{"line": ["x" * 1000]}] * 600
    _patch(world, patient, {"op": "add", "path": "/address", "value": lines})
    with pytest.raises(ContentTooLarge):
        _patch(world, patient, {"op": "add", "path": "/contact", "value": [{"address": each} for each in lines]})


def test_what_is_gone_or_never_was(world: World, patient: str) -> None:
    op = {"op": "replace", "path": "/active", "value": False}
    with pytest.raises(NotFound):
        _patch(world, "0199b3c2-0000-7000-8000-000000000009", op)
    delete(world.records, world.call(), "Patient", patient)
    with pytest.raises(Gone):
        _patch(world, patient, op)


def test_who_may_not_update_may_not_patch(world: World, patient: str) -> None:
    for call in (world.call(Role.AUDITOR), world.call(user_id="clinician-2")):
        with pytest.raises(AccessDenied):
            _patch(world, patient, {"op": "test", "path": "/active", "value": True}, call=call)


def test_what_many_leave_is_bounded_together(world: World, patient: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each makes much of little; the resources alone would fit."""
    monkeypatch.setattr("phivault.records.patch.TYPES", {"Observation": Mock(max_body=20_000)})
    monkeypatch.setattr("phivault.records.patch.MOST_PATCHED", 30_000)
    notes = [{"text": "x" * 1000}]
    ids = [world.make("Observation", an_observation(patient, note=notes)).id for _ in range(2)]
    copies = [{"op": "copy", "from": "/note/0", "path": "/note/-"}] * 15
    assert _patch(world, ids[0], *copies, type="Observation").version == 2
    data = base64.b64encode(json.dumps(copies).encode()).decode()
    patched = {"resourceType": "Binary", "contentType": "application/json-patch+json", "data": data}
    entries = [
        {"request": {"method": "PATCH", "url": f"Observation/{id}"}, "resource": patched | {"data": some}}
        for id, some in zip(ids, [base64.b64encode(json.dumps(copies[:1]).encode()).decode(), data], strict=True)
    ]
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": entries}
    with pytest.raises(ContentTooLarge, match="together"):
        answer(world.records, world.call(), json.dumps(bundle).encode(), base_url=BASE_URL)
    assert len(world.store.versions["north", "Observation", ids[1]]) == 1
