"""No route goes unrecorded: every operation of the API document is called, and the log is asked what it kept.

Whoever adds an operation adds a call here that succeeds and one that is refused.
"""

from __future__ import annotations

import json
import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from local.audit_actions import TARGET, UNRECORDED, document
from phivault.audit.event import Action
from tests.support.accounts import Account, eventually
from tests.support.answers import ok
from tests.support.apps import add
from tests.support.fhir import make, observation, patient, send, transaction
from tests.support.sign_ups import Newcomer, registration_of

if TYPE_CHECKING:
    from tests.support.locked_log import LockedLog
    from tests.support.stack import RunningStack

SERVED = json.loads((Path(__file__).parents[2] / "functions" / "pages" / "openapi.json").read_text("utf-8"))
OPERATIONS = {(m.upper(), path): one for path, item in SERVED["paths"].items() for m, one in item.items()}
RECORDED = sorted(key for key, operation in OPERATIONS.items() if operation["x-audit"])
WITH_BODY = [key for key in RECORDED if "requestBody" in OPERATIONS[key]]
INVITED = {"email": "invited@people.test", "role": "clinician"}
RECENT = 200  # seconds: well within the five minutes
LIMITS = {"idle_minutes": 15, "absolute_minutes": 480, "self_sign_up": False, "cooling_hours": 24}
ABSENT = "0b0f8f1e-1111-4111-8111-0123456789ab"
NEW_PASSWORD = "Quiet-heron-4-lanterns"


