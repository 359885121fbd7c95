"""Drive sign-up, the ways back to an account, users' own pages and their administrators, for what is really called."""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

import pytest

from local.workers import WorkerDied
from phivault.adapters.session_rows import items, session_key
from phivault.identity.claims import read_payload
from tests.support.accounts import Account
from tests.support.answers import ok
from tests.support.apps import add
from tests.support.aws_proxy import Fault
from tests.support.sign_ups import Newcomer
from tests.support.trigger_events import trigger_event

if TYPE_CHECKING:
    import httpx

    from tests.support.recording import Recording

INVITED = {"email": "invited-once@people.test", "role": "researcher"}


def drive_identity(recording: Recording) -> None:
    """In a tenant of its own: what its administrator changes holds for nobody else."""
    tenant = f"tenant-{secrets.token_hex(4)}"
    roles = ("tenant_admin", "security_officer")
    people = [_somebody(recording, tenant, role) for role in roles]
    admin, officer = (_signed_in(recording, person) for person in people)
    registration = change_settings(admin)
    sign_up(recording, registration)
    sign_up_invited(recording, admin, officer)
    invite_and_withdraw(recording, admin, officer)
    change_factors(recording, _somebody(recording, tenant))
    recover(recording, _somebody(recording, tenant))
    end_own_sessions(recording, _somebody(recording, tenant))
    admin, officer = (_signed_in(recording, person) for person in people)  # again, as minutes have passed
    see_users(recording, admin, tenant)
    reset_factors(recording, admin, officer, tenant)
    end_sessions(recording, admin, tenant)
    end_access(recording, admin, officer, tenant)
    ask_for_the_scope(recording)
    come_back_later(recording, "clinician", "/fhir/Patient")
    come_back_later(recording, "auditor", "/audit/events")


def change_settings(admin: httpx.Client) -> str:
    """Twice, the second time with another registration in place of the first. The text to sign up with."""
    settings = ok(admin.get("/admin/settings"))
    given = {name: settings[name] for name in ("idle_minutes", "absolute_minutes", "cooling_hours")}
    for rotated in (False, True):
        changed = {"self_sign_up": True, "rotate_registration": rotated, "version": settings["version"]}
        settings = ok(admin.put("/admin/settings", json=given | changed))
    networks = ok(admin.get("/admin/ip-allow-list"))
    ok(admin.put("/admin/ip-allow-list", json=networks | {"networks": {"*": ["127.0.0.0/8"]}}))
    return str(settings["registration"])


def sign_up(recording: Recording, registration: str) -> None:
    newcomer = _newcomer(recording)
    recording.s3.fail(Fault.LOST, once=True, only="s3 PUT")
    begun = ok(newcomer.begin(registration), 202)
    ok(newcomer.resend(begun), 202)
    recording.forget("accounts")
    asked = ok(newcomer.confirm(ok(newcomer.confirm(begun), 202)))
    assert asked["challenge"] == "MFA_SETUP"


def sign_up_invited(recording: Recording, admin: httpx.Client, officer: httpx.Client) -> None:
    """Two people stand behind it; the second one sees it in an execution environment that knows no key yet."""
    newcomer = _newcomer(recording)
    asked = ok(admin.post("/admin/users", json={"email": newcomer.email, "role": "clinician"}), 202)
    ok(recording.cold("admin", officer, "/admin/invitations"))
    ok(officer.post(f"/admin/invitations/{asked['id']}/approve"))
    asked = ok(newcomer.confirm(ok(newcomer.begin_invited(), 202), factor="SMS_MFA"))
    assert asked["challenge"] == "SMS_MFA"


def invite_and_withdraw(recording: Recording, admin: httpx.Client, officer: httpx.Client) -> None:
    recording.s3.fail(Fault.LOST, once=True, only="s3 PUT")
    asked = ok(admin.post("/admin/users", json=INVITED), 202)
    ok(admin.delete(f"/admin/invitations/{asked['id']}"), 204)
    asked = ok(admin.post("/admin/users", json=INVITED), 202)
    sent = ok(officer.post(f"/admin/invitations/{asked['id']}/approve"))
    ok(admin.delete(f"/admin/invitations/{sent['id']}"), 204)
    alone = ok(admin.post("/admin/users", json=INVITED | {"role": "patient"}), 201)
    ok(admin.delete(f"/admin/invitations/{alone['id']}"), 204)


def change_factors(recording: Recording, person: Account) -> None:
    """An app is added, its code comes to another execution environment; then text messages are preferred again."""
    tokens = person.tokens()
    client = _client(recording, tokens)
    ok(client.get("/me/mfa"))
    app = add(client, tokens)
    recording.forget("me")
    ok(client.put("/me/mfa/totp", json={"code": app.code()}), 204)
    ok(client.put("/me/mfa", json={"preferred": "SMS_MFA"}), 204)


