"""What administrators do with users, and what they can't: networks, sessions, suspension, roles, resets of factors."""

from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from typing import Any

from tests.e2e.cast import Cast, answered
from tests.e2e.journal import Journal, expect
from tests.e2e.people import from_place

USERS, ALLOW_LIST = "v1/admin/users", "v1/admin/ip-allow-list"
NETWORK, INSIDE = "203.0.113.0/24", "203.0.113.9"


def play(journal: Journal, cast: Cast) -> None:
    with journal.check("an allow-list that would lock its author out is refused"):
        _lock_oneself_out(cast)
    with journal.check("outside their role's network neither a session nor a sign-in counts, inside both do"):
        _keep_out(cast)
    with journal.check("users are listed with masked addresses, and exported with whole ones"):
        _list(cast)
    with journal.check("one of a user's sessions is ended: its next request is refused, another's isn't"):
        _end_session(cast)
    with journal.check("suspended: the next request is refused, Cognito has the account disabled; resumed: back in"):
        _suspend(cast)
    with journal.check("nobody changes their own role, and no role that isn't an administrator's anybody's"):
        _escalate(cast)
    with journal.check("a role takes two people, and holds at once: the old sessions end, new tokens name it"):
        _change_role(cast)
    with journal.check("another tenant's user is as unknown as nobody"):
        _cross_tenants(cast)
    with journal.check("of two administrators who suspend each other at once one stays"):
        _fight(cast)
    with journal.check("a reset of factors takes two people, and the user is told and cancels it"):
        _reset_factors(cast)


def _lock_oneself_out(cast: Cast) -> None:
    before = answered(cast.ask("admin", "GET", ALLOW_LIST), 200)
    for role in ("tenant_admin", "*"):
        body = {"networks": {role: [NETWORK]}, "version": before["version"]}
        answered(cast.ask("admin", "PUT", ALLOW_LIST, body), 422, "unprocessable")
    expect(answered(cast.ask("admin", "GET", ALLOW_LIST), 200) == before, "the list changed")


def _allow(cast: Cast, networks: dict[str, list[str]]) -> None:
    version = answered(cast.ask("admin", "GET", ALLOW_LIST), 200)["version"]
    answered(cast.ask("admin", "PUT", ALLOW_LIST, {"networks": networks, "version": version}), 200)


def _keep_out(cast: Cast) -> None:
    _allow(cast, {"care_coordinator": [NETWORK]})
    try:
        _come_from_both(cast)
    finally:
        _allow(cast, {})
    answered(cast.ask("coordinator", "GET", "v1/me"), 200)


def _come_from_both(cast: Cast) -> None:
    user = cast["coordinator"]
    answered(cast.ask("coordinator", "GET", "v1/me"), 403, "source-refused")
    answered(cast.ask("coordinator", "GET", "v1/me", place=INSIDE), 200)
    answered(cast.ask("doctor", "GET", "v1/me"), 200)
    body = {"email": user.email, "password": user.password}
    for place, status in (("", 403), (INSIDE, 200)):
        asked = answered(cast.api.post("v1/auth/sign-in", json=body, headers=from_place(place)), 200)
        answer = {"challenge": asked["challenge"], "session": asked["session"], "email": user.email}
        coded = answer | {"code": user.code()}
        answered(cast.api.post("v1/auth/challenge", json=coded, headers=from_place(place)), status)


def _list(cast: Cast) -> None:
    listed = answered(cast.ask("admin", "GET", f"{USERS}?limit=50"), 200)["users"]
    ids = {one["user_id"]: one["email"] for one in listed}
    mine = [cast[name] for name in ("coordinator", "forgetful", "doctor", "officer", "admin")]
    expect({user.id for user in mine} <= ids.keys(), "somebody is missing")
    expect(cast["one"].id not in ids, "another tenant's user is listed")
    expect(all(user.email not in ids.values() for user in mine), "an address is whole")
    exported = answered(cast.ask("admin", "GET", f"{USERS}/export"), 200)
    expect(all(user.email in exported for user in mine), "an address is missing")
    shown = answered(cast.ask("admin", "GET", f"{USERS}/{cast['doctor'].id}"), 200)
    expect(shown["email"] == cast["doctor"].email and shown["role"] == "clinician", f"{sorted(shown)}")
    answered(cast.ask("doctor", "GET", USERS), 403, "denied")


def _end_session(cast: Cast) -> None:
    user, first = cast["coordinator"], cast["coordinator"].token
    path = f"{USERS}/{user.id}/sessions"
    before = {one["id"] for one in answered(cast.ask("admin", "GET", path), 200)["sessions"]}
    user.sign_in(cast.api)
    after = answered(cast.ask("admin", "GET", path), 200)["sessions"]
    (new,) = {one["id"] for one in after} - before
    expect("ip_address" not in after[0], "an administrator is shown where the user is")
    answered(cast.ask("admin", "DELETE", f"{path}/{new}"), 204)
    answered(cast.ask("coordinator", "GET", "v1/me"), 401, "unauthenticated")
    answered(cast.ask("coordinator", "GET", "v1/me", token=first), 200)
    user.token = first


