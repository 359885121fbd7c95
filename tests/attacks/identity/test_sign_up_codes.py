"""Guessing the codes of a sign-up, using a session again, making us send messages, squatting an address."""

from __future__ import annotations

import logging
import threading
from collections import Counter
from collections.abc import Callable

import pytest

from phivault.audit.event import Action
from phivault.errors import Conflict, InvalidCredentials, PhivaultError, TooManyRequests
from phivault.identity import codes
from phivault.identity.limits import NUMBERS, Limit
from phivault.identity.pending_sign_up import Step, id_of
from phivault.identity.sign_up import SignUp, sign_up
from phivault.identity.source import Source
from tests.support.bounded import HANGS
from tests.unit.identity.fakes import HOME, Person, World
from tests.unit.identity.sign_ups import EMAIL, PASSWORD, PHONE, REGISTRATION, Candidate


@pytest.fixture
def candidate(world: World) -> Candidate:
    return Candidate(world)


def test_three_wrong_codes_end_a_sign_up(world: World, candidate: Candidate) -> None:
    """The odds are 3 in 10^6 for each message that we send, and an address gets five an hour."""
    assert codes.TRIES == 3
    assert NUMBERS[Limit.EMAIL_CODE] == (5, 3600)
    for step in Step:
        begun = candidate.begin()
        if step is Step.PHONE_CODE:
            begun = candidate.answer_email(begun)
        right = candidate.mailed() if step is Step.EMAIL_CODE else candidate.texted()
        for _ in range(codes.TRIES):
            with pytest.raises(InvalidCredentials):
                _answer(candidate, step, begun.session, candidate.another(right))
        with pytest.raises(InvalidCredentials):
            _answer(candidate, step, begun.session, right)
    assert world.accounts.made == []
    failed = [event for event in world.events if event.action is Action.SIGN_UP_CONFIRM and not event.success]
    assert len(failed) == 8


