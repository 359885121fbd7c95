"""Exports through the API: who may order them, what is recorded, whose they are, and that the files are the export."""

from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
import time
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import boto3
import httpx
import pytest

from phivault.audit.export.manifest import parse
from phivault.audit.export.segments import MAX_LINES, is_withheld, unpack
from tests.support.answers import ok, one, refused
from tests.support.calls_two_people import Keepers

if TYPE_CHECKING:
    from tests.support.stack import RunningStack

    type Look = Callable[..., list[dict[str, Any]]]

EXPORTS = "/audit/exports"


def fresh(stack: RunningStack, role: str, tenant: str | None = None) -> httpx.Client:
    """A client that signed in just now."""
    return stack.anyone(Authorization=f"Bearer {stack.sign_in(role, tenant)['access_token']}")


def done(client: httpx.Client, path: str) -> dict[str, Any]:
    until = time.monotonic() + 60
    while (found := ok(client.get(path)))["status"] in ("queued", "running"):
        assert time.monotonic() < until, found
        time.sleep(0.2)
    assert found["status"] == "done", found
    return dict(found)


def ordered(client: httpx.Client, **body: Any) -> tuple[httpx.Response, str]:
    """The answer, and the path of the new export."""
    answer = client.post(EXPORTS, json=body)
    document = ok(answer, 202)
    assert document["status"] == "queued"
    assert answer.headers["location"] == f"{str(client.base_url).rstrip('/')}{EXPORTS}/{document['id']}"
    return answer, f"{EXPORTS}/{document['id']}"


@pytest.fixture(scope="module")
def keepers(stack: RunningStack) -> Keepers:
    return Keepers(stack, stack.tenants[0])


@pytest.fixture
def officer(keepers: Keepers) -> httpx.Client:
    """Signed in less than five minutes ago, as orders need it."""
    return keepers.api("privacy_officer")


@pytest.fixture(scope="module")
def export(keepers: Keepers) -> tuple[httpx.Response, str, dict[str, Any]]:
    """The order's answer, the export's path, and what is said of it when it is done."""
    officer = keepers.api("privacy_officer")
    answer, path = ordered(officer, open=True)
    return answer, path, done(officer, path)


def test_the_files_are_a_whole_export_of_ones_tenant(
    stack: RunningStack, officer: httpx.Client, export: tuple[httpx.Response, str, dict[str, Any]]
) -> None:
    _, path, found = export
    files = {file["path"]: httpx.get(file["url"]).raise_for_status().content for file in found["files"]}
    assert found["cursor"] is None
    manifest = parse(files["manifest.json"])
    assert path.endswith(manifest.id)
    assert manifest.tenant == stack.tenants[0]
    assert manifest.size == found["size"]
    assert files.keys() == manifest.files.keys() | {"manifest.json", "manifest.sig"}
    for name, listed in manifest.files.items():
        assert hashlib.sha256(files[name]).hexdigest() == listed.sha256
    lines = unpack(files[manifest.segments[0].lines], MAX_LINES)
    tenants = {json.loads(line).get("tenant") for line in lines if not is_withheld(line)}
    assert tenants == {stack.tenants[0], None}  # a genesis is nobody's
    assert any(map(is_withheld, lines))
    assert ok(officer.get(path, params={"cursor": len(files)}))["files"] == []


def test_the_order_the_opening_and_the_end_are_recorded(
    export: tuple[httpx.Response, str, dict[str, Any]], officer: httpx.Client, events_of: Look
) -> None:
    answer, path, _ = export
    events = events_of(answer)
    # Two of a millisecond have no order.
    assert sorted(event["action"] for event in events) == ["audit.export", "audit.export", "audit.open", "audit.open"]
    assert {event["resource_id"] for event in events} == {path.rpartition("/")[2]}
    assert {(event["role"], event["success"]) for event in events} == {("privacy_officer", True)}
    assert {event["risk"] for event in events} == {"HIGH", "CRITICAL"}
    assert len({event["user_id"] for event in events}) == 1
    released = events_of(officer.get(path))
    assert sorted(event["action"] for event in released) == ["audit.export", "audit.open"]


def test_opened_fields_are_handed_to_those_who_may_open(
    stack: RunningStack, export: tuple[httpx.Response, str, dict[str, Any]]
) -> None:
    _, path, found = export
    import zstandard

    body = httpx.get(found["personal_url"]).raise_for_status().content
    text = zstandard.ZstdDecompressor().stream_reader(body, read_across_frames=True).read().decode()
    opened = [json.loads(line) for line in text.splitlines()]
    assert stack.user("clinician")["email"] in {line.get("user_email") for line in opened}
    assert stack.user("clinician", stack.tenants[1])["email"] not in text
    assert "personal_url" not in ok(stack.api("auditor").get(path))


