"""Step 9: an account from its first code to its last session."""

from __future__ import annotations

from collections.abc import Iterator

from local.demo.exchange import Exchange
from local.demo.lab import Lab, seen
from local.demo.newcomer import APP, Newcomer

WEAK = "Password123!"


def play(lab: Lab) -> Iterator[Exchange]:
    registration = _opened(lab)
    newcomer = Newcomer(lab)
    yield from _verified(newcomer, registration)
    yield from _enrolled(newcomer)


def _opened(lab: Lab) -> str:
    """The tenant's registration text, which its administrator may publish."""
    headers = {"Authorization": f"Bearer {lab.token('tenant_admin', recent=True)}"}
    settings = lab.http.get("/v1/admin/settings", headers=headers).raise_for_status().json()
    if not settings["self_sign_up"]:
        changed = {name: value for name, value in settings.items() if name != "registration"} | {"self_sign_up": True}
        settings = lab.http.put("/v1/admin/settings", headers=headers, json=changed).raise_for_status().json()
    return str(settings["registration"])


def _verified(newcomer: Newcomer, registration: str) -> Iterator[Exchange]:
    who = {"registration": registration, "email": newcomer.email, "phone_number": newcomer.phone}
    chosen = newcomer.post("sign-up", **who, role="tenant_admin")
    yield seen(
        "Asking for a role", chosen, kept=chosen.status_code == 400, verdict="Refused: nobody chooses their role"
    )
    known = newcomer.post("sign-up", **who | {"email": newcomer.lab.user("clinician").email})
    asked = newcomer.post("sign-up", **who)
    alike = known.status_code == asked.status_code == 202 and known.json().keys() == asked.json().keys()
    yield seen(
        "A known address", known, kept=alike, verdict="Answered like any other; its owner gets a notice, no code"
    )
    yield seen("A new address", asked, kept=alike, verdict="A code goes to the address; there is no account yet")
    code = newcomer.message(newcomer.email)
    wrong = newcomer.confirm(asked, f"{(int(code) + 1) % 1_000_000:06d}")
    yield seen("A wrong code", wrong, kept=wrong.status_code == 401, verdict="Refused, and counted: three tries")
    texted = newcomer.confirm(asked, code)
    told = texted.status_code == 202 and texted.json()["challenge"] == "PHONE_CODE"
    yield seen("The code of the e-mail", texted, kept=told, verdict="Only now a text message leaves")
    sms = newcomer.message(newcomer.phone)
    weak = newcomer.confirm(texted, sms, password=WEAK, factor=APP)
    common = weak.status_code == 400 and weak.json()["detail"].startswith("password:")
    yield seen("A password that many have", weak, kept=common, verdict="Refused, though it has every kind of character")
    made = newcomer.confirm(texted, sms, password=newcomer.password, factor=APP)
    asks = made.status_code == 200 and made.json().get("challenge") == "MFA_SETUP"
    yield seen("The code of the text message, and a password", made, kept=asks, verdict="An account, and no token yet")
    secret = newcomer.post("mfa/totp", session=made.json()["session"])
    newcomer.secret = secret.json()["secret"]
    yield seen("An authenticator app", secret, kept=secret.status_code == 200, verdict="A secret, shown once")
    enrolled = newcomer.answer({"challenge": "MFA_SETUP", **secret.json()}, newcomer.app_code(-1))
    yield seen(
        "Its first code", enrolled, kept="access_token" in enrolled.json(), verdict="Tokens: password and factor proven"
    )


def _enrolled(newcomer: Newcomer) -> Iterator[Exchange]:
    asked = newcomer.post("sign-in", email=newcomer.email, password=newcomer.password)
    tokens = newcomer.answer(asked.json(), newcomer.app_code())
    newcomer.access_token = tokens.json()["access_token"]
    yield seen(
        "A sign-in", tokens, kept=tokens.json()["expires_in"] == 900, verdict="Challenge, code, tokens for 15 minutes"
    )
    own = newcomer.get("me")
    as_given = own.status_code == 200 and own.json()["role"] == "patient"
    yield seen("Who that is", own, kept=as_given, verdict="Tenant and role came from the tenant, not the caller")
    sessions = newcomer.get("me/sessions")
    yield seen("Their sessions", sessions, kept=len(sessions.json()["sessions"]) == 2, verdict="Both, with where from")
    refreshed = newcomer.post("refresh", refresh_token=tokens.json()["refresh_token"])
    newcomer.access_token = refreshed.json()["access_token"]
    yield seen("A refresh", refreshed, kept=refreshed.status_code == 200, verdict="New tokens; the old one is used up")
    stolen = newcomer.post("refresh", refresh_token=tokens.json()["refresh_token"])
    yield seen("The used token again, as a thief would", stolen, kept=stolen.status_code == 401, verdict="Refused")
    ended = newcomer.get("me")
    yield seen(
        "The new token after that", ended, kept=ended.status_code == 401, verdict="Its session ended with the theft"
    )
    noted = [one for one in newcomer.lab.events(action="auth.token-reuse") if one["risk"] == "CRITICAL"]
    shown = "\n".join(f"{one['timestamp']} {one['action']} {one['risk']}" for one in noted[:3])
    yield Exchange("What the log says", "GET /v1/audit/events?action=auth.token-reuse", shown, bool(noted), "CRITICAL")