def recover(recording: Recording, person: Account) -> None:
    codes = ok(_signed_in(recording, person).post("/me/mfa/recovery-codes"))["recovery_codes"]
    recording.forget("accounts")
    known = {"email": person.email, "password": person.password, "recovery_code": codes[0]}
    assert ok(person.post("/auth/mfa/recover", known))["challenge"] == "MFA_SETUP"


def end_own_sessions(recording: Recording, person: Account) -> None:
    _signed_in(recording, person)
    client = _signed_in(recording, person)
    (other,) = (each["id"] for each in ok(client.get("/me/sessions"))["sessions"] if not each["current"])
    ok(client.delete(f"/me/sessions/{other}"), 204)
    ok(client.delete("/me/sessions"), 204)


def see_users(recording: Recording, admin: httpx.Client, tenant: str) -> None:
    """In an execution environment that knows nobody's key yet."""
    me = _me(_signed_in(recording, _somebody(recording, tenant)))
    ok(recording.cold("admin", admin, "/admin/users"))
    assert me["email"] in admin.get("/admin/users/export").text
    assert ok(admin.get(f"/admin/users/{me['user_id']}"))["email"] == me["email"]


def reset_factors(recording: Recording, admin: httpx.Client, officer: httpx.Client, tenant: str) -> None:
    """Two people and the user: refused by the user, then by the officer."""
    client = _signed_in(recording, _somebody(recording, tenant))
    place = f"/admin/users/{_me(client)['user_id']}/mfa-reset"
    ok(admin.post(place), 202)
    ok(officer.post(f"{place}/approve"))
    ok(client.delete("/me/mfa/reset"), 204)
    ok(admin.post(place), 202)
    ok(officer.delete(place), 204)


def end_sessions(recording: Recording, admin: httpx.Client, tenant: str) -> None:
    me = _me(_signed_in(recording, _somebody(recording, tenant)))
    place = f"/admin/users/{me['user_id']}/sessions"
    assert [each["id"] for each in ok(admin.get(place))["sessions"]] == [me["session"]]
    ok(admin.delete(f"{place}/{me['session']}"), 204)
    ok(admin.delete(place), 204)


def end_access(recording: Recording, admin: httpx.Client, officer: httpx.Client, tenant: str) -> None:
    """Of another role, for a while, for good."""
    user = f"/admin/users/{_me(_signed_in(recording, _somebody(recording, tenant)))['user_id']}"
    ok(admin.put(f"{user}/role", json={"role": "researcher"}), 202)
    ok(admin.delete(f"{user}/role"), 204)
    ok(admin.put(f"{user}/role", json={"role": "auditor"}), 202)
    ok(officer.post(f"{user}/role/approve"))
    ok(admin.post(f"{user}/suspend"))
    ok(admin.post(f"{user}/resume"), 204)
    ok(admin.delete(user))


def ask_for_the_scope(recording: Recording) -> None:
    """With a nonce that was never granted."""
    event: dict[str, Any] = trigger_event("TokenGeneration_RefreshTokens", {"clientMetadata": {"nonce": "mine"}})
    with pytest.raises(WorkerDied, match="Refused"):
        recording.invoke("pre_token", event)


def come_back_later(recording: Recording, role: str, path: str) -> None:
    """A session that nobody used for two minutes: from now on it is in use again."""
    claims: dict[str, Any] = read_payload(recording.stack.tokens(role)["access_token"])
    row = {
        "TableName": recording.environment_of("me")["PHIVAULT_ACCESS_STATE_TABLE"],
        "Key": items(session_key(claims["sub"], claims["origin_jti"])),
    }
    table, seen = recording.stack.aws("dynamodb"), {":ago": {"N": "120"}}
    table.update_item(**row, UpdateExpression="SET seen = seen - :ago", ExpressionAttributeValues=seen)
    before = table.get_item(**row)["Item"]["seen"]
    assert recording.api(role).get(path).status_code < 500
    assert table.get_item(**row, ConsistentRead=True)["Item"]["seen"] != before


def _somebody(recording: Recording, tenant: str, role: str = "clinician") -> Account:
    person = Account(recording.stack, role, tenant)
    person.client = recording.client()
    return person


def _newcomer(recording: Recording) -> Newcomer:
    newcomer = Newcomer(recording.stack)
    newcomer.client = recording.client()
    return newcomer


def _signed_in(recording: Recording, person: Account) -> httpx.Client:
    """In a session of its own."""
    return _client(recording, person.tokens())


def _client(recording: Recording, tokens: dict[str, Any]) -> httpx.Client:
    return recording.client({"Authorization": f"Bearer {tokens['access_token']}"})


def _me(client: httpx.Client) -> dict[str, Any]:
    me: dict[str, Any] = ok(client.get("/me"))
    return me
