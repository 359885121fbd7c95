"""The end of a user's access, of one with many sessions."""

from __future__ import annotations

from tests.e2e.administration import USERS
from tests.e2e.cast import Cast, answered
from tests.e2e.journal import Journal, expect

SESSIONS = 5
MOST_MILLISECONDS = 5000


def play(journal: Journal, cast: Cast) -> None:
    with journal.check(
        f"offboarded with {SESSIONS} sessions: each one's next request is refused, and there is no way back"
    ):
        _offboard(cast)


def _offboard(cast: Cast) -> None:
    user, tokens = cast["coordinator"], []
    answered(cast.ask("admin", "DELETE", f"{USERS}/{user.id}/sessions"), 204)
    for _ in range(SESSIONS):
        user.sign_in(cast.api)
        tokens.append(user.token)
    cast["admin"].sign_in(cast.api)  # recently enough for this
    said = answered(cast.ask("admin", "DELETE", f"{USERS}/{user.id}"), 200)
    expect(said["sessions_ended"] == SESSIONS, f"{said['sessions_ended']} sessions ended")
    for token in tokens:
        answered(cast.ask("coordinator", "GET", "v1/me", token=token), 401, "unauthenticated")
    expect(not cast.enabled(user), "Cognito lets them in")
    body = {"email": user.email, "password": user.password}
    answered(cast.post("v1/auth/sign-in", **body), 401, "invalid-credentials")
    answered(cast.ask("admin", "POST", f"{USERS}/{user.id}/resume"), 409, "conflict")
    took = said["ended_ms"] - said["ending_ms"]
    expect(0 <= took < MOST_MILLISECONDS, f"it took {took} ms")