@dataclass
class World:
    """Who calls, and what there is to call for."""

    stack: RunningStack
    log: LockedLog

    def of(self, role: str) -> httpx.Client:
        return self.stack.api(role)

    @cached_property
    def account(self) -> Account:
        return Account(self.stack, "clinician", self.stack.tenants[0])

    @cached_property
    def patient(self) -> str:
        return str(make(self.of("clinician"), patient())["id"])

    @property
    def weight(self) -> str:
        """A resource of its own for each call."""
        return f"/fhir/Observation/{make(self.of('clinician'), observation(self.patient))['id']}"

    @cached_property
    def event(self) -> str:
        """The id of an event that is sealed: one of the stack's first."""
        return str(self.log.events(tenant=self.stack.tenants[0])[0]["id"])

    @cached_property
    def export(self) -> str:
        return str(self.of("auditor").post("/audit/exports", json={}).json()["id"])

    @cached_property
    def _administrators(self) -> dict[str, tuple[httpx.Client, float]]:
        return {}

    def admin(self, role: str = "tenant_admin") -> httpx.Client:
        """Of the tenant, signed in less than five minutes ago."""
        client, since = self._administrators.get(role, (None, 0.0))
        if client is None or time.monotonic() - since > RECENT:
            client = Account(self.stack, role, self.stack.tenants[0]).api()
            self._administrators[role] = client, time.monotonic()
        return client

    @property
    def user(self) -> str:
        """The place of a user of their own for each call."""
        client = Account(self.stack, "clinician", self.stack.tenants[0]).api()
        return f"/admin/users/{ok(client.get('/me'))['user_id']}"

    @property
    def session(self) -> str:
        """The place of another session of a user of their own for each call."""
        account = Account(self.stack, "clinician", self.stack.tenants[0])
        me = ok(account.api().get("/me"))
        return f"/admin/users/{me['user_id']}/sessions/{me['session']}"

    def end_another(self) -> httpx.Response:
        client = self.account.api()
        return client.delete(f"/me/sessions/{ok(self.account.api().get('/me'))['session']}")

    def change(self, path: str, role: str = "tenant_admin", **changed: Any) -> httpx.Response:
        """In a tenant of its own: settings of the others' would hold for every test."""
        client = Account(self.stack, role, f"tenant-{secrets.token_hex(4)}").api()
        return client.put(path, json=changed | {"version": 0})

    @property
    def suspended(self) -> str:
        place = self.user
        ok(self.admin().post(f"{place}/suspend"))
        return place

    @property
    def waiting(self) -> str:
        """The place of a user whose reset was asked for."""
        place = self.user
        ok(self.admin().post(f"{place}/mfa-reset"), 202)
        return place

    @property
    def invitation(self) -> str:
        sent = self.admin().post("/admin/users", json=INVITED)
        return f"/admin/invitations/{ok(sent, 201)['id']}"

    def refuse_reset(self) -> httpx.Response:
        account = Account(self.stack, "clinician", self.stack.tenants[0])
        client = account.api()
        ok(self.admin().post(f"/admin/users/{ok(client.get('/me'))['user_id']}/mfa-reset"), 202)
        return client.delete("/me/mfa/reset")

    def challenge(self, code: str = "") -> httpx.Response:
        asked = ok(self.account.ask())
        return self.account.answer(asked, code or self.account.text_message())

    def enrol(self) -> httpx.Response:
        asked = ok(Account(self.stack, "clinician", self.stack.tenants[0], sms=False).ask())
        return self.stack.anyone().post("/auth/mfa/totp", json={"session": asked["session"]})

    def reset(self) -> httpx.Response:
        person = Account(self.stack, "clinician", self.stack.tenants[0])
        ok(person.post("/auth/password/forgot", {"email": person.email}), 202)
        (sent,) = self.stack.anyone().get(self.stack.facts["outbox_url"], params={"to": person.email}).json()
        new = {"code": sent["code"], "new_password": NEW_PASSWORD}
        return person.post("/auth/password/reset", {"email": person.email, **new})

    def refresh(self, token: str = "") -> httpx.Response:
        token = token or self.account.tokens()["refresh_token"]
        return self.stack.anyone().post("/auth/refresh", json={"refresh_token": token})

    @cached_property
    def registration(self) -> str:
        return registration_of(self.stack, self.stack.tenants[0])

    def newcomer(self) -> tuple[Newcomer, dict[str, Any]]:
        """Somebody who has been sent their first code."""
        somebody = Newcomer(self.stack)
        return somebody, ok(somebody.begin(self.registration), 202)

    def confirm_sign_up(self, **changed: str) -> httpx.Response:
        somebody, begun = self.newcomer()
        return somebody.confirm(begun, **changed)

    def resend_code(self, **changed: str) -> httpx.Response:
        somebody, begun = self.newcomer()
        return somebody.resend(begun | changed)

    def recovered(self) -> httpx.Response:
        account = Account(self.stack, "clinician", self.stack.tenants[0])
        codes = ok(account.api().post("/me/mfa/recovery-codes"))["recovery_codes"]
        given = {"email": account.email, "password": account.password, "recovery_code": codes[0]}
        return account.post("/auth/mfa/recover", given)

    def app_begun(self) -> httpx.Response:
        tokens = self.account.tokens()
        return self.account.api(tokens).post("/me/mfa/totp", json={"refresh_token": tokens["refresh_token"]})

    def app_added(self) -> httpx.Response:
        account = Account(self.stack, "clinician", self.stack.tenants[0])
        tokens = account.tokens()
        client = account.api(tokens)
        return client.put("/me/mfa/totp", json={"code": add(client, tokens).code()})

    def amended(self, client: httpx.Client) -> httpx.Response:
        place = self.weight
        body = observation(self.patient, status="amended") | {"id": place.rpartition("/")[2]}
        return send(client, "PUT", place, body)


