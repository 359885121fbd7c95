"""Sessions over HTTP: seen, ended by their owner and by administrators, and over at once."""

from __future__ import annotations

import secrets
import time
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.accounts import Account
from tests.support.answers import ok, refused
from tests.support.bounded import ends_by_itself

if TYPE_CHECKING:
    import httpx

    from tests.support.locked_log import LockedLog
    from tests.support.stack import RunningStack


@dataclass
class Practice:
    """A tenant of its own, with one user of each kind."""

    stack: RunningStack
    log: LockedLog
    tenant: str

    def account(self, role: str) -> Account:
        return Account(self.stack, role, self.tenant)

    def recorded(self, answer: httpx.Response) -> list[dict[str, Any]]:
        return self.log.events(request_id=answer.headers["x-request-id"])


@pytest.fixture(scope="module")
def practice(stack: RunningStack) -> Practice:
    from tests.support.locked_log import LockedLog

    return Practice(stack, LockedLog(stack), f"tenant-{secrets.token_hex(4)}")


def test_ones_own_sessions(practice: Practice) -> None:
    before = int(time.time())
    account = practice.account("clinician")
    phone, laptop = (account.api(**{"User-Agent": name}) for name in ("phone/1", "laptop/1"))
    answer = laptop.get("/me/sessions")
    sessions = ok(answer)["sessions"]
    assert len(sessions) == 2
    (current,) = [each for each in sessions if each["current"]]
    assert current["id"] == ok(laptop.get("/me"))["session"]
    for each in sessions:
        assert set(each) == {"id", "opened", "seen", "expires", "current", "ip_address", "user_agent"}
        assert before <= each["opened"] <= each["seen"] <= time.time()
        assert each["expires"] == each["opened"] + 12 * 3600
        assert each["ip_address"] == "127.0.0.1"
    (event,) = practice.recorded(answer)
    assert (event["action"], event["classes"], event["resource"]) == ("me.session-list", ["identifying"], "Session")

    other = next(each["id"] for each in sessions if not each["current"])
    ended = laptop.delete(f"/me/sessions/{other}")
    ok(ended, 204)
    (event,) = practice.recorded(ended)
    assert (event["action"], event["resource_id"], event["success"]) == ("me.session-end", other, True)
    refused(phone.get("/me"), 401)
    assert [each["id"] for each in ok(laptop.get("/me/sessions"))["sessions"]] == [current["id"]]
    refused(laptop.delete(f"/me/sessions/{other}"), 404)


def test_all_of_ones_own(practice: Practice) -> None:
    account = practice.account("clinician")
    clients = [account.api(tokens := account.tokens()) for _ in range(3)]
    ok(clients[0].delete("/me/sessions"), 204)
    for client in clients:
        refused(client.get("/me"), 401)
        refused(client.get("/me/sessions"), 401)
    refused(account.post("/auth/refresh", {"refresh_token": tokens["refresh_token"]}), 401)
    ok(account.api().get("/me"))


def test_somebody_elses_is_not_there(practice: Practice) -> None:
    mine = practice.account("clinician").api()
    theirs = practice.account("clinician").api()
    id = ok(theirs.get("/me"))["session"]
    answer = mine.delete(f"/me/sessions/{id}")
    refused(answer, 404)
    (event,) = practice.recorded(answer)
    assert (event["action"], event["success"], event["error"]) == ("me.session-end", False, "not-found")
    for text in ("Zebra", "%2e%2e", "a%2Fb", "x" * 3000):
        refused(mine.delete(f"/me/sessions/{text}"), 404)
    ok(theirs.get("/me"))


def test_an_administrator_ends_anothers(practice: Practice) -> None:
    them, admin = practice.account("clinician"), practice.account("tenant_admin").api()
    first, second = them.api(), them.api()
    me = ok(first.get("/me"))
    place = f"/admin/users/{me['user_id']}/sessions"
    sessions = ok(admin.get(place))["sessions"]
    assert len(sessions) == 2
    assert set(sessions[0]) == {"id", "opened", "seen", "expires", "current"}

    answer = admin.delete(f"{place}/{me['session']}")
    ok(answer, 204)
    assert {(event["action"], event["resource"]) for event in practice.recorded(answer)} == {
        ("admin.session-end", "User"),
        ("admin.session-end", "Session"),
    }
    refused(first.get("/me"), 401)
    ok(second.get("/me"))

    with ends_by_itself():
        ok(admin.delete(place), 204)
    refused(second.get("/me"), 401)
    assert ok(admin.get(place))["sessions"] == []
    ok(them.api().get("/me"))


def test_users_of_other_tenants_and_nobodys_are_unknown(practice: Practice, stack: RunningStack) -> None:
    admin = practice.account("tenant_admin").api()
    foreigner = ok(stack.api("clinician").get("/me"))
    for user in (foreigner["user_id"], "0b0f8f1e-1111-4111-8111-0123456789ab", "Zebra", "x" * 3000):
        for method, place in (("GET", ""), ("DELETE", ""), ("DELETE", f"/{foreigner['session']}")):
            refused(admin.request(method, f"/admin/users/{user}/sessions{place}"), 404)
    ok(stack.api("clinician").get("/me"))


def test_who_may_not(practice: Practice) -> None:
    them = ok(practice.account("clinician").api().get("/me"))
    for role in ("clinician", "auditor"):
        client = practice.account(role).api()
        for method in ("GET", "DELETE"):
            answer = client.request(method, f"/admin/users/{them['user_id']}/sessions")
            refused(answer, 403)
            (event,) = practice.recorded(answer)
            assert (event["success"], event["risk"]) == (False, "HIGH")
            assert "decision:deny" in event["flags"]
