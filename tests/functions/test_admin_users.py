"""User administration over HTTP: from the invitation to the end of all access."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.accounts import Account, eventually
from tests.support.answers import ok, refused
from tests.support.calls_two_people import Keepers

if TYPE_CHECKING:
    import httpx

    from tests.support.locked_log import LockedLog
    from tests.support.stack import RunningStack

COMMAND = Path(sys.executable).with_name("phivault")


@pytest.fixture(scope="module")
def log(stack: RunningStack) -> LockedLog:
    from tests.support.locked_log import LockedLog

    return LockedLog(stack)


@pytest.fixture(scope="module")
def keepers(stack: RunningStack) -> Keepers:
    return Keepers(stack, stack.tenants[0])


@pytest.fixture
def admin(keepers: Keepers) -> httpx.Client:
    """Signed in less than five minutes ago, as changes need it."""
    return keepers.api("tenant_admin")


@pytest.fixture
def officer(keepers: Keepers) -> httpx.Client:
    return keepers.api("security_officer")


@pytest.fixture
def somebody(stack: RunningStack) -> Account:
    return Account(stack, "clinician", stack.tenants[0])


def id_of(client: httpx.Client) -> str:
    return str(ok(client.get("/me"))["user_id"])


def every_user(admin: httpx.Client, **parameters: str) -> list[dict[str, Any]]:
    """All pages; other tests may have made more users than one page shows."""
    page = ok(admin.get("/admin/users", params=parameters))
    found = page["users"]
    while page["cursor"]:
        page = ok(admin.get("/admin/users", params=parameters | {"cursor": page["cursor"]}))
        found = [*found, *page["users"]]
    return found


def test_every_seeded_user_is_listed_in_their_tenant(stack: RunningStack, admin: httpx.Client) -> None:
    found = every_user(admin, limit="3")
    ids = [one["user_id"] for one in found]
    assert ids == sorted(set(ids))
    assert set(stack.facts["tenants"][stack.tenants[0]]["users"]) <= {one["role"] for one in found}
    assert all(one["email"][1] == "…" for one in found)
    other = id_of(stack.api("clinician", stack.tenants[1]))
    assert other not in ids
    later = [one["user_id"] for one in every_user(admin, cursor=other)]
    assert later == [id for id in ids if id > other]


def test_one_is_shown_and_all_are_exported(stack: RunningStack, admin: httpx.Client, somebody: Account) -> None:
    id = id_of(somebody.api())
    shown = ok(admin.get(f"/admin/users/{id}"))
    assert (shown["email"], shown["role"], shown["status"]) == (somebody.email, "clinician", "active")
    answer = admin.get("/admin/users/export")
    assert (answer.status_code, answer.headers["content-type"]) == (200, "application/x-ndjson")
    *users, end = [json.loads(line) for line in answer.text.splitlines()]
    assert end == {"count": len(users), "cursor": None}
    assert somebody.email in {one["email"] for one in users}
    refused(stack.api("auditor").get("/admin/users/export"), 403)


def test_a_changed_role_holds_for_the_next_request_and_the_next_sign_in(
    admin: httpx.Client, officer: httpx.Client, somebody: Account, log: LockedLog
) -> None:
    tokens = somebody.tokens()
    client = somebody.api(tokens)
    id = id_of(client)
    asked = ok(admin.put(f"/admin/users/{id}/role", json={"role": "auditor"}), 202)
    assert (asked["state"], asked["role"], asked["proposed_by"]) == ("waiting", "auditor", id_of(admin))
    assert ok(officer.get(f"/admin/users/{id}"))["role_change"] == asked
    assert ok(client.get("/me"))["role"] == "clinician"
    refused(admin.post(f"/admin/users/{id}/role/approve"), 403)
    changed = officer.post(f"/admin/users/{id}/role/approve")
    assert ok(changed) == {"user_id": id, "sessions_ended": 1}
    refused(officer.post(f"/admin/users/{id}/role/approve"), 404)
    refused(client.get("/me"), 401)
    refused(client.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]}), 401)
    again = somebody.api()
    assert ok(again.get("/me"))["role"] == "auditor"
    ok(again.get("/audit/events"))
    (event,) = log.events(action="admin.user-approve", request_id=changed.headers["x-request-id"])
    assert {"role:from:clinician", "role:to:auditor"} <= set(event["flags"])


def test_a_suspended_user_waits_for_the_end_of_it(admin: httpx.Client, somebody: Account) -> None:
    tokens = somebody.tokens()
    client = somebody.api(tokens)
    id = id_of(client)
    assert ok(admin.post(f"/admin/users/{id}/suspend"))["sessions_ended"] == 1
    refused(client.get("/me"), 401)
    refused(client.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]}), 401)
    assert somebody.ask().status_code in (401, 403)
    assert ok(admin.get(f"/admin/users/{id}"))["status"] == "suspended"
    assert admin.post(f"/admin/users/{id}/resume").status_code == 204
    assert ok(somebody.api().get("/me"))["user_id"] == id


def test_two_people_and_the_user_decide_about_a_reset(
    stack: RunningStack, admin: httpx.Client, officer: httpx.Client, somebody: Account
) -> None:
    client = somebody.api()
    id = id_of(client)
    asked = admin.post(f"/admin/users/{id}/mfa-reset")
    assert (asked.status_code, asked.json()["state"]) == (202, "requested")
    refused(admin.post(f"/admin/users/{id}/mfa-reset/approve"), 403)
    approved = ok(officer.post(f"/admin/users/{id}/mfa-reset/approve"))
    assert approved["state"] == "approved"
    assert approved["effective"] - approved["requested"] >= 24 * 3600
    assert ok(admin.get(f"/admin/users/{id}"))["mfa_reset"] == approved
    told = stack.anyone().get(stack.facts["outbox_url"], params={"to": somebody.email}).json()
    assert len(told) >= 2
    assert client.delete("/me/mfa/reset").status_code == 204
    refused(client.delete("/me/mfa/reset"), 404)
    refused(officer.delete(f"/admin/users/{id}/mfa-reset"), 404)


def test_an_invitation_arrives_once_another_person_approves_and_is_withdrawn(
    stack: RunningStack, admin: httpx.Client, officer: httpx.Client
) -> None:
    email = "invited-here@people.test"
    asked = ok(admin.post("/admin/users", json={"email": email, "role": "researcher"}), 202)
    assert (asked["state"], asked["role"], asked["patient_id"]) == ("waiting", "researcher", None)
    (shown,) = [one for one in ok(officer.get("/admin/invitations"))["invitations"] if one["id"] == asked["id"]]
    assert shown == asked | {"email": "i…@people.test"}
    refused(admin.post(f"/admin/invitations/{asked['id']}/approve"), 403)
    assert stack.anyone().get(stack.facts["outbox_url"], params={"to": email}).json() == []
    sent = ok(officer.post(f"/admin/invitations/{asked['id']}/approve"))
    assert (sent["state"], sent["role"], sent["patient_id"]) == ("sent", "researcher", None)
    told = eventually(lambda: stack.anyone().get(stack.facts["outbox_url"], params={"to": email}).json())
    token = told[-1]["code"]
    assert token not in json.dumps(sent)
    assert admin.delete(f"/admin/invitations/{sent['id']}").status_code == 204
    refused(admin.delete(f"/admin/invitations/{sent['id']}"), 404)
    used = stack.anyone().post("/auth/sign-up", json={"invitation": token, "phone_number": "+13035550100"})
    assert 400 <= used.status_code < 500


def test_an_operator_invites_from_the_command_line(stack: RunningStack, log: LockedLog) -> None:
    def run(*arguments: str) -> subprocess.CompletedProcess[str]:
        environment = os.environ | {"PHIVAULT_LOCAL": str(stack.folder)}
        command = [COMMAND, "users", "invite", *arguments]
        return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60)

    email = "first-of-all@people.test"
    typed = run(email, "--tenant", "tenant-nobody")
    assert (typed.returncode, "has no users" in typed.stderr) == (1, True)
    done = run(email, "--tenant", "tenant-nobody", "--new")
    assert done.returncode == 0, done.stderr
    told = stack.anyone().get(stack.facts["outbox_url"], params={"to": email}).json()
    assert len(told) == 1
    assert told[0]["code"] not in done.stdout
    events = sorted(log.events(action="admin.user-invite", tenant="tenant-nobody"), key=lambda one: one["timestamp"])
    assert [(one["success"], one["role"]) for one in events] == [(False, "operator"), (True, "operator")]
    assert events[1]["user_id"] == stack.facts["aws_access_key_id"]
    bad = run("not-an-address", "--tenant", "tenant-nobody", "--new")
    assert (bad.returncode, "not-an-address" in bad.stderr) == (2, False)
