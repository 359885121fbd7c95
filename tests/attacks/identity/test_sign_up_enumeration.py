"""Finding out at sign-up who has an account: the answer, the work and the log are the same."""

from __future__ import annotations

import secrets
import statistics
import time
from functools import partial
from typing import TYPE_CHECKING, Any

import pytest

from phivault.errors import InvalidCredentials, PhivaultError
from phivault.identity import codes
from phivault.identity.evenly import evenly
from phivault.identity.messages import Purpose
from phivault.identity.pending_sign_up import PendingSignUp
from phivault.identity.sign_up import LOOK_SECONDS, SignUp, sign_up
from tests.support.accounts import Account
from tests.support.sources import client_from, somewhere
from tests.unit.identity.fakes import HOME, Person, World
from tests.unit.identity.sign_ups import EMAIL, PHONE, Candidate

if TYPE_CHECKING:
    from tests.support.stack import RunningStack

KNOWN = "known@example.test"
ROUNDS = 4


@pytest.fixture
def both() -> tuple[World, Candidate, Candidate]:
    world = World()
    world.enrol(Person(KNOWN))
    return world, Candidate(world, email=KNOWN), Candidate(world, email=EMAIL)


def test_answers_are_alike(both: tuple[World, Candidate, Candidate]) -> None:
    _, known, unknown = both
    one, other = known.begin(), unknown.begin()
    assert (one.challenge, one.expires_in, len(one.session)) == (other.challenge, other.expires_in, len(other.session))


def test_so_is_the_work(both: tuple[World, Candidate, Candidate]) -> None:
    world, known, unknown = both
    counts = []
    for candidate in (known, unknown):
        before = (len(world.accounts.looks), len(world.sign_ups.rows), len(world.messenger.emails), len(world.events))
        candidate.begin()
        after = (len(world.accounts.looks), len(world.sign_ups.rows), len(world.messenger.emails), len(world.events))
        counts.append([new - old for old, new in zip(before, after, strict=True)])
    assert counts == [[1, 1, 1, 2], [1, 1, 1, 2]]
    assert world.messenger.texts == []
    assert [m.purpose for _, m in world.messenger.emails] == [Purpose.ALREADY_REGISTERED, Purpose.EMAIL_CODE]


