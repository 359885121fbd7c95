"""What people do with their own accounts: sessions, factors, a forgotten password, and what strangers can't."""

from __future__ import annotations

import boto3

from tests.e2e.cast import Cast, answered
from tests.e2e.journal import Journal, expect
from tests.e2e.letters import CODE
from tests.e2e.people import TENANT, User, from_place, random_password

SESSIONS, MFA, RECOVER = "v1/me/sessions", "v1/me/mfa", "v1/auth/mfa/recover"
FORGOT, RESET = "v1/auth/password/forgot", "v1/auth/password/reset"
STRANGER = "198.51.100.77"
COGNITOS_OWN_LOCK = 900
"""Seconds that Cognito counts failures for: strangers wait longer."""


def play(journal: Journal, cast: Cast) -> None:
    with journal.check("one's own sessions are listed, and an ended one counts no more"):
        _end_one(cast)
    with journal.check("one's factors are seen, one is preferred, and the user is told"):
        _prefer(cast)
    with journal.check("a stranger's fifth guess isn't taken, the right password neither; the owner still signs in"):
        _lock_strangers_out(cast)
    with journal.check("a forgotten password: known and unknown alike, a weak one and a wrong code refused"):
        letters = _forget(cast)
    with journal.check("the code buys a challenge and no token; all sessions end and the user is told"):
        _reset(cast, letters)
    with journal.check("a recovery code ends sessions and factors; what the emulator gives then, the trigger refuses"):
        _recover(cast)


def _end_one(cast: Cast) -> None:
    user, first = cast["forgetful"], cast["forgetful"].token
    user.sign_in(cast.api)
    listed = answered(cast.ask("forgetful", "GET", SESSIONS), 200)["sessions"]
    expect(len(listed) == 2 and listed[0]["ip_address"] == "127.0.0.1", f"{len(listed)} sessions")
    (other,) = [one["id"] for one in listed if not one["current"]]
    answered(cast.ask("forgetful", "DELETE", f"{SESSIONS}/{other}"), 204)
    answered(cast.ask("forgetful", "GET", "v1/me", token=first), 401, "unauthenticated")
    answered(cast.ask("forgetful", "GET", "v1/me"), 200)


def _prefer(cast: Cast) -> None:
    user = cast["forgetful"]
    seen = answered(cast.ask("forgetful", "GET", MFA), 200)
    expect(seen["factors"] == ["SOFTWARE_TOKEN_MFA"] and seen["recovery_codes"] == 0, f"{seen}")
    answered(cast.ask("forgetful", "PUT", MFA, {"preferred": "SMS_MFA"}), 422)
    before = len(cast.letters.to(user.email))
    answered(cast.ask("forgetful", "PUT", MFA, {"preferred": "SOFTWARE_TOKEN_MFA"}), 204)
    expect(len(cast.letters.to(user.email)) == before + 1, "the user wasn't told")
    expect(_factors(cast, user) == ("SOFTWARE_TOKEN_MFA", ["SOFTWARE_TOKEN_MFA"]), "Cognito has it otherwise")


def _factors(cast: Cast, user: User) -> tuple[str, list[str]]:
    found = boto3.client("cognito-idp").admin_get_user(UserPoolId=cast.pool.id, Username=user.id)
    return found.get("PreferredMfaSetting", ""), found.get("UserMFASettingList", [])


def _lock_strangers_out(cast: Cast) -> None:
    user = cast["officer"]

    def guess(password: str) -> tuple[int, int]:
        body = {"email": user.email, "password": password}
        answer = cast.api.post("v1/auth/sign-in", json=body, headers=from_place(STRANGER))
        return answer.status_code, int(answer.headers.get("Retry-After", "0"))

    tried = [guess(random_password()) for _ in range(4)]
    expect(tried == [(401, 0)] * 4, f"{tried}")
    for password in (random_password(), user.password):
        status, wait = guess(password)
        expect(status == 429 and wait > COGNITOS_OWN_LOCK, f"{status}, Retry-After {wait}")
    user.sign_in(cast.api)


def _forget(cast: Cast) -> int:
    """How many letters the user had before."""
    user = cast["forgetful"]
    letters = len(cast.letters.to(user.email))
    said = [answered(cast.post(FORGOT, email=email), 202) for email in (user.email, f"nobody@{TENANT}.example")]
    expect(said[0] == said[1], "the answers differ")
    code = cast.letters.newest(user.email, CODE, after=letters)
    expect(not cast.letters.to(f"nobody@{TENANT}.example"), "a letter to nobody's address")
    weak = cast.post(RESET, email=user.email, code=code, new_password="Password123!")
    answered(weak, 400, "invalid")
    wrong = f"{(int(code) + 1) % 1_000_000:06d}"
    answer = cast.post(RESET, email=user.email, code=wrong, new_password=random_password())
    answered(answer, 401, "invalid-credentials")
    return letters


def _reset(cast: Cast, letters: int) -> None:
    user, password = cast["forgetful"], random_password()
    code = cast.letters.newest(user.email, CODE, after=letters)
    answered(cast.ask("forgetful", "GET", "v1/me"), 200)
    said = answered(cast.post(RESET, email=user.email, code=code, new_password=password), 200)
    expect(said["challenge"] == "SOFTWARE_TOKEN_MFA" and "access_token" not in said, f"{sorted(said)}")
    answered(cast.ask("forgetful", "GET", "v1/me"), 401, "unauthenticated")
    answered(cast.post("v1/auth/sign-in", email=user.email, password=user.password), 401, "invalid-credentials")
    user.password = password
    user.sign_in(cast.api)


def _recover(cast: Cast) -> None:
    user = cast["forgetful"]
    codes = answered(cast.ask("forgetful", "POST", f"{MFA}/recovery-codes"), 200)["recovery_codes"]
    expect(len(set(codes)) == 10, f"{len(set(codes))} codes")
    body = {"email": user.email, "password": user.password}
    answered(cast.post(RECOVER, **body, recovery_code="AAAA-BBBB-CCCC-DDDD"), 401, "invalid-credentials")
    answered(cast.post(RECOVER, **body), 401, "invalid-credentials")  # nobody approved a reset
    answer = cast.post(RECOVER, **body, recovery_code=codes[0])
    refused = answer.status_code in (403, 503)
    expect(refused and "token" not in answer.text, f"{answer.status_code} {answer.text[:300]}")
    answered(cast.ask("forgetful", "GET", "v1/me"), 401, "unauthenticated")
    expect(_factors(cast, user) == ("", []), "Cognito still has a factor")
    expect(any("factors were removed" in text for text in cast.letters.to(user.email)), "the user wasn't told")