def _suspend(cast: Cast) -> None:
    user = cast["coordinator"]
    said = answered(cast.ask("admin", "POST", f"{USERS}/{user.id}/suspend"), 200)
    expect(said["sessions_ended"] >= 1, f"{said}")
    answered(cast.ask("coordinator", "GET", "v1/me"), 401, "unauthenticated")
    expect(not cast.enabled(user), "Cognito lets them in")
    body: dict[str, Any] = {"email": user.email, "password": user.password}
    answered(cast.post("v1/auth/sign-in", **body), 401, "invalid-credentials")
    answered(cast.ask("admin", "POST", f"{USERS}/{user.id}/resume"), 204)
    expect(cast.enabled(user), "Cognito doesn't let them in")
    answered(cast.ask("coordinator", "GET", "v1/me"), 401, "unauthenticated")
    user.sign_in(cast.api)


def _escalate(cast: Cast) -> None:
    answered(cast.ask("admin", "PUT", _role(cast, "admin"), {"role": "privacy_officer"}), 403, "denied")
    answered(cast.ask("doctor", "PUT", _role(cast, "doctor"), {"role": "tenant_admin"}), 403, "denied")
    answered(cast.ask("officer", "PUT", _role(cast, "doctor"), {"role": "tenant_admin"}), 403, "denied")
    answered(cast.ask("admin", "PUT", _role(cast, "doctor"), {"role": "root"}), 400)
    answered(cast.ask("admin", "POST", f"{USERS}/{cast['admin'].id}/suspend"), 403, "denied")
    expect(answered(cast.ask("doctor", "GET", "v1/me"), 200)["role"] == "clinician", "the role changed")


def _role(cast: Cast, name: str) -> str:
    return f"{USERS}/{cast[name].id}/role"


def _change_role(cast: Cast) -> None:
    user = cast["doctor"]
    for role in ("researcher", "clinician"):
        answered(cast.ask("admin", "PUT", _role(cast, "doctor"), {"role": role}), 202)
        answered(cast.ask("admin", "POST", _role(cast, "doctor") + "/approve"), 403, "denied")
        answered(cast.ask("doctor", "GET", "v1/me"), 200)
        answered(cast.ask("officer", "POST", _role(cast, "doctor") + "/approve"), 200)
        answered(cast.ask("doctor", "GET", "v1/me"), 401, "unauthenticated")
        user.sign_in(cast.api)
        expect(answered(cast.ask("doctor", "GET", "v1/me"), 200)["role"] == role, "the tokens name another role")


def _cross_tenants(cast: Cast) -> None:
    other = f"{USERS}/{cast['one'].id}"
    answered(cast.ask("admin", "GET", other), 404, "not-found")
    answered(cast.ask("admin", "DELETE", other), 404, "not-found")
    answered(cast.ask("admin", "PUT", other + "/role", {"role": "clinician"}), 404, "not-found")
    answered(cast.ask("admin", "POST", other + "/suspend"), 404, "not-found")
    answered(cast.ask("admin", "GET", other + "/sessions"), 404, "not-found")
    answered(cast.ask("admin", "DELETE", other + "/sessions"), 404, "not-found")
    answered(cast.ask("one", "GET", "v1/me"), 200)


def _fight(cast: Cast) -> None:
    """The later one finds their session ended, or themself the last administrator's rival: 401 or 409."""

    def suspend(who: str, whom: str) -> int:
        return cast.ask(who, "POST", f"{USERS}/{cast[whom].id}/suspend").status_code

    with ThreadPoolExecutor(2) as threads:
        done = list(threads.map(suspend, ("one", "two"), ("two", "one")))
    expect(sorted(done) in ([200, 401], [200, 409]), f"{done}")
    winner = ("one", "two")[done.index(200)]
    users = answered(cast.ask(winner, "GET", USERS), 200)["users"]
    active = [one["user_id"] for one in users if one["status"] == "active" and one["role"] == "tenant_admin"]
    expect(active == [cast[winner].id], f"{len(active)} active administrators")


def _reset_factors(cast: Cast) -> None:
    user = cast["doctor"]
    reset, letters = f"{USERS}/{user.id}/mfa-reset", len(cast.letters.to(user.email))
    answered(cast.ask("admin", "POST", reset), 202)
    answered(cast.ask("admin", "POST", f"{reset}/approve"), 403, "denied")
    said = answered(cast.ask("officer", "POST", f"{reset}/approve"), 200)
    expect(said["effective"] - said["requested"] >= 2 * 3600, "no cooling period")
    expect(len(cast.letters.to(user.email)) == letters + 2, "the user wasn't told of both steps")
    answer = cast.post("v1/auth/mfa/recover", email=user.email, password=user.password)
    answered(answer, 401, "invalid-credentials")  # approved, and not in effect yet
    answered(cast.ask("doctor", "DELETE", "v1/me/mfa/reset"), 204)
    answered(cast.ask("admin", "DELETE", reset), 404, "not-found")
