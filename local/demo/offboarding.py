"""Step 10: somebody is invited by two people, and their access is ended."""

from __future__ import annotations

from collections.abc import Iterator

from local.demo.exchange import Exchange
from local.demo.lab import Lab, seen
from local.demo.newcomer import APP, Newcomer

USERS = "/v1/admin/users"


def play(lab: Lab) -> Iterator[Exchange]:
    newcomer = Newcomer(lab)
    invited = lab.send("tenant_admin", "POST", USERS, {"email": newcomer.email, "role": "clinician"})
    yield seen(
        "An invitation", invited, kept=invited.status_code == 202, verdict="Nothing is sent: another person decides"
    )
    approve = f"/v1/admin/invitations/{invited.json().get('id', '')}/approve"
    alone = lab.send("tenant_admin", "POST", approve)
    yield seen("Approved by who asked", alone, kept=alone.status_code == 403, verdict="One person isn't enough")
    sent = lab.send("security_officer", "POST", approve)
    yield seen("Approved by the security officer", sent, kept=sent.status_code == 200, verdict="Now the mail leaves")
    _account(newcomer)
    own = newcomer.get("me")
    user = str(own.json().get("user_id", ""))
    yield seen(
        "Who came", own, kept=own.json().get("role") == "clinician", verdict="With e-mail, number and app proven"
    )
    raised = newcomer.put(f"admin/users/{user}/role", role="tenant_admin")
    yield seen("Making oneself an administrator", raised, kept=raised.status_code == 403, verdict="Refused")
    admin = str(lab.read("tenant_admin", "/v1/me").json()["user_id"])
    last = lab.send("tenant_admin", "PUT", f"{USERS}/{admin}/role", {"role": "auditor"})
    yield seen("An administrator changing their own role", last, kept=last.status_code == 403, verdict="Refused")
    yield from _offboarded(newcomer, user)


def _account(newcomer: Newcomer) -> None:
    invitation = newcomer.message(newcomer.email)
    asked = newcomer.post("sign-up", invitation=invitation, phone_number=newcomer.phone)
    code = newcomer.message(newcomer.phone)
    made = newcomer.confirm(asked, code, password=newcomer.password, factor=APP).raise_for_status()
    newcomer.enrol(made.json()["session"]).raise_for_status()


def _offboarded(newcomer: Newcomer, user: str) -> Iterator[Exchange]:
    lab = newcomer.lab
    gone = lab.send("tenant_admin", "DELETE", f"{USERS}/{user}")
    told = gone.json()
    took = told.get("ended_ms", 0) - told.get("ending_ms", 0)
    yield seen("Offboarding", gone, kept=told.get("sessions_ended") == 1, verdict=f"Access ended in {took} ms")
    after = newcomer.get("me")
    yield seen(
        "Their next request", after, kept=after.status_code == 401, verdict="Refused, though the token isn't old"
    )
    again = newcomer.post("sign-in", email=newcomer.email, password=newcomer.password)
    yield seen("Their next sign-in", again, kept=again.status_code == 401, verdict="As for a wrong password")
    noted = [one for one in lab.events(action="admin.user-offboard") if one["resource_id"] == user]
    flags = [flag for one in noted for flag in one["flags"] if flag.startswith(("access:", "sessions:"))]
    shown = "\n".join(f"{one['timestamp']} {one['action']} {one['risk']} {' '.join(one['flags'])}" for one in noted)
    kept = {"access:ending", "access:ended", "sessions:ended:1"} <= set(flags)
    yield Exchange(
        "What the log says", "GET /v1/audit/events?action=admin.user-offboard", shown, kept, "When, and how long"
    )
