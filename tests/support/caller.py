"""Who calls the operations of the API document, and what there is to call for."""

from __future__ import annotations

import secrets
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any

import httpx

from tests.support.accounts import Account, eventually
from tests.support.answers import ok
from tests.support.apps import add
from tests.support.fhir import make, observation, patient, send
from tests.support.sign_ups import Newcomer, registration_of

if TYPE_CHECKING:
    from tests.support.locked_log import LockedLog
    from tests.support.stack import RunningStack


INVITED = {"email": "invited@people.test", "role": "clinician"}
RECENT = 200  # seconds: well within the five minutes
LIMITS = {"idle_minutes": 15, "absolute_minutes": 480, "self_sign_up": False, "cooling_hours": 24}
EXPLAINED = {
    "hypothetical": {"role": "clinician"},
    "action": "read",
    "purpose": "TREATMENT",
    "resource_type": "Observation",
}
ABSENT = "0b0f8f1e-1111-4111-8111-0123456789ab"
NEW_PASSWORD = "Quiet-heron-4-lanterns"
PLAIN = {"sensitive": False}
RESTS = {"ground": "objection", "purposes": []}


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
        """One that waits for approval."""
        asked = self.admin().post("/admin/users", json=INVITED)
        return f"/admin/invitations/{ok(asked, 202)['id']}"

    @property
    def promoted(self) -> str:
        """The place of a user for whom another role was asked for."""
        place = self.user
        ok(self.admin().put(f"{place}/role", json={"role": "auditor"}), 202)
        return place

    @property
    def newcomer_to_the_team(self) -> str:
        """The place in the patient's care team of a user who isn't there."""
        return f"/patients/{self.patient}/care-team/{self.user.rpartition('/')[2]}"

    @property
    def member(self) -> str:
        """The same of a user who is."""
        place = self.newcomer_to_the_team
        ok(self.admin("care_coordinator").put(place, json=PLAIN))
        return place

    @property
    def restriction(self) -> str:
        """The place of the restriction of a patient of their own."""
        return f"/patients/{make(self.of('clinician'), patient())['id']}/restriction"

    @property
    def restricted(self) -> str:
        place = self.restriction
        ok(self.admin("privacy_officer").put(place, json=RESTS))
        return place

    @property
    def emergency(self) -> dict[str, str]:
        return {"patient": self.patient, "reason": "no-time-to-ask"}

    def break_glass(self) -> httpx.Response:
        """A clinician of their own for each call: nobody may have many open."""
        return Account(self.stack, "clinician", self.stack.tenants[0]).api().post("/break-glass", json=self.emergency)

    @property
    def glass(self) -> str:
        return f"/break-glass/{ok(self.break_glass(), 201)['id']}"

    @property
    def ended_glass(self) -> str:
        place = self.glass
        ok(self.admin("privacy_officer").post(f"{place}/end"))
        return place

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


def eventually_done(call: Callable[[], httpx.Response]) -> httpx.Response:
    """What waits for the sealer, which comes once a minute."""
    found: list[httpx.Response] = eventually(lambda: [answer] if (answer := call()).is_success else [], seconds=90)
    return found[0]
