"""People who use every way into a running stack with values that say which field they were sent in."""

from __future__ import annotations

import secrets
import uuid
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx

from tests.support.accounts import Account
from tests.support.answers import ok
from tests.support.apps import App
from tests.support.caller import LIMITS, NEW_PASSWORD
from tests.support.calls_two_people import Keepers
from tests.support.sign_ups import Newcomer, invited, registration_of
from tests.support.sources import client_from, somewhere
from tests.support.taint import Taints

if TYPE_CHECKING:
    from tests.support.stack import RunningStack

JSON = {"Content-Type": "application/fhir+json"}
POLICY = (
    '@id("{id}")\n// {mark}\npermit (principal in Role::"auditor", action == Action::"read", resource is TenantData);\n'
)


@dataclass
class People:
    """``answers`` are all that came back; ``refused`` of resources, by type, is empty where everything was taken."""

    stack: RunningStack
    taints: Taints
    answers: list[httpx.Response] = field(default_factory=list)

    @property
    def tenant(self) -> str:
        return self.stack.tenants[0]

    def api(self, role: str, **attributes: Any) -> httpx.Client:
        """Somebody of their own, at an address and with an agent of their own."""
        return self._elsewhere(Account(self.stack, role, self.tenant, **attributes))

    def _elsewhere(self, account: Account) -> httpx.Client:
        client = self.client()
        account.client = client  # type: ignore[misc]  # a cached property: what it would make is replaced
        client.headers["Authorization"] = f"Bearer {account.tokens()['access_token']}"
        return client

    def client(self) -> httpx.Client:
        address = self.taints.also(somewhere(), "connection request address")
        client = client_from(self.stack, address)
        client.headers["User-Agent"] = self.taints.mark("header request User-Agent")
        client.event_hooks["response"].append(lambda answer: (answer.read(), self.answers.append(answer))[0])
        return client

    def email(self, *bodies: str) -> str:
        return f"{self.taints.mark(*(f'body {body} email' for body in bodies))}@people.test"

    def phone(self) -> str:
        number = f"+1{secrets.randbelow(600) + 300}555{secrets.randbelow(10_000):04d}"
        return self.taints.also(number, "body SignUp phone_number")

    def id(self, *fields: str) -> str:
        return self.taints.also(str(uuid.uuid4()), *fields)

    # People

    def newcomer(self, email: str) -> Newcomer:
        somebody = Newcomer(self.stack, email=email, phone=self.phone())
        somebody.client = self.client()
        return somebody

    def people(self) -> None:
        registration = registration_of(self.stack, self.tenant)
        self.registered(registration)
        ok(self.newcomer(self.email("SignUp")).begin(registration), 202)  # and never confirms
        self.invitations()
        self.strangers()

    def registered(self, registration: str) -> None:
        """From the sign-up to the recovery of the factor, and a sign-in that stops half way."""
        somebody = self.newcomer(
            self.email("SignUp", "SignIn", "Challenge", "ForgotPassword", "ResetPassword", "Recover")
        )
        asked = ok(somebody.confirm(ok(somebody.confirm(ok(somebody.begin(registration), 202)), 202)))
        setup = ok(somebody.post("/auth/mfa/totp", {"session": asked["session"]}))
        app = App(setup["secret"])
        self.answered(somebody, "MFA_SETUP", setup["session"], app.code())
        asked = ok(somebody.post("/auth/sign-in", {"email": somebody.email, "password": somebody.password}))
        tokens = self.answered(somebody, asked["challenge"], asked["session"], app.code())
        signed_in = self.client()
        signed_in.headers["Authorization"] = f"Bearer {tokens['access_token']}"
        codes = ok(signed_in.post("/me/mfa/recovery-codes"))["recovery_codes"]
        ok(somebody.post("/auth/password/forgot", {"email": somebody.email}), 202)
        code = somebody.newest(somebody.email, "password-reset")
        ok(somebody.post("/auth/password/reset", {"email": somebody.email, "code": code, "new_password": NEW_PASSWORD}))
        given = {"email": somebody.email, "password": NEW_PASSWORD, "recovery_code": codes[0]}
        ok(somebody.post("/auth/mfa/recover", given))

    def answered(self, who: Newcomer, challenge: str, session: str, code: str) -> dict[str, Any]:
        body = {"challenge": challenge, "session": session, "email": who.email, "code": code}
        tokens: dict[str, Any] = ok(who.post("/auth/challenge", body))
        return tokens

    def invitations(self) -> None:
        """One that nobody approved, one that waits, one that is under way, one that became a patient's account."""
        fields = ("body InviteUser patient_id",)
        asked = {"email": self.email("InviteUser"), "role": "patient", "patient_id": self.id(*fields)}
        ok(Account(self.stack, "tenant_admin", self.tenant).api().post("/admin/users", json=asked), 202)
        for steps in range(3):
            email = self.email("InviteUser")
            invited(self.stack, self.tenant, {"email": email, "role": "patient", "patient_id": self.id(*fields)})
            somebody = self.newcomer(email)
            begun = ok(somebody.begin_invited(), 202) if steps > 0 else {}
            if steps > 1:
                asked = ok(somebody.confirm(begun, factor="SMS_MFA"))
                self.taints.also(email, "body Challenge email")
                self.answered(somebody, "SMS_MFA", asked["session"], somebody.newest(somebody.phone, "sign-in"))

    def strangers(self) -> None:
        """Addresses that nobody has, and what no body takes."""
        client = self.client()
        password, code = NEW_PASSWORD, "123456"
        client.post("/auth/sign-in", json={"email": self.email("SignIn"), "password": password})
        client.post("/auth/password/forgot", json={"email": self.email("ForgotPassword")})
        reset = {"code": code, "new_password": password}
        client.post("/auth/password/reset", json={"email": self.email("ResetPassword")} | reset)
        recovery = {"password": password, "recovery_code": "AAAA-BBBB-CCCC-DDDD"}
        client.post("/auth/mfa/recover", json={"email": self.email("Recover")} | recovery)
        challenge = {"challenge": "SOFTWARE_TOKEN_MFA", "session": "x" * 43, "code": code}
        client.post("/auth/challenge", json={"email": self.email("Challenge")} | challenge)
        for path in ("sign-in", "challenge", "sign-up", "password/forgot", "password/reset", "mfa/recover"):
            mark = self.taints.mark("header request *")  # of what nobody takes nothing is kept
            client.post(f"/auth/{path}", json={"email": [mark], mark: mark})
            client.post(f"/auth/{path}", content=f'{{"email": "{mark}', headers=JSON)

    def administration(self) -> None:
        admin = Account(self.stack, "tenant_admin", self.tenant).api()
        for approved in (False, True):
            place = f"/admin/users/{ok(self.api('clinician').get('/me'))['user_id']}/role"
            ok(admin.put(place, json={"role": "patient", "patient_id": self.id("body ChangeRole patient_id")}), 202)
            if approved:
                officer = Account(self.stack, "security_officer", self.tenant).api()
                assert officer.post(f"{place}/approve").is_success
        for path in ("users", "users/export"):
            admin.get(f"/admin/{path}", params={"cursor": self.id(f"query GET /v1/admin/{path} cursor")})

    # Who may see what

    def permissions(self, patient: str) -> None:
        keepers = Keepers(self.stack, self.tenant)
        self.policies()
        asked = keepers.asked(patient)
        self.taints.also(patient, "body ProposeGrant patient", "body OpenGlass patient", "body Explain patient")
        self.taints.also(asked["user_id"], "body ProposeGrant user_id")
        place = f"/admin/grants/{ok(keepers.api('care_coordinator').post('/admin/grants', json=asked), 202)['id']}"
        ok(keepers.api("privacy_officer").post(f"{place}/approve", json={"version": 1}))
        researcher = ok(self.api("researcher").get("/me"))["user_id"]
        self.taints.also(researcher, "body ProposeGrant user_id")
        study = {"kind": "project", "user_id": researcher, "project": "study", "until": asked["until"]}
        place = f"/admin/grants/{ok(keepers.api('care_coordinator').post('/admin/grants', json=study), 202)['id']}"
        ok(keepers.api("privacy_officer").post(f"{place}/approve", json={"version": 1}))
        explained = {"action": "read", "resource_type": "Observation", "purpose": "TREATMENT"}
        who = {"user_id": self.id("body Explain user_id"), "patient": self.id("body Explain patient")}
        keepers.api("auditor").post("/admin/policies/explain", json=explained | who)
        user = self.id("path route user")
        keepers.api("care_coordinator").put(f"/patients/{patient}/care-team/{user}", json={"sensitive": False})
        for _ in range(2):  # of which one is reviewed
            glass = {"patient": patient, "reason": "no-time-to-ask", "note": self.taints.mark("body OpenGlass note")}
            opened = ok(self.api("clinician").post("/break-glass", json=glass), 201)
        officer = keepers.api("privacy_officer")
        ok(officer.post(f"/break-glass/{opened['id']}/end"))
        judged = {"verdict": "justified", "note": self.taints.mark("body ReviewGlass note")}
        ok(officer.post(f"/break-glass/{opened['id']}/review", json=judged))

    def policies(self) -> None:
        """In a tenant of their own: one that holds, one that waits. Its settings are of its own too."""
        keepers = Keepers(self.stack, f"tenant-{secrets.token_hex(4)}")
        settings = LIMITS | {"version": 0, "purposes": {"clinician": "TREATMENT"}}
        ok(Account(self.stack, "tenant_admin", keepers.tenant).api().put("/admin/settings", json=settings))
        for id in ("first", "second"):
            text = POLICY.format(id=id, mark=self.taints.mark("body ProposePolicies text"))
            keepers.hold(text) if id == "first" else keepers.proposed(text)