def test_who_may_not(stack: RunningStack, events_of: Look) -> None:
    for role in ("clinician", "care_coordinator", "researcher", "tenant_admin", "patient"):
        client = stack.api(role)
        answer = client.post(EXPORTS, json={})
        refused(answer, 403)
        one(events_of(answer), action="audit.export", error="denied", role=role)
        refused(client.get(EXPORTS), 403)
        refused(client.get(f"{EXPORTS}/{uuid.uuid4()}"), 403)


def test_an_auditor_may_export_and_not_open(stack: RunningStack) -> None:
    auditor = fresh(stack, "auditor")
    refused(auditor.post(EXPORTS, json={"open": True}), 403)
    _, path = ordered(auditor)
    found = done(auditor, path)
    assert "personal_url" not in found
    assert found["open"] is False


def test_another_tenants_export_is_absent(
    stack: RunningStack, export: tuple[httpx.Response, str, dict[str, Any]], officer: httpx.Client
) -> None:
    _, path, found = export
    other = stack.api("auditor", stack.tenants[1])
    assert refused(other.get(path), 404) == refused(other.get(f"{EXPORTS}/{uuid.uuid4()}"), 404)
    assert found["id"] not in {one["id"] for one in ok(other.get(EXPORTS))["exports"]}
    listed = {one["id"]: one["status"] for one in ok(officer.get(EXPORTS))["exports"]}
    assert listed[found["id"]] == "done"


def test_an_operator_gets_no_export_of_a_tenant_that_is_none(stack: RunningStack, tmp_path: Path) -> None:
    command = [Path(sys.executable).with_name("phivault"), "audit", "export", tmp_path / "out", "--tenant", "nosuch"]
    environment = os.environ | {"PHIVAULT_LOCAL": str(stack.folder)}
    for _ in range(2):  # the first is on record
        done = subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)
        assert (done.returncode, done.stdout) == (1, "")
        assert "no line of this tenant" in done.stderr.splitlines()[-1]
    assert not (tmp_path / "out").exists()


def test_a_job_made_up_by_who_may_invoke_the_exporter_is_refused(stack: RunningStack, officer: httpx.Client) -> None:
    id = str(uuid.uuid4())
    job = {"id": id, "tenant": stack.tenants[0], "open": True, "asker": {"user_id": "someone", "role": "auditor"}}
    payload = json.dumps({"job": job}).encode()
    functions = boto3.client(
        "lambda",
        endpoint_url=stack.facts["aws_endpoint_url_lambda"],
        region_name=stack.facts["region"],
        aws_access_key_id=stack.facts["aws_access_key_id"],
        aws_secret_access_key=stack.facts["aws_secret_access_key"],
    )
    answer = json.loads(functions.invoke(FunctionName="exporter", Payload=payload)["Payload"].read())
    assert answer["error"] == "denied"
    assert id not in {one["id"] for one in ok(officer.get(EXPORTS))["exports"]}


@pytest.mark.parametrize("id", ["Zebra", "..%2F..%2Fstatus", "0" * 36, "%00"])
def test_ids_that_are_none(auditor: httpx.Client, id: str) -> None:
    refused(auditor.get(f"{EXPORTS}/{id}"), 404)


@pytest.mark.parametrize(
    "body",
    [
        {"since": -1},
        {"since": "Zebra"},
        {"since": 1.5},
        {"since": 10**12},
        {"open": "Zebra"},
        {"open": 1},
        {"tenant": "Zebra"},
        {"Zebra": 1},
        [],
        "Zebra",
    ],
)
def test_orders_that_mean_nothing(officer: httpx.Client, body: Any) -> None:
    refused(officer.post(EXPORTS, json=body), 400)


@pytest.mark.parametrize("query", ["tenant=Zebra", "since=5", "open=true"])
def test_an_order_takes_no_parameters(officer: httpx.Client, query: str) -> None:
    before = len(ok(officer.get(EXPORTS))["exports"])
    refused(officer.post(f"{EXPORTS}?{query}", json={}), 400)
    assert len(ok(officer.get(EXPORTS))["exports"]) == before


@pytest.mark.parametrize("query", ["cursor=Zebra", "cursor=-1", "cursor=%D9%A3", "limit=5", "cursor=1&cursor=2"])
def test_parameters_that_mean_nothing(
    officer: httpx.Client, export: tuple[httpx.Response, str, dict[str, Any]], query: str
) -> None:
    refused(officer.get(f"{export[1]}?{query}"), 400)
    refused(officer.get(f"{EXPORTS}?{query}"), 400)
