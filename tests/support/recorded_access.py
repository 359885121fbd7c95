"""Drive care teams, restrictions, broken glass, the sweep of overdue reviews, a tenant's own policies and a project,
for what is really called."""

from __future__ import annotations

import secrets
import time
from typing import TYPE_CHECKING

from phivault.access.roles import Role
from phivault.adapters import break_glass_rows
from phivault.adapters.session_rows import items
from phivault.ids import uuid7
from phivault.permissions.break_glass.glass import OPEN_SECONDS, REVIEW_SECONDS, Glass, Reason
from tests.support.accounts import Account
from tests.support.answers import ok
from tests.support.aws_proxy import Fault
from tests.support.fhir import make, patient
from tests.support.two_people import TEXT

if TYPE_CHECKING:
    import httpx

    from tests.support.recording import Recording

DAY = 24 * 3600
GRANTS, POLICIES = "/admin/grants", "/admin/policies"


def drive_access(recording: Recording) -> None:
    sick = str(make(recording.api("clinician"), patient())["id"])
    doctor, coordinator, officer = (
        _signed_in(recording, role) for role in ("clinician", "care_coordinator", "privacy_officer")
    )
    member = f"/patients/{sick}/care-team/{ok(doctor.get('/me'))['user_id']}"
    ok(coordinator.put(member, json={"sensitive": False}))
    ok(coordinator.get(f"/patients/{sick}/care-team"))
    assert coordinator.delete(member).status_code == 204
    ok(officer.put(f"/patients/{sick}/restriction", json={"ground": "objection", "purposes": []}))
    assert officer.delete(f"/patients/{sick}/restriction").status_code == 204
    asked = {"patient": sick, "reason": "disaster", "note": "A flood in the basement"}
    glass = f"/break-glass/{ok(doctor.post('/break-glass', json=asked), 201)['id']}"
    ok(doctor.post(f"{glass}/end"))
    assert ok(recording.cold("access", officer, glass))["note"] == asked["note"]
    ok(officer.post(f"{glass}/review", json={"verdict": "justified"}))
    sweep(recording, sick)
    decide_by_own_policies(recording)


def decide_by_own_policies(recording: Recording) -> None:
    """In a tenant of its own, whose policies and a researcher's project are read where they decide."""
    tenant = f"tenant-{secrets.token_hex(4)}"
    privacy, security, doctor, researcher = (
        _signed_in(recording, role, tenant)
        for role in ("privacy_officer", "security_officer", "clinician", "researcher")
    )
    base = ok(privacy.get(POLICIES))["version"]
    proposal = ok(privacy.post(POLICIES, json={"text": TEXT, "base_version": base}), 202)
    ok(security.post(f"{POLICIES}/proposals/{proposal['id']}/approve"))
    ok(privacy.post(f"{POLICIES}/rollback", json={"version": base}), 202)
    make(doctor, patient())
    study = {"kind": "project", "user_id": ok(researcher.get("/me"))["user_id"], "project": "study"}
    place = f"{GRANTS}/{ok(privacy.post(GRANTS, json=study | {'until': int(time.time()) + DAY}), 202)['id']}"
    ok(security.post(f"{place}/approve", json={"version": 1}))
    found = ok(researcher.get("/fhir/Patient", headers={"X-Purpose-Of-Use": "RESEARCH", "X-Research-Project": "study"}))
    assert found["entry"]
    assert privacy.delete(place).status_code == 204


def sweep(recording: Recording, sick: str) -> None:
    """Of a glass whose three days are over: told once, also where S3's answer was lost."""
    opened, stack = int(time.time()) - REVIEW_SECONDS - 1, recording.stack
    glass = Glass(
        id=uuid7(),
        tenant=stack.tenants[0],
        patient=sick,
        user_id=uuid7(),
        role=Role.CLINICIAN,
        reason=Reason.DISASTER,
        opened=opened,
        until=opened + OPEN_SECONDS,
        review_due=opened + REVIEW_SECONDS,
    )
    table = recording.environment_of("overdue")["PHIVAULT_ACCESS_STATE_TABLE"]
    stack.aws("dynamodb").put_item(TableName=table, Item=items(break_glass_rows.due_row(glass)))
    recording.s3.fail(Fault.LOST, once=True, only="s3 PUT")
    assert recording.call("overdue", {})["told"] >= 1
    assert recording.call("overdue", {}) == {"told": 0}


def _signed_in(recording: Recording, role: str, tenant: str = "") -> httpx.Client:
    """A moment ago, as the changes here want it."""
    person = Account(recording.stack, role, tenant or recording.stack.tenants[0])
    return recording.client({"Authorization": f"Bearer {person.tokens()['access_token']}"})