def test_guesses_at_the_same_instant_get_no_more(world: World, candidate: Candidate) -> None:
    """All of them load the row before any has spent its try."""
    begun = candidate.begin()
    right, looked = candidate.mailed(), 0
    real, gate = codes.is_right, threading.Barrier(20, timeout=HANGS)
    lock = threading.Lock()

    def counted(*given: str) -> bool:
        nonlocal looked
        with lock:
            looked += 1
        return real(*given)  # type: ignore[arg-type]  # passed on as they came

    def guess() -> None:
        gate.wait()
        with pytest.raises(InvalidCredentials):
            candidate.answer_email(begun, candidate.another(right))

    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(codes, "is_right", counted)
        threads = [threading.Thread(target=guess) for _ in range(20)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert looked == codes.TRIES


def test_a_code_is_of_its_session_alone(world: World, candidate: Candidate) -> None:
    other = Candidate(world, email="mallory@example.test", phone="+15550100099")
    mine, theirs = other.begin(), candidate.begin()
    with pytest.raises(InvalidCredentials):
        candidate.answer_email(theirs, _other_than(candidate.mailed(), other.mailed()))
    assert world.sign_ups.rows[id_of(mine.session)].tries == codes.TRIES


def test_a_session_is_answered_once(candidate: Candidate) -> None:
    first = candidate.begin()
    mailed = candidate.mailed()
    second = candidate.answer_email(first)
    for _ in range(2):
        with pytest.raises(InvalidCredentials):
            candidate.answer_email(first, mailed)
    candidate.answer_phone(second)
    with pytest.raises(InvalidCredentials):
        candidate.answer_phone(second)
    with pytest.raises(InvalidCredentials):
        candidate.resend(first)


def test_a_session_answered_twice_at_once_goes_on_once(world: World, candidate: Candidate) -> None:
    second = candidate.answer_email(candidate.begin())
    outcomes = _at_once(lambda: candidate.answer_phone(second), 3)
    assert Counter(outcomes) == {"Challenged": 1, "InvalidCredentials": 2}
    assert len(world.accounts.made) == 1


def test_no_text_message_before_the_mail_was_read(world: World, candidate: Candidate) -> None:
    """SMS pumping: sending to numbers that pay whoever has us send."""
    for number in range(4):
        victim = Candidate(world, email=f"nobody-{number}@example.test", phone=f"+882{number:09}")
        begun = victim.begin()
        victim.resend(begun)
        for _ in range(3):
            with pytest.raises(InvalidCredentials):
                victim.answer_email(begun, victim.another(victim.mailed()))
        with pytest.raises(InvalidCredentials):
            victim.resend(begun)
    assert world.messenger.texts == []


def test_text_messages_are_bounded_by_number_source_and_tenant(world: World) -> None:
    def text(number: int, phone: str, ip: str) -> None:
        candidate = Candidate(world, f"someone-{number}@example.test", phone, Source(ip, "ua", HOME.request_id))
        candidate.answer_email(candidate.begin())

    for number in range(5):
        text(number, PHONE, f"203.0.{number}.1")
    with pytest.raises(TooManyRequests):
        text(5, PHONE, "203.0.5.1")
    for number in range(6, 26):
        text(number, f"+1555010{number:04}", "198.51.100.9")
    with pytest.raises(TooManyRequests):
        text(26, "+15550100926", "198.51.100.9")
    for number in range(27, 202):
        text(number, f"+1555010{number:04}", f"10.{number}.0.1")
    assert len(world.messenger.texts) == NUMBERS[Limit.SMS_TENANT][0]
    with pytest.raises(TooManyRequests) as refused:
        text(202, "+15550109999", "10.202.0.1")
    assert refused.value.retry_after
    assert len(world.messenger.texts) == NUMBERS[Limit.SMS_TENANT][0]


def test_what_a_limit_stops_keeps_its_session(world: World, candidate: Candidate) -> None:
    for _ in range(5):
        world.limits.spend(Limit.SMS_CODE, PHONE)
    first = candidate.begin()
    with pytest.raises(TooManyRequests):
        candidate.answer_email(first)
    assert id_of(first.session) in world.sign_ups.rows
    assert world.messenger.texts == []


def test_a_mailbox_cannot_be_flooded(world: World, candidate: Candidate) -> None:
    sources = [Source(f"10.{number}.0.1", "ua", HOME.request_id) for number in range(20)]
    candidate.open_registration()
    for source in sources:
        body = SignUp(registration=REGISTRATION, email=EMAIL, phone_number=PHONE)
        try:
            sign_up(world.identity, body, source)
        except TooManyRequests:
            continue
    assert len(world.messenger.emails) == 5


def test_an_address_cannot_be_squatted(world: World, candidate: Candidate) -> None:
    """Somebody without the mailbox begins first, and again and again: the owner's own sign-up is untouched."""
    squatter = Candidate(world, email=EMAIL, phone="+15550100066")
    theirs = squatter.begin()
    mine = candidate.begin()
    squatter.resend(theirs)
    assert world.accounts.made == []
    codes_sent = [message.text[:6] for _, message in world.messenger.emails]
    second = candidate.answer_email(mine, codes_sent[1])
    candidate.answer_phone(second)
    assert world.accounts.made[0].contact.phone_number == PHONE
    assert world.provider.people[EMAIL].password == PASSWORD


def test_of_two_who_read_the_mail_one_makes_the_account(world: World) -> None:
    one, other = Candidate(world), Candidate(world, phone="+15550100066")
    first = one.answer_email(one.begin())
    second = other.answer_email(other.begin())
    one.answer_phone(first)
    with pytest.raises(Conflict):
        other.answer_phone(second, password="Another7-lantern-quilt")
    assert len(world.accounts.made) == 1
    assert world.provider.people[EMAIL].password == PASSWORD


def test_an_existing_account_is_never_touched(world: World, candidate: Candidate) -> None:
    owner = world.enrol(Person(EMAIL, role="tenant_admin"))
    begun = candidate.begin()
    for code in ("000000", "123456", "999999"):
        with pytest.raises(InvalidCredentials):
            candidate.answer_email(begun, code)
    assert world.provider.people[EMAIL] is owner


def test_nothing_secret_is_in_errors_or_logs(
    world: World, candidate: Candidate, caplog: pytest.LogCaptureFixture
) -> None:
    import traceback

    caplog.set_level(logging.DEBUG)
    first = candidate.begin()
    mailed = candidate.mailed()
    wrong = candidate.another(mailed)
    refused_password = "-".join(("Jane", "Password1234!"))
    texts: list[str] = []

    def failing(call: Callable[[], object]) -> None:
        with pytest.raises(PhivaultError) as refused:
            call()
        texts.append("".join(traceback.format_exception(refused.value)) + repr(refused.value))

    failing(lambda: candidate.answer_email(first, wrong))
    second = candidate.answer_email(first)
    failing(lambda: candidate.answer_phone(second, password=refused_password))
    world.accounts.down = True
    texted = candidate.texted()
    failing(lambda: candidate.answer_phone(second))
    world.accounts.down = False
    log = b"".join(world.events_store.objects.values()).decode()
    hidden = (EMAIL, PHONE, PASSWORD, refused_password, mailed, wrong, texted, first.session, second.session)
    everything = "".join(texts) + caplog.text + log + repr(first) + repr(second) + repr(world.sign_ups.rows)
    assert [text for text in hidden if text in everything] == []


def test_a_password_is_in_no_row(world: World, candidate: Candidate) -> None:
    second = candidate.answer_email(candidate.begin())
    with pytest.raises(InvalidCredentials):
        candidate.answer_phone(second, code=candidate.another(candidate.texted()))
    kept = repr(vars(world.sign_ups)) + repr(world.state.pending)
    assert PASSWORD not in kept


def _other_than(right: str, code: str) -> str:
    # One time in a million both got the same digits.
    return code if code != right else Candidate.another(right)


def _answer(candidate: Candidate, step: Step, session: str, code: str) -> None:
    from phivault.identity.sign_up import CodeSent

    begun = CodeSent(step, session)
    if step is Step.EMAIL_CODE:
        candidate.answer_email(begun, code)
    else:
        candidate.answer_phone(begun, code=code)


def _at_once(act: Callable[[], object], times: int) -> list[str]:
    outcomes: list[str] = []
    gate = threading.Barrier(times, timeout=HANGS)

    def run() -> None:
        gate.wait()
        try:
            outcomes.append(type(act()).__name__)
        except PhivaultError as error:
            outcomes.append(type(error).__name__)

    threads = [threading.Thread(target=run) for _ in range(times)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return outcomes
