"""Sign-up over HTTP, from the first code to the account's own page."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pyotp
import pytest

from tests.support.accounts import Account
from tests.support.answers import ok, one, refused
from tests.support.sign_ups import Newcomer, administrator, invited, registration_of

if TYPE_CHECKING:
    import httpx

    from tests.support.locked_log import LockedLog
    from tests.support.stack import RunningStack


@pytest.fixture(scope="module")
def registration(stack: RunningStack) -> str:
    return registration_of(stack, stack.tenants[0])


@pytest.fixture(scope="module")
def log(stack: RunningStack) -> LockedLog:
    from tests.support.locked_log import LockedLog

    return LockedLog(stack)


@pytest.fixture
def newcomer(stack: RunningStack) -> Newcomer:
    return Newcomer(stack)


def test_by_oneself_to_a_patients_own_page(
    stack: RunningStack, newcomer: Newcomer, registration: str, log: LockedLog
) -> None:
    first = ok(newcomer.begin(registration), 202)
    assert (first["challenge"], first["expires_in"]) == ("EMAIL_CODE", 600)
    assert newcomer.sent(newcomer.phone) == []
    second = ok(newcomer.confirm(first), 202)
    assert second["challenge"] == "PHONE_CODE"
    confirmed = newcomer.confirm(second)
    third = ok(confirmed)
    assert third["challenge"] == "MFA_SETUP"
    me = ok(_signed_in(stack, newcomer, third).get("/me"))
    assert (me["role"], me["tenant"], me["email"]) == ("patient", stack.tenants[0], newcomer.email)
    assert me["patient_id"] not in stack.patients()
    events = log.events(request_id=confirmed.headers["x-request-id"])
    assert {event["action"] for event in events} >= {"auth.sign-up-confirm", "auth.sign-in"}
    told = [event for event in events if event["action"] == "auth.sign-up-confirm"]
    one([event for event in told if event["tenant"] == "-"], success=True, resource_id="PHONE_CODE")
    account = {"user_id": me["user_id"], "role": "patient", "patient": me["patient_id"]}
    one([event for event in told if event["tenant"] == stack.tenants[0]], success=True, **account)


def test_by_invitation_with_text_messages(stack: RunningStack, newcomer: Newcomer) -> None:
    invited(stack, stack.tenants[0], {"email": newcomer.email, "role": "researcher"})
    begun = ok(newcomer.begin_invited(), 202)
    assert begun["challenge"] == "PHONE_CODE"
    asked = ok(newcomer.confirm(begun, factor="SMS_MFA"))
    assert asked["challenge"] == "SMS_MFA"
    code = newcomer.newest(newcomer.phone, "sign-in")
    body = {"challenge": "SMS_MFA", "session": asked["session"], "email": newcomer.email, "code": code}
    tokens = ok(newcomer.post("/auth/challenge", body))
    me = ok(stack.anyone(Authorization=f"Bearer {tokens['access_token']}").get("/me"))
    assert me["role"] == "researcher"
    refused(newcomer.begin_invited(), 403)


def test_a_withdrawn_invitation(stack: RunningStack, newcomer: Newcomer) -> None:
    admin = administrator(stack, stack.tenants[0])
    sent = invited(stack, stack.tenants[0], {"email": newcomer.email, "role": "clinician"}, by=admin)
    foreign = administrator(stack, stack.tenants[1]).delete(f"/admin/invitations/{sent['id']}")
    refused(foreign, 404)
    begun = ok(newcomer.begin_invited(), 202)
    assert admin.delete(f"/admin/invitations/{sent['id']}").status_code == 204
    refused(newcomer.confirm(begun), 403)
    refused(newcomer.begin_invited(), 403)


def test_codes_and_passwords_that_are_refused(newcomer: Newcomer, registration: str) -> None:
    first = ok(newcomer.begin(registration), 202)
    right = newcomer.newest(newcomer.email, "email-code")
    refused(newcomer.confirm(first, code=_another(right)), 401)
    assert ok(newcomer.resend(first), 202) == first
    second = ok(newcomer.confirm(first), 202)
    refused(newcomer.confirm(first, code=right), 401)
    assert "password" in refused(newcomer.confirm(second, password="Zebra-1234"), 400)
    assert "password" in refused(newcomer.confirm(second, password=f"aA1!-{newcomer.email}"), 400)
    texted = newcomer.newest(newcomer.phone, "phone-code")
    for _ in range(3):
        refused(newcomer.confirm(second, code=_another(texted)), 401)
    refused(newcomer.confirm(second), 401)
    refused(newcomer.resend(second), 401)


def test_an_address_that_has_an_account(stack: RunningStack, newcomer: Newcomer, registration: str) -> None:
    owner = Account(stack, "clinician", stack.tenants[0])
    known = ok(newcomer.begin(registration, email=owner.email), 202)
    unknown = ok(Newcomer(stack).begin(registration), 202)
    assert known.keys() == unknown.keys()
    assert (known["challenge"], len(known["session"])) == (unknown["challenge"], len(unknown["session"]))
    (message,) = newcomer.sent(owner.email)
    assert message["purpose"] == "already-registered"
    refused(newcomer.confirm(known, code="000000"), 401)
    ok(owner.ask())


def test_bodies_that_are_refused(newcomer: Newcomer, registration: str) -> None:
    refused(newcomer.begin("never-was-a-registration"), 403)
    refused(newcomer.begin(registration, role="tenant_admin"), 400)
    refused(newcomer.begin(registration, phone_number="Zebra"), 400)
    refused(newcomer.begin(registration, email="Zebra"), 400)
    refused(newcomer.post("/auth/sign-up", {"invitation": "Zebra"}), 400)
    refused(newcomer.post("/auth/resend-code", {"challenge": "EMAIL_CODE", "session": "Zebra"}), 400)


def test_closed_tenants_take_nobody(stack: RunningStack, newcomer: Newcomer) -> None:
    """The other tenant never opened its sign-up."""
    settings = ok(administrator(stack, stack.tenants[1]).get("/admin/settings"))
    assert settings["self_sign_up"] is False
    refused(newcomer.begin(settings["registration"] or "x" * 22), 403)


def test_nothing_of_a_sign_up_is_in_any_log(stack: RunningStack, newcomer: Newcomer, registration: str) -> None:
    first = ok(newcomer.begin(registration), 202)
    refused(newcomer.confirm(first, session="x" * 43), 401)
    second = ok(newcomer.confirm(first), 202)
    weak = "Zebra7-" + newcomer.email
    refused(newcomer.confirm(second, password=weak), 400)
    third = ok(newcomer.confirm(second))
    assert (stack.folder / "logs" / "accounts.log").exists()
    written = "".join(path.read_text(errors="replace") for path in (stack.folder / "logs").glob("*.log"))
    hidden = [newcomer.email, newcomer.phone, newcomer.password, weak, registration]
    hidden += [one["session"] for one in (first, second, third)]
    assert [text for text in hidden if text in written or text in stack.output] == []


def _signed_in(stack: RunningStack, newcomer: Newcomer, asked: dict[str, str]) -> httpx.Client:
    """Enrols an authenticator app and goes on to a session."""
    begun = ok(newcomer.post("/auth/mfa/totp", {"session": asked["session"]}))
    code = pyotp.TOTP(begun["secret"]).now()
    body = {"challenge": "MFA_SETUP", "session": begun["session"], "email": newcomer.email, "code": code}
    tokens = ok(newcomer.post("/auth/challenge", body))
    return stack.anyone(Authorization=f"Bearer {tokens['access_token']}")


def _another(code: str) -> str:
    return f"{(int(code) + 1) % 10**6:06}"
