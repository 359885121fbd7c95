"""Sign-up and invitations, up to where a text message would leave: the emulator has no service that sends any."""

from __future__ import annotations

import boto3
from botocore.exceptions import ClientError

from tests.e2e.cast import Cast, answered
from tests.e2e.journal import Failed, Journal, expect
from tests.e2e.letters import CODE, TOKEN
from tests.e2e.people import TENANT

SIGN_UP, CONFIRM = "v1/auth/sign-up", "v1/auth/confirm-sign-up"
SETTINGS, INVITATIONS = "v1/admin/settings", "v1/admin/invitations"
PHONE = "+12025550143"
NEW, INVITED = f"newcomer@{TENANT}.example", f"invited@{TENANT}.example"


def play(journal: Journal, cast: Cast) -> None:
    with journal.check("the administrator reads the settings, lets patients register, and a stale change is told"):
        registration = _let_register(cast)
    with journal.check("sign-up answers a new and a known address alike; one gets a code, the other a notice"):
        begun = _begin(cast, registration)
    with journal.check("an unknown registration is refused, and a wrong code"):
        _refuse(cast, begun)
    with journal.check("the right code leads to the text message, which can't leave here: 503, and no account"):
        _reach_the_phone(cast, begun)
    with journal.check("an invitation is sent, leads to the text message, stays good, and is withdrawn"):
        _invite(cast)


def _let_register(cast: Cast) -> str:
    before = answered(cast.ask("admin", "GET", SETTINGS), 200)
    changed = {"idle_minutes": 20, "absolute_minutes": 600, "self_sign_up": True, "cooling_hours": 2}
    change = changed | {"version": before["version"]}
    after = answered(cast.ask("admin", "PUT", SETTINGS, change), 200)
    expect(after["idle_minutes"] == 20 and after["version"] == before["version"] + 1, f"{after}")
    answered(cast.ask("admin", "PUT", SETTINGS, change), 409, "conflict")
    answered(cast.ask("doctor", "PUT", SETTINGS, change | {"version": after["version"]}), 403, "denied")
    return str(after["registration"])


def _begin(cast: Cast, registration: str) -> dict[str, str]:
    """The session of each address."""
    known = cast["doctor"].email
    begun = {}
    for address in (NEW, known):
        answer = cast.post(SIGN_UP, registration=registration, email=address, phone_number=PHONE)
        said = answered(answer, 202)
        begun[address] = said.pop("session")
        expect(said == {"challenge": "EMAIL_CODE", "expires_in": 600} and len(begun[address]) == 43, f"{said}")
    cast.letters.newest(NEW, CODE)
    notices = cast.letters.to(known)
    expect(notices and "You have an account" in notices[-1], "no notice to the known address")
    expect(not CODE.search(notices[-1]), "a code to the known address")
    return begun


def _confirm(cast: Cast, session: str, code: str) -> tuple[int, str]:
    answer = cast.post(CONFIRM, challenge="EMAIL_CODE", session=session, code=code)
    return answer.status_code, answer.headers.get("Retry-After", "")


def _refuse(cast: Cast, begun: dict[str, str]) -> None:
    answer = cast.post(SIGN_UP, registration="A" * 22, email=NEW, phone_number=PHONE)
    answered(answer, 403, "denied")
    right = cast.letters.newest(NEW, CODE)
    wrong = f"{(int(right) + 1) % 1_000_000:06d}"
    for address, session in begun.items():
        status, _ = _confirm(cast, session, wrong)
        expect(status == 401, f"a wrong code of {address} answered {status}")


def _reach_the_phone(cast: Cast, begun: dict[str, str]) -> None:
    right = cast.letters.newest(NEW, CODE)
    status, retry_after = _confirm(cast, begun[NEW], right)
    expect(status == 503 and retry_after, f"{status}, Retry-After {retry_after!r}")
    status, _ = _confirm(cast, begun[NEW], right)
    expect(status == 401, f"the used code answered {status}")
    _no_account(cast, NEW)


def _no_account(cast: Cast, address: str) -> None:
    try:
        boto3.client("cognito-idp").admin_get_user(UserPoolId=cast.pool.id, Username=address)
    except ClientError as error:
        expect(error.response["Error"]["Code"] == "UserNotFoundException", str(error))
    else:
        raise Failed("there is an account already")
    listed = answered(cast.ask("admin", "GET", "v1/admin/users/export"), 200)
    expect(address not in listed, "the directory has a user already")


def _invite(cast: Cast) -> None:
    asked = answered(cast.ask("admin", "POST", "v1/admin/users", {"email": INVITED, "role": "researcher"}), 202)
    approve = f"{INVITATIONS}/{asked['id']}/approve"
    answered(cast.ask("admin", "POST", approve), 403, "denied")
    sent = answered(cast.ask("officer", "POST", approve), 200)
    token = cast.letters.newest(INVITED, TOKEN)
    for _ in range(2):  # what didn't make an account used nothing up
        answered(cast.post(SIGN_UP, invitation=token, phone_number=PHONE), 503, "unavailable")
    answered(cast.ask("one", "DELETE", f"{INVITATIONS}/{sent['id']}"), 404, "not-found")
    answered(cast.ask("admin", "DELETE", f"{INVITATIONS}/{sent['id']}"), 204)
    answered(cast.post(SIGN_UP, invitation=token, phone_number=PHONE), 403, "denied")
    _no_account(cast, INVITED)