type Call = Callable[[World], httpx.Response]
STRANGER = "patient"  # another patient than the one asked for
CALLS: dict[tuple[str, str], tuple[Call, Call]] = {
    ("POST", "/v1/auth/sign-in"): (lambda w: w.account.ask(), lambda w: w.account.ask("not" + w.account.password)),
    ("POST", "/v1/auth/challenge"): (lambda w: w.challenge(), lambda w: w.challenge("000000")),
    ("POST", "/v1/auth/mfa/totp"): (
        lambda w: w.enrol(),
        lambda w: w.stack.anyone().post("/auth/mfa/totp", json={"session": "of-nobody-at-all-0123456789"}),
    ),
    ("POST", "/v1/auth/mfa/recover"): (
        lambda w: w.recovered(),
        lambda w: w.stack.anyone().post("/auth/mfa/recover", json={"email": "a@people.test", "password": "none"}),
    ),
    ("GET", "/v1/me/mfa"): (
        lambda w: w.of("clinician").get("/me/mfa"),
        lambda w: w.of("clinician").get("/me/mfa", params={"unknown": "1"}),
    ),
    ("PUT", "/v1/me/mfa"): (
        lambda w: w.account.api().put("/me/mfa", json={"preferred": "SMS_MFA"}),
        lambda w: w.account.api().put("/me/mfa", json={"preferred": "SOFTWARE_TOKEN_MFA"}),
    ),
    ("POST", "/v1/me/mfa/totp"): (
        lambda w: w.app_begun(),
        lambda w: w.account.api().post("/me/mfa/totp", json={"refresh_token": "never-was-a-token-0123456789"}),
    ),
    ("PUT", "/v1/me/mfa/totp"): (
        lambda w: w.app_added(),
        lambda w: w.account.api().put("/me/mfa/totp", json={"code": "000000"}),
    ),
    ("POST", "/v1/me/mfa/recovery-codes"): (
        lambda w: w.account.api().post("/me/mfa/recovery-codes"),
        lambda w: w.account.api().post("/me/mfa/recovery-codes", params={"unknown": "1"}),
    ),
    ("POST", "/v1/auth/refresh"): (lambda w: w.refresh(), lambda w: w.refresh("never-was-a-token-0123456789")),
    ("POST", "/v1/auth/sign-out"): (
        lambda w: w.account.api().post("/auth/sign-out"),
        lambda w: w.account.api().post("/auth/sign-out", json={"unknown": 1}),
    ),
    ("POST", "/v1/auth/password/forgot"): (
        lambda w: w.account.post("/auth/password/forgot", {"email": w.account.email}),
        lambda w: w.account.post("/auth/password/forgot", {"email": "nobody"}),
    ),
    ("POST", "/v1/auth/password/reset"): (
        lambda w: w.reset(),
        lambda w: w.account.post(
            "/auth/password/reset", {"email": ABSENT + "@people.test", "code": "000000", "new_password": NEW_PASSWORD}
        ),
    ),
    ("POST", "/v1/auth/sign-up"): (
        lambda w: Newcomer(w.stack).begin(w.registration),
        lambda w: Newcomer(w.stack).begin("never-was-a-registration"),
    ),
    ("POST", "/v1/auth/confirm-sign-up"): (
        lambda w: w.confirm_sign_up(),
        lambda w: w.confirm_sign_up(session="never-was-a-session".ljust(43, "-")),
    ),
    ("POST", "/v1/auth/resend-code"): (
        lambda w: w.resend_code(),
        lambda w: w.resend_code(session="never-was-a-session".ljust(43, "-")),
    ),
    ("GET", "/v1/me"): (
        lambda w: w.of("clinician").get("/me"),
        lambda w: w.of("clinician").get("/me", params={"unknown": "1"}),
    ),
    ("POST", "/v1/fhir"): (
        lambda w: send(w.of("clinician"), "POST", "/fhir", transaction()),
        lambda w: send(w.of(STRANGER), "POST", "/fhir", transaction(("POST", "Observation", observation(w.patient)))),
    ),
    ("POST", "/v1/fhir/{type}"): (
        lambda w: send(w.of("clinician"), "POST", "/fhir/Observation", observation(w.patient)),
        lambda w: send(w.of(STRANGER), "POST", "/fhir/Observation", observation(w.patient)),
    ),
    ("GET", "/v1/fhir/{type}"): (
        lambda w: w.of("clinician").get("/fhir/Observation", params={"patient": w.patient}),
        lambda w: w.of("tenant_admin").get("/fhir/Observation", params={"patient": w.patient}),
    ),
    ("GET", "/v1/fhir/{type}/{id}"): (
        lambda w: w.of("clinician").get(f"/fhir/Patient/{w.patient}"),
        lambda w: w.of(STRANGER).get(f"/fhir/Patient/{w.patient}"),
    ),
    ("PUT", "/v1/fhir/{type}/{id}"): (
        lambda w: w.amended(w.of("clinician")),
        lambda w: w.amended(w.of(STRANGER)),
    ),
    ("DELETE", "/v1/fhir/{type}/{id}"): (
        lambda w: w.of("clinician").delete(w.weight),
        lambda w: w.of(STRANGER).delete(w.weight),
    ),
    ("GET", "/v1/fhir/{type}/{id}/_history/{version}"): (
        lambda w: w.of("clinician").get(f"/fhir/Patient/{w.patient}/_history/1"),
        lambda w: w.of(STRANGER).get(f"/fhir/Patient/{w.patient}/_history/1"),
    ),
    ("GET", "/v1/audit/events"): (
        lambda w: w.of("auditor").get("/audit/events"),
        lambda w: w.of("clinician").get("/audit/events"),
    ),
    ("GET", "/v1/audit/events/{id}"): (
        lambda w: w.of("auditor").get(f"/audit/events/{w.event}"),
        lambda w: w.of("clinician").get(f"/audit/events/{w.event}"),
    ),
    ("GET", "/v1/audit/events/{id}/proof"): (
        lambda w: eventually_done(lambda: w.of("auditor").get(f"/audit/events/{w.event}/proof")),
        lambda w: w.of("clinician").get(f"/audit/events/{w.event}/proof"),
    ),
    ("GET", "/v1/audit/checkpoint"): (
        lambda w: eventually_done(lambda: w.of("auditor").get("/audit/checkpoint")),
        lambda w: w.of("clinician").get("/audit/checkpoint"),
    ),
    ("GET", "/v1/fhir/AuditEvent"): (
        lambda w: w.of("auditor").get("/fhir/AuditEvent"),
        lambda w: w.of("clinician").get("/fhir/AuditEvent"),
    ),
    ("GET", "/v1/fhir/AuditEvent/{id}"): (
        lambda w: w.of("auditor").get(f"/fhir/AuditEvent/{w.event}"),
        lambda w: w.of("clinician").get(f"/fhir/AuditEvent/{w.event}"),
    ),
    ("POST", "/v1/audit/exports"): (
        lambda w: w.of("auditor").post("/audit/exports", json={}),
        lambda w: w.of("clinician").post("/audit/exports", json={}),
    ),
    ("GET", "/v1/audit/exports"): (
        lambda w: w.of("auditor").get("/audit/exports"),
        lambda w: w.of("clinician").get("/audit/exports"),
    ),
    ("GET", "/v1/audit/exports/{id}"): (
        lambda w: w.of("auditor").get(f"/audit/exports/{w.export}"),
        lambda w: w.of("clinician").get(f"/audit/exports/{w.export}"),
    ),
    ("DELETE", "/v1/me/mfa/reset"): (
        lambda w: w.refuse_reset(),
        lambda w: w.of("clinician").delete("/me/mfa/reset"),
    ),
    ("GET", "/v1/admin/users"): (
        lambda w: w.of("tenant_admin").get("/admin/users"),
        lambda w: w.of("clinician").get("/admin/users"),
    ),
    ("POST", "/v1/admin/users"): (
        lambda w: w.admin().post("/admin/users", json=INVITED),
        lambda w: w.of("clinician").post("/admin/users", json=INVITED),
    ),
    ("GET", "/v1/admin/users/export"): (
        lambda w: w.admin().get("/admin/users/export"),
        lambda w: w.of("security_officer").get("/admin/users/export"),
    ),
    ("GET", "/v1/admin/users/{id}"): (
        lambda w: w.of("tenant_admin").get(w.user),
        lambda w: w.of("tenant_admin").get(f"/admin/users/{ABSENT}"),
    ),
    ("DELETE", "/v1/admin/users/{id}"): (
        lambda w: w.admin().delete(w.user),
        lambda w: w.of("auditor").delete(f"/admin/users/{ABSENT}"),
    ),
    ("PUT", "/v1/admin/users/{id}/role"): (
        lambda w: w.admin().put(f"{w.user}/role", json={"role": "auditor"}),
        lambda w: w.of("clinician").put(f"/admin/users/{ABSENT}/role", json={"role": "auditor"}),
    ),
    ("POST", "/v1/admin/users/{id}/suspend"): (
        lambda w: w.admin().post(f"{w.user}/suspend"),
        lambda w: w.of("clinician").post(f"/admin/users/{ABSENT}/suspend"),
    ),
    ("POST", "/v1/admin/users/{id}/resume"): (
        lambda w: w.admin().post(f"{w.suspended}/resume"),
        lambda w: w.of("clinician").post(f"/admin/users/{ABSENT}/resume"),
    ),
    ("POST", "/v1/admin/users/{id}/mfa-reset"): (
        lambda w: w.admin().post(f"{w.user}/mfa-reset"),
        lambda w: w.admin().post(f"/admin/users/{ABSENT}/mfa-reset"),
    ),
    ("POST", "/v1/admin/users/{id}/mfa-reset/approve"): (
        lambda w: w.admin("security_officer").post(f"{w.waiting}/mfa-reset/approve"),
        lambda w: w.admin().post(f"{w.waiting}/mfa-reset/approve"),
    ),
    ("DELETE", "/v1/admin/users/{id}/mfa-reset"): (
        lambda w: w.admin().delete(f"{w.waiting}/mfa-reset"),
        lambda w: w.admin().delete(f"{w.user}/mfa-reset"),
    ),
    ("DELETE", "/v1/admin/invitations/{id}"): (
        lambda w: w.admin().delete(w.invitation),
        lambda w: w.admin().delete(f"/admin/invitations/{'0' * 64}"),
    ),
    ("GET", "/v1/me/sessions"): (
        lambda w: w.of("clinician").get("/me/sessions"),
        lambda w: w.of("clinician").get("/me/sessions", params={"unknown": "1"}),
    ),
    ("DELETE", "/v1/me/sessions"): (
        lambda w: w.account.api().delete("/me/sessions"),
        lambda w: w.of("clinician").delete("/me/sessions", params={"unknown": "1"}),
    ),
    ("DELETE", "/v1/me/sessions/{id}"): (
        lambda w: w.end_another(),
        lambda w: w.of("clinician").delete(f"/me/sessions/{ABSENT}"),
    ),
    ("GET", "/v1/admin/users/{id}/sessions"): (
        lambda w: w.admin().get(f"{w.user}/sessions"),
        lambda w: w.of("clinician").get(f"{w.user}/sessions"),
    ),
    ("DELETE", "/v1/admin/users/{id}/sessions"): (
        lambda w: w.admin("security_officer").delete(f"{w.user}/sessions"),
        lambda w: w.of("clinician").delete(f"{w.user}/sessions"),
    ),
    ("DELETE", "/v1/admin/users/{id}/sessions/{session}"): (
        lambda w: w.admin().delete(w.session),
        lambda w: w.admin().delete(f"{w.user}/sessions/{ABSENT}"),
    ),
    ("GET", "/v1/admin/settings"): (
        lambda w: w.of("tenant_admin").get("/admin/settings"),
        lambda w: w.of("clinician").get("/admin/settings"),
    ),
    ("PUT", "/v1/admin/settings"): (
        lambda w: w.change("/admin/settings", **LIMITS),
        lambda w: w.change("/admin/settings", "clinician", **LIMITS),
    ),
    ("GET", "/v1/admin/ip-allow-list"): (
        lambda w: w.of("tenant_admin").get("/admin/ip-allow-list"),
        lambda w: w.of("clinician").get("/admin/ip-allow-list"),
    ),
    ("PUT", "/v1/admin/ip-allow-list"): (
        lambda w: w.change("/admin/ip-allow-list", networks={"*": ["127.0.0.0/8"]}),
        lambda w: w.change("/admin/ip-allow-list", networks={"*": ["192.0.2.0/24"]}),
    ),
}
"""For each operation a call that succeeds and one that is refused."""


def eventually_done(call: Callable[[], httpx.Response]) -> httpx.Response:
    """What waits for the sealer, which comes once a minute."""
    found: list[httpx.Response] = eventually(lambda: [answer] if (answer := call()).is_success else [], seconds=90)
    return found[0]


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
    headers = [*world.of("clinician").headers.items(), ("User-Agent", "another")]
    answer = httpx.get(f"{world.stack.base_url}/v1/me", headers=[h for h in headers if h[0].lower() != "host"])
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
