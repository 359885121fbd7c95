"""No route goes unrecorded: every operation of the API document is called, and the log is asked what it kept.

Whoever adds an operation adds a call to tests/support/calls.py that succeeds and one that is refused.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from local.audit_actions import TARGET, UNRECORDED, document
from phivault.audit.event import Action
from tests.support.answers import ok
from tests.support.caller import ABSENT, World
from tests.support.calls import CALLS, STRANGER
from tests.support.fhir import patient, send

if TYPE_CHECKING:
    from tests.support.stack import RunningStack

SERVED = json.loads((Path(__file__).parents[2] / "functions" / "pages" / "openapi.json").read_text("utf-8"))
OPERATIONS = {(m.upper(), path): one for path, item in SERVED["paths"].items() for m, one in item.items()}
RECORDED = sorted(key for key, operation in OPERATIONS.items() if operation["x-audit"])
WITH_BODY = [key for key in RECORDED if "requestBody" in OPERATIONS[key]]


@pytest.fixture(scope="module")
def world(stack: RunningStack) -> World:
    from tests.support.locked_log import LockedLog

    return World(stack, LockedLog(stack))


def kept(world: World, answer: httpx.Response, key: tuple[str, str]) -> list[dict[str, Any]]:
    """What the locked log holds of this request; one of it at least is what the operation says that it records."""
    events = world.log.events(request_id=answer.headers["x-request-id"])
    declared = OPERATIONS[key]["x-audit"]
    told = f"{' '.join(key)} answered {answer.status_code} and recorded {[event['action'] for event in events]}"
    assert any(event["action"] in declared for event in events), told
    return events


def _name(key: tuple[str, str]) -> str:
    return " ".join(key)


def test_every_operation_is_called_here_or_exempt_with_a_reason() -> None:
    silent = {key for key, operation in OPERATIONS.items() if not operation["x-audit"]}
    assert silent == set(UNRECORDED), "an operation declares no audit action"
    assert all(UNRECORDED.values())
    assert set(RECORDED) <= set(CALLS), f"no call of {sorted(set(RECORDED) - set(CALLS))} is written here"


@pytest.mark.parametrize("key", RECORDED, ids=_name)
def test_a_success_is_recorded(world: World, key: tuple[str, str]) -> None:
    done, _ = CALLS[key]
    answer = done(world)
    assert answer.is_success, f"{_name(key)}: {answer.text}"
    events = kept(world, answer, key)
    assert any(event["success"] for event in events)
    assert all(event["flags"] for event in events)


@pytest.mark.parametrize("key", RECORDED, ids=_name)
def test_a_refusal_is_recorded(world: World, key: tuple[str, str]) -> None:
    _, refused = CALLS[key]
    answer = refused(world)
    assert 400 <= answer.status_code < 500, answer.text
    assert any(not event["success"] for event in kept(world, answer, key))


@pytest.mark.parametrize("key", WITH_BODY, ids=_name)
def test_a_body_that_is_never_read_is_recorded_too(world: World, key: tuple[str, str]) -> None:
    method, path = key
    place = path.removeprefix("/v1").replace("{type}", "Observation").replace("{id}", ABSENT)
    client = world.of("auditor" if "audit" in path else "clinician") if OPERATIONS[key]["security"] else None
    client = client or world.stack.anyone()
    answer = client.request(method, place, content=b"<xml/>", headers={"Content-Type": "text/xml"})
    assert answer.status_code == 415
    (event,) = kept(world, answer, key)
    assert (event["error"], event["success"]) == ("unsupported-media-type", False)
    assert bool(event["user_id"]) == bool(OPERATIONS[key]["security"])


def test_reads_with_two_user_agents_are_recorded_too(world: World) -> None:
    agents = [("User-Agent", "one"), ("User-Agent", "another")]
    answer = httpx.get(f"{world.stack.base_url}/v1/me", headers=agents, auth=world.stack.bearer("clinician"))
    assert answer.status_code == 400
    (event,) = kept(world, answer, ("GET", "/v1/me"))
    assert (event["action"], event["error"]) == ("me.read", "invalid")


def test_decisions_on_phi_name_their_classes(world: World) -> None:
    granted = kept(world, world.of("clinician").get(f"/fhir/Patient/{world.patient}"), ("GET", "/v1/fhir/{type}/{id}"))
    denied = kept(world, world.of(STRANGER).get(f"/fhir/Patient/{world.patient}"), ("GET", "/v1/fhir/{type}/{id}"))
    (permit,), (deny,) = granted, denied
    assert "decision:permit" in permit["flags"]
    assert {"identifying", "contact"} <= set(permit["classes"])
    assert ("decision:deny" in deny["flags"], deny["classes"], deny["risk"]) == (True, [], "HIGH")


def test_tokens_are_recorded_by_type_and_life_and_never_themselves(world: World) -> None:
    answer = world.challenge()
    (issued,) = [
        one for one in kept(world, answer, ("POST", "/v1/auth/challenge")) if one["action"] == Action.TOKEN_ISSUE
    ]
    assert {"token:access:900s", "token:id:900s"} <= set(issued["flags"])
    assert any(flag.startswith("token:refresh:43") for flag in issued["flags"])  # twelve hours, less a moment
    line = json.dumps(issued)
    assert not [token for name, token in answer.json().items() if name.endswith("_token") and token in line]


def test_a_new_patients_key_is_recorded_with_the_request_that_made_it(world: World) -> None:
    answer = send(world.of("clinician"), "POST", "/fhir/Patient", patient())
    id = ok(answer, 201)["id"]
    made, created = kept(world, answer, ("POST", "/v1/fhir/{type}"))
    assert (made["action"], made["resource_id"], made["patient"]) == ("key.create", f"Patient:{id}", id)
    assert created["action"] == "fhir.create"


def test_the_document_says_what_the_code_does() -> None:
    assert TARGET.read_text("utf-8") == document(), "run: make openapi"
