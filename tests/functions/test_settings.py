"""A tenant's settings over HTTP, and what they do: limits of sessions and networks hold from the next request on."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.support.accounts import Account
from tests.support.answers import ok, refused

if TYPE_CHECKING:
    from tests.support.locked_log import LockedLog
    from tests.support.stack import RunningStack

SETTINGS, NETWORKS = "/admin/settings", "/admin/ip-allow-list"
DEFAULTS = {
    "idle_minutes": 30,
    "absolute_minutes": 720,
    "self_sign_up": False,
    "registration": "",
    "cooling_hours": 24,
    "purposes": {},
    "version": 0,
}
ELSEWHERE = "127.0.0.2"  # the whole of 127/8 is this machine


@pytest.fixture
def tenant() -> str:
    return f"tenant-{secrets.token_hex(4)}"


@pytest.fixture
def admin(stack: RunningStack, tenant: str) -> Account:
    return Account(stack, "tenant_admin", tenant)


@pytest.fixture(scope="module")
def log(stack: RunningStack) -> LockedLog:
    from tests.support.locked_log import LockedLog

    return LockedLog(stack)


def _changed(**changed: Any) -> dict[str, Any]:
    return {name: value for name, value in (DEFAULTS | changed).items() if name != "registration"}


def _from_elsewhere(stack: RunningStack, tokens: dict[str, Any] | None = None, **headers: str) -> httpx.Client:
    if tokens:
        headers["Authorization"] = f"Bearer {tokens['access_token']}"
    return httpx.Client(
        base_url=f"{stack.base_url}/v1",
        timeout=30,
        headers=headers,
        transport=httpx.HTTPTransport(local_address=ELSEWHERE),
    )


def test_settings_are_read_and_changed(admin: Account, log: LockedLog) -> None:
    api = admin.api()
    assert ok(api.get(SETTINGS)) == DEFAULTS
    wanted = _changed(idle_minutes=10, absolute_minutes=60, cooling_hours=48)
    answer = api.put(SETTINGS, json=wanted)
    assert ok(answer) == DEFAULTS | wanted | {"version": 1}
    (event,) = log.events(request_id=answer.headers["x-request-id"])
    assert (event["action"], event["resource"], event["version"]) == ("admin.settings-change", "Settings", 1)
    assert {"idle:600s", "absolute:3600s", "cooling:172800s", "decision:permit"} <= set(event["flags"])
    assert ok(api.get(SETTINGS))["idle_minutes"] == 10
    me = ok(api.get("/me"))
    assert me["expires"] <= time.time() + 3600
    refused(api.put(SETTINGS, json=wanted), 409)
    assert ok(Account(admin.stack, "tenant_admin", admin.tenant + "x").api().get(SETTINGS)) == DEFAULTS


def test_a_registration_is_made_and_rotated_never_chosen(admin: Account) -> None:
    api = admin.api()
    first = ok(api.put(SETTINGS, json=_changed(self_sign_up=True)))["registration"]
    assert len(first) >= 22
    refused(api.put(SETTINGS, json=_changed(self_sign_up=True, version=1) | {"registration": "Zebra"}), 400)
    rotated = ok(api.put(SETTINGS, json=_changed(self_sign_up=True, version=1) | {"rotate_registration": True}))
    assert rotated["registration"] not in ("", first)


@pytest.mark.parametrize(
    "changed",
    [{"idle_minutes": 1}, {"idle_minutes": "Zebra"}, {"absolute_minutes": 10**6}, {"cooling_hours": 0}, {"Zebra": 1}],
)
def test_what_no_settings_are(admin: Account, changed: dict[str, Any]) -> None:
    refused(admin.api().put(SETTINGS, json=_changed(**changed)), 400)


def test_an_absolute_limit_below_the_idle_one(admin: Account) -> None:
    refused(admin.api().put(SETTINGS, json=_changed(idle_minutes=60, absolute_minutes=30)), 422)


def test_who_may_not(stack: RunningStack, log: LockedLog) -> None:
    for role in ("clinician", "auditor", "security_officer"):
        for path in (SETTINGS, NETWORKS):
            answer = stack.api(role).get(path)
            refused(answer, 403)
            (event,) = log.events(request_id=answer.headers["x-request-id"])
            assert (event["action"], event["risk"]) == ("admin.settings-read", "HIGH")


def test_networks_hold_from_the_next_request_on(stack: RunningStack, admin: Account, log: LockedLog) -> None:
    user, api = Account(stack, "clinician", admin.tenant), admin.api()
    tokens = user.tokens()
    elsewhere = _from_elsewhere(stack, tokens)
    ok(elsewhere.get("/me"))
    assert ok(api.get(NETWORKS)) == {"networks": {}, "version": 0}
    here = {"*": ["127.0.0.1/32", "::1/128"]}
    assert ok(api.put(NETWORKS, json={"networks": here, "version": 0})) == {"networks": here, "version": 1}

    ok(user.api(tokens).get("/me"))
    answer = elsewhere.get("/me")
    refused(answer, 403)
    (event,) = log.events(request_id=answer.headers["x-request-id"])
    assert (event["action"], event["error"], event["risk"]) == ("auth.session-refused", "source-refused", "HIGH")
    assert event["tenant"] == admin.tenant
    fhir = elsewhere.get("/fhir/Patient")
    assert (fhir.status_code, fhir.headers["content-type"]) == (403, "application/fhir+json")

    answer = elsewhere.post("/auth/refresh", json={"refresh_token": tokens["refresh_token"]})
    refused(answer, 403)
    (event,) = log.events(request_id=answer.headers["x-request-id"])
    assert (event["action"], event["risk"]) == ("auth.token-refresh", "HIGH")
    ok(user.post("/auth/refresh", {"refresh_token": tokens["refresh_token"]}))


def test_tokens_are_not_issued_elsewhere(stack: RunningStack, admin: Account, log: LockedLog) -> None:
    user = Account(stack, "clinician", admin.tenant)
    ok(admin.api().put(NETWORKS, json={"networks": {"clinician": ["127.0.0.1/32"]}, "version": 0}))
    elsewhere = _from_elsewhere(stack)
    asked = ok(elsewhere.post("/auth/sign-in", json={"email": user.email, "password": user.password}))
    given = {"challenge": asked["challenge"], "session": asked["session"], "email": user.email}
    answer = elsewhere.post("/auth/challenge", json=given | {"code": user.text_message()})
    refused(answer, 403)
    assert "token" not in answer.text
    (event,) = log.events(request_id=answer.headers["x-request-id"])
    assert (event["action"], event["error"], event["risk"]) == ("auth.challenge", "source-refused", "HIGH")
    ok(user.api().get("/me"))


@pytest.mark.parametrize("header", ["X-Forwarded-For", "X-Real-IP", "Forwarded", "True-Client-IP", "CF-Connecting-IP"])
def test_a_header_moves_nobody_inside(stack: RunningStack, admin: Account, header: str) -> None:
    tokens = Account(stack, "clinician", admin.tenant).tokens()
    ok(admin.api().put(NETWORKS, json={"networks": {"clinician": ["192.0.2.0/24"]}, "version": 0}))
    forged = "for=192.0.2.1" if header == "Forwarded" else "192.0.2.1"
    for client in (stack.anyone(Authorization=f"Bearer {tokens['access_token']}"), _from_elsewhere(stack, tokens)):
        client.headers[header] = forged
        refused(client.get("/me"), 403)


def test_nobody_shuts_themselves_out(admin: Account) -> None:
    api = admin.api()
    for networks in ({"*": ["192.0.2.0/24"]}, {"tenant_admin": ["192.0.2.0/24"]}, {"*": ["::/0"]}):
        refused(api.put(NETWORKS, json={"networks": networks, "version": 0}), 422)
        forged = api.put(
            NETWORKS, json={"networks": networks, "version": 0}, headers={"X-Forwarded-For": "192.0.2.1, 192.0.2.2"}
        )
        refused(forged, 422)
    assert ok(api.get(NETWORKS)) == {"networks": {}, "version": 0}


@pytest.mark.parametrize(
    "networks",
    [{"*": []}, {"*": ["Zebra"]}, {"Zebra": ["0.0.0.0/0"]}, {"*": ["127.0.0.1/8"]}, {"*": "0.0.0.0/0"}, ["0.0.0.0/0"]],
)
def test_what_no_networks_are(admin: Account, networks: Any) -> None:
    refused(admin.api().put(NETWORKS, json={"networks": networks, "version": 0}), 400)
