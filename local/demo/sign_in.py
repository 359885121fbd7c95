"""Step 1: sign in with a second factor; a wrong and a replayed code are refused."""

from __future__ import annotations

from collections.abc import Iterator

import httpx

from local.demo.exchange import Exchange
from local.demo.lab import Lab, seen

ROLE = "care_coordinator"


def play(lab: Lab) -> Iterator[Exchange]:
    first = _password(lab)
    yield seen(
        "The password alone",
        first,
        kept=first.status_code == 200 and "access_token" not in first.json(),
        verdict="It buys a challenge, not a token",
    )
    code = lab.code(ROLE)
    wrong = _answer(lab, first, f"{(int(code) + 1) % 1_000_000:06d}")
    yield seen("A wrong code", wrong, kept=wrong.status_code == 401, verdict="Refused")
    right = _answer(lab, first, code)
    yield seen(
        "The right code",
        right,
        kept=right.status_code == 200 and right.json()["expires_in"] == 900,
        verdict="Tokens, for 15 minutes",
    )
    replayed = _answer(lab, _password(lab), code)
    yield seen("The same code again", replayed, kept=replayed.status_code == 401, verdict="Refused: it counts once")


def _password(lab: Lab) -> httpx.Response:
    user = lab.user(ROLE)
    return lab.http.post("/v1/auth/sign-in", json={"email": user.email, "password": user.password})


def _answer(lab: Lab, asked: httpx.Response, code: str) -> httpx.Response:
    challenge = asked.json()
    body = {"challenge": challenge["challenge"], "session": challenge["session"], "email": lab.user(ROLE).email}
    return lab.http.post("/v1/auth/challenge", json=body | {"code": code})