def test_the_look_for_an_account_takes_as_long(
    both: tuple[World, Candidate, Candidate], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever Cognito's own answer to a known or an unknown name takes, up to a tenth of a second. By a clock that
    such answers alone move."""
    world, known, unknown = both
    exists, clock = world.accounts.exists, [0.0]

    def slow(email: str) -> bool:
        clock[0] += 0.03 if email == KNOWN else 0.0
        return exists(email)

    world.accounts.exists = slow  # type: ignore[method-assign]  # slower for one than for the other
    monkeypatch.setattr("phivault.identity.sign_up.evenly", partial(evenly, clock=lambda: clock[0]))
    for candidate in (known, unknown):
        candidate.begin()
    assert known.slept == pytest.approx([LOOK_SECONDS - 0.03])
    assert unknown.slept == pytest.approx([LOOK_SECONDS])


def test_so_is_what_waits(both: tuple[World, Candidate, Candidate]) -> None:
    world, known, unknown = both
    known.begin()
    unknown.begin()
    one, other = world.sign_ups.rows.values()

    def shape(row: PendingSignUp) -> list[Any]:
        return [len(row.code), row.tries, row.expires, row.place.role]

    assert shape(one) == shape(other)


def test_wrong_codes_are_refused_alike_until_both_are_dead(both: tuple[World, Candidate, Candidate]) -> None:
    _, known, unknown = both
    refusals: list[list[Any]] = []
    for candidate in (known, unknown):
        begun, seen = candidate.begin(), []
        wrong = "000000" if candidate is known else candidate.another(candidate.mailed())
        for _ in range(5):
            with pytest.raises(PhivaultError) as refused:
                candidate.answer_email(begun, wrong)
            seen.append((type(refused.value), str(refused.value), refused.value.retry_after))
        refusals.append(seen)
    assert refusals[0] == refusals[1]
    assert {kind for kind, *_ in refusals[0]} == {InvalidCredentials}


def test_no_code_at_all_fits_a_known_address(
    both: tuple[World, Candidate, Candidate], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Not even the one that was drawn for the sign-up and sent to nobody, at first or when it is asked for again."""
    _, known, unknown = both
    monkeypatch.setattr(codes, "new_code", lambda: "424242")
    begun = known.begin()
    with pytest.raises(InvalidCredentials):
        known.answer_email(begun, "424242")
    known.resend(begun)
    with pytest.raises(InvalidCredentials):
        known.answer_email(begun, "424242")
    unknown.answer_email(unknown.begin(), "424242")


def test_a_row_does_not_tell_equal_codes(
    both: tuple[World, Candidate, Candidate], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A digest is of its session: who reads rows can't look one code up in another's row, or list all digests once."""
    world, _, unknown = both
    monkeypatch.setattr(codes, "new_code", lambda: "424242")
    unknown.begin()
    unknown.begin()
    assert len({row.code for row in world.sign_ups.rows.values()}) == 2


def test_resending_is_alike(both: tuple[World, Candidate, Candidate]) -> None:
    world, known, unknown = both
    for candidate in (known, unknown):
        begun, sent = candidate.begin(), len(world.messenger.emails)
        again = candidate.resend(begun)
        assert again == begun
        assert len(world.messenger.emails) == sent + 1


def test_limits_are_reached_alike(both: tuple[World, Candidate, Candidate]) -> None:
    _, known, unknown = both
    refusals = []
    for candidate in (known, unknown):
        for _ in range(5):
            candidate.begin()
        with pytest.raises(PhivaultError) as refused:
            candidate.begin()
        refusals.append((type(refused.value), str(refused.value)))
    assert refusals[0] == refusals[1]


def test_the_log_does_not_tell_who_has_an_account(both: tuple[World, Candidate, Candidate]) -> None:
    """But for the purpose of the message, which is what an auditor asks about."""
    world, known, unknown = both
    known.begin()
    unknown.begin()
    one, sent_one, other, sent_other = world.events
    for first, second in ((one, other), (sent_one, sent_other)):
        assert (first.action, first.user_id, first.error, first.risk) == (
            second.action,
            second.user_id,
            second.error,
            second.risk,
        )


def test_an_invited_address_that_has_an_account_is_told_by_mail_alone() -> None:
    world = World()
    world.enrol(Person(EMAIL))
    candidate = Candidate(world)
    begun = candidate.begin_invited()
    assert world.messenger.texts == []
    assert world.messenger.emails[-1][1].purpose is Purpose.ALREADY_REGISTERED
    with pytest.raises(InvalidCredentials):
        candidate.answer_phone(begun, code="123456")


def test_two_spellings_are_one_address(both: tuple[World, Candidate, Candidate]) -> None:
    world, known, _ = both
    known.open_registration()
    for spelling in ("KNOWN@example.test", " Known@Example.Test "):
        body = SignUp(registration="registration-of-tenant-a", email=spelling, phone_number=PHONE)
        sign_up(world.identity, body, HOME)
    assert {message.purpose for _, message in world.messenger.emails} == {Purpose.ALREADY_REGISTERED}


def test_answers_and_times_are_alike_on_the_running_stack(stack: RunningStack) -> None:
    """Medians further apart than what either's own answers differ by would tell. Of one round in twenty or so they are
    by chance, while the machine is busy; what tells, tells in each."""
    from tests.support.sign_ups import registration_of

    registration, shapes = registration_of(stack, stack.tenants[0]), set[tuple[Any, ...]]()
    apart = []
    for _ in range(ROUNDS):
        apart.append(_apart(stack, registration, shapes))
        if not apart[-1]:
            break
    assert len(shapes) == 1
    assert 0.0 in apart, apart


def _apart(stack: RunningStack, registration: str, shapes: set[tuple[Any, ...]]) -> float:
    """Seconds between the medians; 0.0 where nobody could tell. Each request comes from a source of its own."""
    times: dict[bool, list[float]] = {True: [], False: []}
    for number in range(24):
        has_account = number % 2 == 0
        # An address may be asked for five times an hour.
        account = Account(stack, "clinician", stack.tenants[0], sms=False) if has_account else None
        email = account.email if account else f"{secrets.token_hex(8)}@people.test"
        body = {"registration": registration, "email": email, "phone_number": f"+1555020{number:04}"}
        with client_from(stack, somewhere()) as client:
            started = time.perf_counter()
            answer = client.post("/auth/sign-up", json=body)
            times[has_account].append(time.perf_counter() - started)
        document = answer.json()
        shapes.add((answer.status_code, *sorted(document), document["challenge"], len(document["session"])))
    known, unknown = (statistics.median(times[has]) for has in (True, False))
    spread = max(statistics.stdev(times[has]) for has in (True, False))
    return known - unknown if abs(known - unknown) >= max(spread, 0.02) else 0.0
