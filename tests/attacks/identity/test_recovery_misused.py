"""Recovery as a way in: a code or a reset without the password, twice, of somebody else, or what an owner abandoned."""

from __future__ import annotations

import json
import time

import pytest

from phivault.audit.event import Action
from phivault.errors import InvalidCredentials, TooManyRequests
from phivault.identity import inputs
from phivault.identity.challenge import challenge
from phivault.identity.enrol_totp import enrol_totp
from phivault.identity.mfa_reset import MfaReset
from phivault.identity.provider import Challenged, ChallengeName, Tokens
from phivault.identity.recover import Recover, recover
from phivault.identity.recovery_codes import new_recovery_codes
from phivault.identity.sign_in import sign_in
from phivault.inputs import read
from tests.unit.identity.administering import Office
from tests.unit.identity.fakes import ELSEWHERE, HOME, Person, World
from tests.unit.identity.signed_in import SignedIn


@pytest.fixture
def codes(world: World) -> tuple[str, ...]:
    return new_recovery_codes(SignedIn(world).call())


def _body(person: Person, code: str | None, password: str = "") -> Recover:
    document = {"email": person.email, "password": password or person.password, "recovery_code": code}
    return read(Recover, json.dumps(document).encode())


def _set_up(world: World, asked: Challenged) -> Challenged | Tokens:
    begun = enrol_totp(world.identity, inputs.MfaTotp(session=asked.session), ELSEWHERE)
    following = Challenged(ChallengeName.MFA_SETUP, begun.session)
    return challenge(world.identity, world.answer(following), ELSEWHERE)


def test_a_code_without_the_password_is_worth_nothing(world: World, codes: tuple[str, ...]) -> None:
    with pytest.raises(InvalidCredentials):
        recover(world.identity, _body(world.person, codes[0], "guessed"), ELSEWHERE)
    assert recover(world.identity, _body(world.person, codes[0]), HOME).challenge is ChallengeName.MFA_SETUP


def test_a_code_counts_once(world: World, codes: tuple[str, ...]) -> None:
    _set_up(world, recover(world.identity, _body(world.person, codes[0]), HOME))
    world.person.challenge = ChallengeName.SOFTWARE_TOKEN_MFA
    with pytest.raises(InvalidCredentials):
        recover(world.identity, _body(world.person, codes[0]), HOME)
    assert (world.events[-1].action, world.events[-1].success) == (Action.MFA_RECOVER, False)
    assert world.factor_provider.factors(world.person.sub)[0], "the factor stays"


def test_another_users_code_does_not_fit(world: World, codes: tuple[str, ...]) -> None:
    thief = world.enrol(Person("thief@example.test"))
    SignedIn(world, thief)
    with pytest.raises(InvalidCredentials):
        recover(world.identity, _body(thief, codes[0]), HOME)
    assert len(world.factors.factors(world.person.sub).recovery_codes) == 10


def test_another_users_reset_does_not_fit(world: World) -> None:
    thief, now = world.enrol(Person("thief@example.test")), int(time.time())
    world.clock.time = now
    office = Office(world)
    two = office.officer.user_id, office.admin.user_id
    world.mfa_resets.request(MfaReset("r", world.person.sub, "tenant-a", two[0], now - 9, now + 900, two[1], now - 1))
    with pytest.raises(InvalidCredentials):
        recover(world.identity, _body(thief, None), HOME)
    assert world.mfa_resets.rows


def test_a_recovery_that_its_owner_abandoned_cannot_be_taken_over(world: World, codes: tuple[str, ...]) -> None:
    """Between recovery and set-up no factor stands at the provider, and MFA_SETUP asks whoever has the password."""
    asked = recover(world.identity, _body(world.person, codes[0]), HOME)
    with pytest.raises(InvalidCredentials):
        sign_in(world.identity, world.credentials(), ELSEWHERE)
    assert (world.events[-1].action, world.events[-1].error) == (Action.SIGN_IN, "denied")
    with pytest.raises(InvalidCredentials):
        recover(world.identity, _body(world.person, None), ELSEWHERE)
    assert isinstance(_set_up(world, asked), Tokens), "the owner's own goes on"


def test_a_session_that_the_thief_began_before_cannot_either(world: World, codes: tuple[str, ...]) -> None:
    """A challenge from before the recovery, kept for later, at a provider that would turn it into a set-up."""
    asked = sign_in(world.identity, world.credentials(), ELSEWHERE)
    recover(world.identity, _body(world.person, codes[0]), HOME)
    with pytest.raises(InvalidCredentials):
        enrol_totp(world.identity, inputs.MfaTotp(session=asked.session), ELSEWHERE)


def test_the_newest_recovery_alone_goes_on(world: World, codes: tuple[str, ...]) -> None:
    first = recover(world.identity, _body(world.person, codes[0]), HOME)
    second = recover(world.identity, _body(world.person, codes[1]), HOME)
    with pytest.raises(InvalidCredentials):
        enrol_totp(world.identity, inputs.MfaTotp(session=first.session), HOME)
    assert isinstance(_set_up(world, second), Tokens)


def test_a_code_yields_a_set_up_and_never_tokens(world: World, codes: tuple[str, ...]) -> None:
    asked = recover(world.identity, _body(world.person, codes[0]), HOME)
    assert isinstance(asked, Challenged)
    with pytest.raises(InvalidCredentials):  # the code of a factor that was removed answers no set-up
        challenge(world.identity, world.answer(Challenged(ChallengeName.SOFTWARE_TOKEN_MFA, asked.session)), HOME)


def test_guesses_are_counted_with_wrong_passwords(world: World, codes: tuple[str, ...]) -> None:
    for number in range(4):
        with pytest.raises(InvalidCredentials):
            recover(world.identity, _body(world.person, "ABCD" * 3 + f"234{'ABCD'[number]}"), ELSEWHERE)
    with pytest.raises(TooManyRequests):
        recover(world.identity, _body(world.person, codes[0]), ELSEWHERE)
    with pytest.raises(TooManyRequests):
        sign_in(world.identity, world.credentials(), ELSEWHERE)


def test_an_unknown_address_answers_as_a_wrong_code_does(world: World, codes: tuple[str, ...]) -> None:
    texts = set()
    for person, code in ((world.person, "A" * 16), (world.person, None), (Person("nobody@example.test"), codes[0])):
        with pytest.raises(InvalidCredentials) as refused:
            recover(world.identity, _body(person, code), ELSEWHERE)
        texts.add((str(refused.value), refused.value.detail))
    assert len(texts) == 1


def test_no_event_and_no_error_has_a_code(world: World, codes: tuple[str, ...]) -> None:
    with pytest.raises(InvalidCredentials) as refused:
        recover(world.identity, _body(world.person, codes[0], "guessed"), HOME)
    recover(world.identity, _body(world.person, codes[0]), HOME)
    plain = codes[0].replace("-", "")
    lines = b"".join(world.events_store.objects.values()).decode()
    for text in (lines, repr(refused.value), repr(_body(world.person, codes[0]))):
        assert plain not in text
        assert codes[0] not in text
