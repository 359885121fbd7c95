"""Attacks on user administration, over HTTP: more rights, other tenants, a tenant without administrators, access that
outlives its end."""

from __future__ import annotations

import base64
import json
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.accounts import Account
from tests.support.answers import ok, refused

if TYPE_CHECKING:
    import httpx

    from tests.support.locked_log import LockedLog
    from tests.support.stack import RunningStack

SESSIONS = 20


@pytest.fixture(scope="module")
def log(stack: RunningStack) -> LockedLog:
    from tests.support.locked_log import LockedLog

    return LockedLog(stack)


@pytest.fixture
def admin(stack: RunningStack) -> httpx.Client:
    return Account(stack, "tenant_admin", stack.tenants[0]).api()


def id_of(client: httpx.Client) -> str:
    return str(ok(client.get("/me"))["user_id"])


def the_event(log: LockedLog, answer: httpx.Response) -> dict[str, Any]:
    (event,) = log.events(request_id=answer.headers["x-request-id"])
    return event


def test_nobody_makes_themself_an_administrator(stack: RunningStack, log: LockedLog) -> None:
    account = Account(stack, "clinician", stack.tenants[0])
    client = account.api()
    id = id_of(client)
    for answer in (
        client.put(f"/admin/users/{id}/role", json={"role": "tenant_admin"}),
        client.post("/admin/users", json={"email": account.email, "role": "tenant_admin"}),
        client.post(f"/admin/users/{id}/mfa-reset"),
    ):
        refused(answer, 403)
        event = the_event(log, answer)
        assert (event["success"], event["error"], event["risk"]) == (False, "denied", "HIGH")
    assert ok(client.get("/me"))["role"] == "clinician"


def test_an_administrator_cannot_change_their_own_account(admin: httpx.Client, log: LockedLog) -> None:
    id = id_of(admin)
    for answer in (
        admin.put(f"/admin/users/{id}/role", json={"role": "privacy_officer"}),
        admin.post(f"/admin/users/{id}/suspend"),
        admin.post(f"/admin/users/{id}/resume"),
        admin.delete(f"/admin/users/{id}"),
        admin.post(f"/admin/users/{id}/mfa-reset"),
    ):
        refused(answer, 403)
        assert the_event(log, answer)["risk"] == "HIGH"
    assert ok(admin.get(f"/admin/users/{id}"))["status"] == "active"


def test_another_tenants_users_are_as_unknown_as_nobody(stack: RunningStack, admin: httpx.Client) -> None:
    elsewhere = stack.tenants[1]
    stranger = Account(stack, "clinician", elsewhere)
    client = stranger.api()
    id = id_of(client)
    for path in (id, "0b0f8f1e-1111-4111-8111-0123456789ab", f"T%23{elsewhere}%23USERS", f"{id}%23"):
        answers = [
            admin.get(f"/admin/users/{path}"),
            admin.put(f"/admin/users/{path}/role", json={"role": "auditor"}),
            admin.post(f"/admin/users/{path}/role/approve"),
            admin.delete(f"/admin/users/{path}/role"),
            admin.post(f"/admin/users/{path}/suspend"),
            admin.post(f"/admin/users/{path}/resume"),
            admin.delete(f"/admin/users/{path}"),
            admin.post(f"/admin/users/{path}/mfa-reset"),
            admin.post(f"/admin/users/{path}/mfa-reset/approve"),
            admin.delete(f"/admin/users/{path}/mfa-reset"),
        ]
        assert {answer.status_code for answer in answers} <= {404, 400}, [answer.text for answer in answers]
    assert ok(client.get("/me"))["role"] == "clinician"


def test_a_cursor_leads_into_no_other_tenant(stack: RunningStack, admin: httpx.Client) -> None:
    elsewhere = stack.tenants[1]
    theirs = id_of(stack.api("clinician", elsewhere))
    own, page = set(), ok(admin.get("/admin/users", params={"limit": "50"}))
    while True:
        own |= {one["user_id"] for one in page["users"]}
        if not page["cursor"]:
            break
        page = ok(admin.get("/admin/users", params={"limit": "50", "cursor": page["cursor"]}))
    forged = [theirs, "0", "zzzz", base64.b64encode(json.dumps({"pk": f"T#{elsewhere}#USERS"}).encode()).decode()]
    for cursor in [*forged, f"T#{elsewhere}#USERS", "\x00", "x" * 5000]:
        answer = admin.get("/admin/users", params={"cursor": cursor})
        if answer.status_code != 400:
            assert theirs not in answer.text
            assert {one["user_id"] for one in ok(answer)["users"]} <= own
    refused(admin.get("/admin/users", params={"tenant": elsewhere}), 400)


