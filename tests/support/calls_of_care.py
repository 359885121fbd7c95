"""Calls of the operations on care teams, restrictions and broken glass: one that succeeds and one that is refused."""

from __future__ import annotations

from collections.abc import Callable

import httpx

from tests.support.caller import PLAIN, RESTS, World

type Call = Callable[[World], httpx.Response]
JUSTIFIED = {"verdict": "justified"}
OF_CARE: dict[tuple[str, str], tuple[Call, Call]] = {
    ("GET", "/v1/patients/{id}/care-team"): (
        lambda w: w.of("clinician").get(f"/patients/{w.patient}/care-team"),
        lambda w: w.of("patient").get(f"/patients/{w.patient}/care-team"),
    ),
    ("PUT", "/v1/patients/{id}/care-team/{user}"): (
        lambda w: w.admin("care_coordinator").put(w.newcomer_to_the_team, json=PLAIN),
        lambda w: w.of("auditor").put(w.newcomer_to_the_team, json=PLAIN),
    ),
    ("DELETE", "/v1/patients/{id}/care-team/{user}"): (
        lambda w: w.admin("care_coordinator").delete(w.member),
        lambda w: w.admin("care_coordinator").delete(w.newcomer_to_the_team),
    ),
    ("GET", "/v1/patients/{id}/restriction"): (
        lambda w: w.of("privacy_officer").get(w.restriction),
        lambda w: w.of("clinician").get(w.restriction),
    ),
    ("PUT", "/v1/patients/{id}/restriction"): (
        lambda w: w.admin("privacy_officer").put(w.restriction, json=RESTS),
        lambda w: w.of("clinician").put(w.restriction, json=RESTS),
    ),
    ("DELETE", "/v1/patients/{id}/restriction"): (
        lambda w: w.admin("privacy_officer").delete(w.restricted),
        lambda w: w.admin("privacy_officer").delete(w.restriction),
    ),
    ("GET", "/v1/break-glass"): (
        lambda w: w.of("clinician").get("/break-glass"),
        lambda w: w.of("auditor").get("/break-glass"),
    ),
    ("POST", "/v1/break-glass"): (
        lambda w: w.break_glass(),
        lambda w: w.of("auditor").post("/break-glass", json=w.emergency),
    ),
    ("GET", "/v1/break-glass/{id}"): (
        lambda w: w.of("privacy_officer").get(w.glass),
        lambda w: w.of("clinician").get(w.glass),
    ),
    ("POST", "/v1/break-glass/{id}/end"): (
        lambda w: w.admin("privacy_officer").post(f"{w.glass}/end"),
        lambda w: w.admin("privacy_officer").post(f"{w.ended_glass}/end"),
    ),
    ("POST", "/v1/break-glass/{id}/review"): (
        lambda w: w.admin("privacy_officer").post(f"{w.ended_glass}/review", json=JUSTIFIED),
        lambda w: w.admin("privacy_officer").post(f"{w.glass}/review", json=JUSTIFIED),
    ),
}
