"""Attacks on the first step: guessing passwords, and finding out who has an account."""

import threading
import time

import pytest
from botocore.exceptions import ClientError

from local.cognito import passwords
from tests.local.cognito.harness import Cognito, Person, new_password, refused

PRODUCT_COST = passwords.COST  # read before the fixture lowers it


def attempt(cognito: Cognito, person: Person, password: str) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        cognito.initiate(person, password)
    error = caught.value.response
    status = str(error["ResponseMetadata"]["HTTPStatusCode"])
    return f"{error['Error']['Code']} {status}", error["Error"]["Message"]


def stranger() -> Person:
    return Person("nobody-" + new_password().lower().replace("!", "") + "@example.com", new_password())


def test_a_stranger_and_a_wrong_password_are_answered_alike_until_locked_and_beyond(cognito: Cognito):
    known, unknown = cognito.with_totp(), stranger()
    answers = {person.email: [attempt(cognito, person, "wrong") for _ in range(7)] for person in (known, unknown)}
    assert answers[known.email] == answers[unknown.email]
    assert answers[known.email][:5] == [("NotAuthorizedException 400", "Incorrect username or password.")] * 5
    assert answers[known.email][5] == ("NotAuthorizedException 400", "Password attempts exceeded")


def test_a_disabled_user_looks_like_a_stranger_to_whoever_lacks_the_password(cognito: Cognito):
    person = cognito.with_totp()
    cognito.idp.admin_disable_user(UserPoolId=cognito.pool_id, Username=person.sub)
    assert attempt(cognito, person, "wrong") == attempt(cognito, stranger(), "wrong")


def test_a_stranger_takes_as_long_as_a_wrong_password(cognito: Cognito, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(passwords, "COST", PRODUCT_COST)

    def seconds(person: Person) -> float:
        started = time.perf_counter()
        attempt(cognito, person, "wrong")
        return time.perf_counter() - started

    person = cognito.with_totp()
    pairs = [(seconds(person), seconds(stranger())) for _ in range(4)]
    # In turns, and the shortest of each: whatever else the machine does only prolongs some of them.
    known, unknown = (min(taken) for taken in zip(*pairs, strict=True))
    # Without the dummy hash a stranger's answer comes about ten times sooner.
    assert 0.4 < unknown / known < 2.5


def test_guessing_locks_even_the_right_password_out(cognito: Cognito):
    person = cognito.with_totp()
    for _ in range(5):
        attempt(cognito, person, "wrong")
    assert attempt(cognito, person, person.password)[1] == "Password attempts exceeded"
    cognito.clock.advance(1.1)
    assert cognito.initiate(person)["Session"]


def test_guessing_under_every_name_of_the_user_counts_as_one(cognito: Cognito):
    person = cognito.with_totp()
    for name in (person.sub, person.email, person.email.upper(), person.email.title(), person.sub):
        with refused(cognito.idp, "NotAuthorizedException"):
            cognito.initiate(person, "wrong", name)
    assert attempt(cognito, person, person.password)[1] == "Password attempts exceeded"


def test_guessing_in_parallel_gets_no_more_than_five_guesses(cognito: Cognito):
    person = cognito.with_totp()
    answers: list[str] = []
    threads = [threading.Thread(target=lambda: answers.append(attempt(cognito, person, "wrong")[1])) for _ in range(12)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert answers.count("Incorrect username or password.") == 5
    assert answers.count("Password attempts exceeded") == 7


def test_signing_oneself_up(cognito: Cognito):
    with refused(cognito.public, "NotAuthorizedException") as caught:
        cognito.public.sign_up(ClientId=cognito.client_id, Username="new@example.com", Password=new_password())
    assert "not permitted" in str(caught.value)
    with refused(cognito.idp, "UserNotFoundException"):
        cognito.idp.admin_get_user(UserPoolId=cognito.pool_id, Username="new@example.com")


def test_passwords_as_someone_elses(cognito: Cognito):
    victim, attacker = cognito.with_totp(), cognito.with_totp()
    assert attempt(cognito, victim, attacker.password)[1] == "Incorrect username or password."
