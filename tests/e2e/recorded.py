"""The identity part as the exported audit log has it: every action, how it ended, at which risk."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Any

from tests.e2e.journal import Journal, expect
from tests.e2e.overheard import Overheard
from tests.e2e.people import User

type Event = dict[str, Any]

# Action, error ("" for a success), risk.
EXPECTED = (
    ("auth.sign-in", "", "LOW"),
    ("auth.sign-in", "invalid-credentials", "MEDIUM"),
    ("auth.sign-in", "too-many-requests", "HIGH"),
    ("auth.challenge", "source-refused", "HIGH"),
    ("auth.token-issue", "", "LOW"),
    ("auth.session-refused", "unauthenticated", "MEDIUM"),
    ("auth.session-refused", "source-refused", "HIGH"),
    ("auth.sign-up", "", "MEDIUM"),
    ("auth.sign-up", "denied", "HIGH"),
    ("auth.sign-up-confirm", "", "MEDIUM"),
    ("auth.sign-up-confirm", "invalid-credentials", "MEDIUM"),
    ("auth.code-send", "", "LOW"),
    ("auth.code-send", "unavailable", "MEDIUM"),
    ("auth.password-forgot", "", "LOW"),
    ("auth.password-reset", "", "HIGH"),
    ("auth.password-reset", "invalid-credentials", "MEDIUM"),
    ("auth.mfa-recover", "", "HIGH"),
    ("auth.mfa-recover", "invalid-credentials", "MEDIUM"),
    ("me.session-list", "", "LOW"),
    ("me.session-end", "", "LOW"),
    ("me.mfa-read", "", "LOW"),
    ("me.mfa-change", "", "HIGH"),
    ("me.mfa-change", "unprocessable", "MEDIUM"),
    ("me.recovery-codes", "", "HIGH"),
    ("admin.settings-read", "", "LOW"),
    ("admin.settings-change", "", "HIGH"),
    ("admin.settings-change", "conflict", "MEDIUM"),
    ("admin.settings-change", "denied", "HIGH"),
    ("admin.settings-change", "unprocessable", "MEDIUM"),
    ("admin.user-list", "", "LOW"),
    ("admin.user-list", "denied", "HIGH"),
    ("admin.user-read", "", "LOW"),
    ("admin.user-read", "not-found", "MEDIUM"),
    ("admin.user-export", "", "HIGH"),
    ("admin.user-invite", "", "MEDIUM"),
    ("admin.user-approve", "", "HIGH"),
    ("admin.user-approve", "denied", "HIGH"),
    ("admin.user-uninvite", "", "MEDIUM"),
    ("admin.user-uninvite", "not-found", "MEDIUM"),
    ("admin.session-list", "", "LOW"),
    ("admin.session-end", "", "MEDIUM"),
    ("admin.user-suspend", "", "HIGH"),
    ("admin.user-suspend", "denied", "HIGH"),
    ("admin.user-resume", "", "HIGH"),
    ("admin.user-resume", "conflict", "MEDIUM"),
    ("admin.user-role", "", "HIGH"),
    ("admin.user-role", "denied", "HIGH"),
    ("admin.user-role", "invalid", "MEDIUM"),
    ("admin.user-role", "not-found", "MEDIUM"),
    ("admin.user-offboard", "", "HIGH"),
    ("admin.user-offboard", "not-found", "MEDIUM"),
    ("admin.mfa-reset-request", "", "HIGH"),
    ("admin.mfa-reset-approve", "", "HIGH"),
    ("admin.mfa-reset-approve", "denied", "HIGH"),
    ("admin.mfa-reset-cancel", "", "HIGH"),
)
# What triggers record, and about whom.
BY_TRIGGERS = (
    ("auth.admission", "", "LOW", "doctor"),
    ("auth.admission", "denied", "HIGH", "coordinator"),
    ("auth.account-create", "", "HIGH", "doctor"),
    ("auth.account-create", "denied", "HIGH", "doctor"),
    ("auth.authenticated", "", "LOW", "doctor"),
    ("auth.authenticated", "invalid", "MEDIUM", ""),
    ("auth.code-send", "denied", "HIGH", "doctor"),
    ("auth.token-issue", "denied", "HIGH", "forgetful"),
    ("auth.token-refresh", "denied", "HIGH", "doctor"),
    ("auth.password-reset", "", "HIGH", "doctor"),
)


def check(journal: Journal, events: Sequence[Event], people: Mapping[str, User], overheard: Overheard) -> None:
    """``people`` are the users by their names in the identity part."""
    with journal.check(f"the identity part is in it: {len(EXPECTED)} kinds of attempts, each at its risk"):
        found = {(event["action"], event["error"], event["risk"]) for event in events}
        complete(found, EXPECTED)
    with journal.check("each trigger's answers and refusals are in it, with the user whom they were about"):
        ids = {name: user.id for name, user in people.items()} | {"": ""}
        told = {(event["action"], event["error"], event["risk"], event["user_id"]) for event in events}
        complete(told, [(*kind, ids[name]) for *kind, name in BY_TRIGGERS])
    with journal.check("an offboarding has two lines, and the time between them is the evidence"):
        _offboarded(journal, events, people["coordinator"])
    with journal.check("it holds no password, code, token or address in clear"):
        held = {(event["action"], member) for event in events for member in overheard.members_of(event)}
        expect(not held, f"it does: {sorted(held)}")


def complete(found: set[Any], wanted: Sequence[Any]) -> None:
    missing = [one for one in wanted if one not in found]
    told = [f"{one} (there are {sorted(kind for kind in found if kind[:2] == one[:2])})" for one in missing]
    expect(not missing, "; ".join(told))


def _offboarded(journal: Journal, events: Sequence[Event], user: User) -> None:
    lines = [one for one in events if one["action"] == "admin.user-offboard" and one["resource_id"] == user.id]
    steps = [{flag for flag in one["flags"] if flag.startswith(("access:", "sessions:"))} for one in lines]
    expect(steps == [{"access:ending"}, {"access:ended", "sessions:ended:5"}], f"{steps}")
    began, ended = (datetime.fromisoformat(one["timestamp"]) for one in lines)
    milliseconds = round((ended - began).total_seconds() * 1000)
    expect(0 <= milliseconds < 5000, f"{milliseconds} ms")
    journal.note("Measured", f"Access of a user with 5 sessions ended {milliseconds} ms after it was recorded to end")
