"""Of every operation of the API document, a call that succeeds and one that is refused."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import httpx

from tests.support.fhir import NAME, observation, patch, send, transaction
from tests.support.sign_ups import Newcomer

if TYPE_CHECKING:
    pass

from tests.support.caller import ABSENT, EXPLAINED, INVITED, LIMITS, NEW_PASSWORD, World, eventually_done
from tests.support.calls_of_care import OF_CARE
from tests.support.calls_two_people import TWO_PEOPLE

type Call = Callable[[World], httpx.Response]
STRANGER = "patient"  # another patient than the one asked for
CALLS: dict[tuple[str, str], tuple[Call, Call]] = {
    **OF_CARE,
    **TWO_PEOPLE,
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
    ("POST", "/v1/fhir/{type}/_search"): (
        lambda w: w.of("clinician").post("/fhir/Patient/_search", data={"family": NAME}),
        lambda w: w.of("clinician").post("/fhir/Patient/_search", data={"family:contains": NAME}),
    ),
    ("POST", "/v1/fhir/{type}/$validate"): (
        lambda w: send(w.of("clinician"), "POST", "/fhir/Observation/$validate", observation(w.patient)),
        lambda w: send(w.of("researcher"), "POST", "/fhir/Observation/$validate", observation(w.patient)),
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
    ("PATCH", "/v1/fhir/{type}/{id}"): (
        lambda w: patch(w.of("clinician"), f"/fhir/Patient/{w.patient}", ("replace", "/active", False)),
        lambda w: patch(w.of(STRANGER), f"/fhir/Patient/{w.patient}", ("replace", "/active", False)),
    ),
    ("DELETE", "/v1/fhir/{type}/{id}"): (
        lambda w: w.of("clinician").delete(w.weight),
        lambda w: w.of(STRANGER).delete(w.weight),
    ),
    ("GET", "/v1/fhir/{type}/{id}/_history/{version}"): (
        lambda w: w.of("clinician").get(f"/fhir/Patient/{w.patient}/_history/1"),
        lambda w: w.of(STRANGER).get(f"/fhir/Patient/{w.patient}/_history/1"),
    ),
    ("GET", "/v1/fhir/{type}/{id}/_history"): (
        lambda w: w.of("clinician").get(f"/fhir/Patient/{w.patient}/_history"),
        lambda w: w.of(STRANGER).get(f"/fhir/Patient/{w.patient}/_history"),
    ),
    ("GET", "/v1/fhir/{type}/{id}/$everything"): (
        lambda w: w.of("clinician").get(f"/fhir/Patient/{w.patient}/$everything"),
        lambda w: w.of(STRANGER).get(f"/fhir/Patient/{w.patient}/$everything"),
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
    ("DELETE", "/v1/admin/users/{id}/role"): (
        lambda w: w.admin().delete(f"{w.promoted}/role"),
        lambda w: w.admin().delete(f"{w.user}/role"),
    ),
    ("POST", "/v1/admin/users/{id}/role/approve"): (
        lambda w: w.admin("security_officer").post(f"{w.promoted}/role/approve"),
        lambda w: w.admin().post(f"{w.promoted}/role/approve"),
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
    ("GET", "/v1/admin/invitations"): (
        lambda w: w.of("security_officer").get("/admin/invitations"),
        lambda w: w.of("clinician").get("/admin/invitations"),
    ),
    ("POST", "/v1/admin/invitations/{id}/approve"): (
        lambda w: w.admin("security_officer").post(f"{w.invitation}/approve"),
        lambda w: w.admin().post(f"{w.invitation}/approve"),
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
    ("POST", "/v1/admin/policies/explain"): (
        lambda w: w.of("auditor").post("/admin/policies/explain", json=EXPLAINED | {"patient": w.patient}),
        lambda w: w.of("clinician").post("/admin/policies/explain", json=EXPLAINED),
    ),
}
"""For each operation a call that succeeds and one that is refused."""
