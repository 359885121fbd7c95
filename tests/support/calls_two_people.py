"""Of the operations about policies and grants, a call that succeeds and one that is refused.

Policies are a tenant's of their own: what they opened or closed would hold for every other test.
"""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from tests.support.accounts import Account
from tests.support.answers import ok
from tests.support.caller import ABSENT, RECENT, World
from tests.support.two_people import TEXT

if TYPE_CHECKING:
    from tests.support.stack import RunningStack

DAY = 24 * 3600
POLICIES, GRANTS = "/admin/policies", "/admin/grants"


@dataclass
class Keepers:
    """Whoever proposes and approves in one tenant, one of each role, signed in recently enough for it."""

    stack: RunningStack
    tenant: str
    _signed_in: dict[str, tuple[httpx.Client, float]] = field(default_factory=dict, repr=False)

    def api(self, role: str) -> httpx.Client:
        client, since = self._signed_in.get(role, (None, 0.0))
        if client is None or time.monotonic() - since > RECENT:
            client = self.another(role)
            self._signed_in[role] = client, time.monotonic()
        return client

    def another(self, role: str) -> httpx.Client:
        """A further person of this role."""
        return Account(self.stack, role, self.tenant).api()

    def change_role(self, user_id: str, role: str) -> None:
        """By two people, too."""
        place = f"/admin/users/{user_id}/role"
        ok(self.api("tenant_admin").put(place, json={"role": role}), 202)
        ok(self.api("security_officer").post(f"{place}/approve"))

    def proposed(self, text: str = TEXT, by: httpx.Client | None = None) -> dict[str, Any]:
        client = by or self.api("tenant_admin")
        base = ok(client.get(POLICIES))["version"]
        answer: dict[str, Any] = ok(client.post(POLICIES, json={"text": text, "base_version": base}), 202)
        return answer

    def hold(self, text: str) -> int:
        """Let these policies hold. Their version."""
        proposal = self.proposed(text)
        answer = self.api("security_officer").post(f"{POLICIES}/proposals/{proposal['id']}/approve")
        return int(ok(answer)["version"])

    def asked(self, patient: str, **changed: Any) -> dict[str, Any]:
        """The body of a proposal for a clinician of their own."""
        if "user_id" not in changed:
            changed["user_id"] = ok(self.api("clinician").get("/me"))["user_id"]
        terms = {"classes": ["clinical"], "purposes": ["TREATMENT"], "until": int(time.time()) + DAY}
        return {"kind": "access", "patient": patient} | terms | changed

    def granted(self, patient: str, *, approved: bool = True, **changed: Any) -> str:
        """The place of a grant."""
        answer = self.api("care_coordinator").post(GRANTS, json=self.asked(patient, **changed))
        place = f"{GRANTS}/{ok(answer, 202)['id']}"
        if approved:
            ok(self.api("privacy_officer").post(f"{place}/approve", json={"version": 1}))
        return place


_APART = f"tenant-{secrets.token_hex(4)}"
_known: dict[tuple[str, str], Keepers] = {}


def apart(w: World) -> Keepers:
    return _keepers(w, _APART)


def here(w: World) -> Keepers:
    return _keepers(w, w.stack.tenants[0])


def _keepers(w: World, tenant: str) -> Keepers:
    return _known.setdefault((w.stack.base_url, tenant), Keepers(w.stack, tenant))


def _terms(**more: Any) -> dict[str, Any]:
    return {"classes": ["contact"], "purposes": ["TREATMENT"], "until": int(time.time()) + DAY, **more}


def _proposed(w: World) -> httpx.Response:
    client = apart(w).api("privacy_officer")
    return client.post(POLICIES, json={"text": TEXT, "base_version": ok(client.get(POLICIES))["version"]})


def _rolled_back(w: World) -> httpx.Response:
    place = here(w).granted(w.patient)
    return here(w).api("care_coordinator").post(f"{place}/rollback", json={"version": 1})


def _version(w: World) -> str:
    return f"{POLICIES}/versions/{apart(w).hold(TEXT)}"


TWO_PEOPLE: dict[tuple[str, str], tuple[Callable[[World], httpx.Response], Callable[[World], httpx.Response]]] = {
    ("GET", "/v1/admin/policies"): (
        lambda w: w.of("auditor").get(POLICIES),
        lambda w: w.of("clinician").get(POLICIES),
    ),
    ("POST", "/v1/admin/policies"): (
        _proposed,
        lambda w: w.of("clinician").post(POLICIES, json={"text": TEXT, "base_version": 0}),
    ),
    ("GET", "/v1/admin/policies/versions/{version}"): (
        lambda w: apart(w).api("auditor").get(_version(w)),
        lambda w: w.of("auditor").get(f"{POLICIES}/versions/999"),
    ),
    ("POST", "/v1/admin/policies/rollback"): (
        lambda w: apart(w).api("privacy_officer").post(f"{POLICIES}/rollback", json={"version": 0}),
        lambda w: apart(w).api("auditor").post(f"{POLICIES}/rollback", json={"version": 0}),
    ),
    ("POST", "/v1/admin/policies/proposals/{id}/approve"): (
        lambda w: apart(w).api("security_officer").post(f"{POLICIES}/proposals/{apart(w).proposed()['id']}/approve"),
        lambda w: apart(w).api("security_officer").post(f"{POLICIES}/proposals/{ABSENT}/approve"),
    ),
    ("DELETE", "/v1/admin/policies/proposals/{id}"): (
        lambda w: apart(w).api("security_officer").delete(f"{POLICIES}/proposals/{apart(w).proposed()['id']}"),
        lambda w: apart(w).api("auditor").delete(f"{POLICIES}/proposals/{ABSENT}"),
    ),
    ("GET", "/v1/admin/grants"): (
        lambda w: w.of("auditor").get(GRANTS, params={"patient": w.patient}),
        lambda w: w.of("clinician").get(GRANTS),
    ),
    ("POST", "/v1/admin/grants"): (
        lambda w: here(w).api("care_coordinator").post(GRANTS, json=here(w).asked(w.patient)),
        lambda w: w.of("clinician").post(GRANTS, json=here(w).asked(w.patient, user_id=ABSENT)),
    ),
    ("GET", "/v1/admin/grants/{id}"): (
        lambda w: w.of("auditor").get(here(w).granted(w.patient, approved=False)),
        lambda w: w.of("auditor").get(f"{GRANTS}/{ABSENT}"),
    ),
    ("PUT", "/v1/admin/grants/{id}"): (
        lambda w: here(w).api("care_coordinator").put(here(w).granted(w.patient), json=_terms(base_version=1)),
        lambda w: w.of("clinician").put(f"{GRANTS}/{ABSENT}", json=_terms(base_version=1)),
    ),
    ("DELETE", "/v1/admin/grants/{id}"): (
        lambda w: here(w).api("tenant_admin").delete(here(w).granted(w.patient)),
        lambda w: w.of("clinician").delete(f"{GRANTS}/{ABSENT}"),
    ),
    ("POST", "/v1/admin/grants/{id}/approve"): (
        lambda w: (
            here(w)
            .api("security_officer")
            .post(f"{here(w).granted(w.patient, approved=False)}/approve", json={"version": 1})
        ),
        lambda w: w.of("clinician").post(f"{GRANTS}/{ABSENT}/approve", json={"version": 1}),
    ),
    ("POST", "/v1/admin/grants/{id}/rollback"): (
        _rolled_back,
        lambda w: w.of("clinician").post(f"{GRANTS}/{ABSENT}/rollback", json={"version": 1}),
    ),
}