def test_one_person_resets_nobodys_factors(stack: RunningStack, admin: httpx.Client, log: LockedLog) -> None:
    victim = Account(stack, "clinician", stack.tenants[0])
    id = id_of(victim.api())
    assert admin.post(f"/admin/users/{id}/mfa-reset").status_code == 202
    answer = admin.post(f"/admin/users/{id}/mfa-reset/approve")
    refused(answer, 403)
    assert the_event(log, answer)["risk"] == "HIGH"
    own = victim.api()
    refused(own.post(f"/admin/users/{id}/mfa-reset/approve"), 403)
    assert ok(admin.get(f"/admin/users/{id}"))["mfa_reset"]["state"] == "requested"
    assert admin.delete(f"/admin/users/{id}/mfa-reset").status_code == 204


def test_administrators_who_remove_each_other_at_once_leave_one(stack: RunningStack) -> None:
    tenant = f"tenant-of-{id_of(stack.api('clinician'))[:8]}"
    clients = [Account(stack, "tenant_admin", tenant).api() for _ in range(3)]
    ids = [id_of(client) for client in clients]

    def remove(number: int) -> int:
        by, victim = clients[number], ids[(number + 1) % len(ids)]
        return by.delete(f"/admin/users/{victim}").status_code

    with ThreadPoolExecutor(len(ids)) as threads:
        answers = list(threads.map(remove, range(len(ids))))
    survivors = [client for client in clients if client.get("/me").status_code == 200]
    # Whoever asked first may be gone before their own request was answered; the tenant never is without one.
    assert survivors, answers
    assert set(answers) <= {200, 401, 409}
    last = survivors[0]
    while len(survivors) > 1:
        assert last.delete(f"/admin/users/{id_of(survivors[-1])}").status_code == 200
        survivors.pop()
    active = [one for one in ok(last.get("/admin/users"))["users"] if one["status"] == "active"]
    assert [one["user_id"] for one in active] == [id_of(last)]


def test_an_offboarding_ends_every_one_of_many_sessions(
    stack: RunningStack, admin: httpx.Client, log: LockedLog
) -> None:
    account = Account(stack, "clinician", stack.tenants[0])
    held = [account.tokens() for _ in range(SESSIONS)]
    clients = [account.api(tokens) for tokens in held]
    id = id_of(clients[0])
    assert all(client.get("/me").status_code == 200 for client in clients)
    begun = ok(account.ask())  # a sign-in that waits for its code
    answer = admin.delete(f"/admin/users/{id}")
    done = ok(answer)
    assert done["sessions_ended"] == SESSIONS
    assert 0 <= done["ended_ms"] - done["ending_ms"] < 10_000
    assert {client.get("/me").status_code for client in clients} == {401}
    for tokens in held:
        refused(stack.anyone().post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]}), 401)
    late = account.answer(begun, account.text_message())
    assert late.status_code in (401, 403)
    assert account.ask().status_code in (401, 403)
    refused(admin.post(f"/admin/users/{id}/resume"), 409)
    events = log.events(action="admin.user-offboard", request_id=answer.headers["x-request-id"])
    ending, ended = sorted(events, key=lambda one: str(one["timestamp"]))
    assert "access:ending" in ending["flags"]
    assert {"access:ended", f"sessions:ended:{SESSIONS}"} <= set(ended["flags"])


def test_a_demoted_administrators_token_and_sign_in_under_way_are_worth_nothing(
    stack: RunningStack, admin: httpx.Client
) -> None:
    other = Account(stack, "tenant_admin", stack.tenants[0])
    tokens, client = other.tokens(), other.api()
    id = id_of(client)
    begun = ok(other.ask())
    ok(admin.put(f"/admin/users/{id}/role", json={"role": "clinician"}), 202)
    ok(Account(stack, "security_officer", stack.tenants[0]).api().post(f"/admin/users/{id}/role/approve"))
    refused(client.get("/admin/users"), 401)
    refused(other.api(tokens).get("/admin/users"), 401)
    refused(stack.anyone().post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]}), 401)
    refused(other.answer(begun, other.text_message()), 401)  # it began before all that they had was ended
    refused(other.api().get("/admin/users"), 403)
