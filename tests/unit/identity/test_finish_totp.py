"""The new app's first code: three tries, in the session that began it, within five minutes."""

from __future__ import annotations

import pyotp
import pytest

from phivault.audit.event import Action, RiskLevel
from phivault.errors import Conflict, InvalidCredentials, SignInAgain, Unavailable
from phivault.identity.finish_totp import FinishTotp, finish_totp
from phivault.identity.messages import Purpose
from phivault.inputs import read
from tests.unit.identity.fakes import World
from tests.unit.identity.signed_in import SignedIn


@pytest.fixture
def me(world: World) -> SignedIn:
    return SignedIn(world)


def _code(world: World, secret: str, wrong: bool = False) -> FinishTotp:
    right = pyotp.TOTP(secret).at(int(world.clock()))
    return FinishTotp(code=f"{(int(right) + 500_000) % 10**6:06}" if wrong else right)


def test_the_first_code_makes_the_app_the_preferred_factor(world: World, me: SignedIn) -> None:
    begun = me.add_app()
    finish_totp(me.call(), _code(world, begun.secret))
    assert world.factor_provider.apps[me.person.sub].secret == begun.secret
    assert world.factor_provider.factors(me.person.sub)[1] == "SOFTWARE_TOKEN_MFA"
    changed = [event for event in world.events if event.action is Action.MFA_CHANGE]
    assert [(event.success, event.risk, event.resource_id) for event in changed] == [
        (True, RiskLevel.HIGH, "SOFTWARE_TOKEN_MFA")
    ]
    assert world.factors.under_way == {}


def test_the_user_is_told(world: World, me: SignedIn) -> None:
    finish_totp(me.call(), _code(world, me.add_app().secret))
    assert [(to, message.purpose) for to, message in world.messenger.emails] == [
        (me.person.email, Purpose.FACTOR_CHANGED)
    ]


def test_a_carrier_that_is_down_undoes_nothing_and_is_recorded(world: World, me: SignedIn) -> None:
    begun = me.add_app()
    world.messenger.down = True
    finish_totp(me.call(), _code(world, begun.secret))
    assert me.person.sub in world.factor_provider.apps
    assert [event.error for event in world.events if event.action is Action.CODE_SEND] == ["", "unavailable"]


def test_a_wrong_code_may_be_corrected_twice(world: World, me: SignedIn) -> None:
    begun = me.add_app()
    for _ in range(2):
        with pytest.raises(InvalidCredentials):
            finish_totp(me.call(), _code(world, begun.secret, wrong=True))
        assert (world.events[-1].action, world.events[-1].error) == (Action.MFA_CHANGE, "invalid-credentials")
    finish_totp(me.call(), _code(world, begun.secret))


def test_after_three_tries_even_the_right_code_comes_too_late(world: World, me: SignedIn) -> None:
    begun = me.add_app()
    for _ in range(3):
        with pytest.raises(InvalidCredentials):
            finish_totp(me.call(), _code(world, begun.secret, wrong=True))
    with pytest.raises(Conflict):
        finish_totp(me.call(), _code(world, begun.secret))
    assert me.person.sub not in world.factor_provider.apps


def test_after_five_minutes_there_is_nothing_to_finish(world: World, me: SignedIn) -> None:
    begun, call = me.add_app(), me.call()
    world.clock.time += 301
    with pytest.raises(Conflict):
        finish_totp(call, _code(world, begun.secret))


def test_another_session_of_the_same_user_cannot_finish_it(world: World, me: SignedIn) -> None:
    begun = me.add_app()
    with pytest.raises(Conflict):
        finish_totp(SignedIn(world).call(), _code(world, begun.secret))


def test_a_second_begin_replaces_the_first(world: World, me: SignedIn) -> None:
    first, second = me.add_app(), me.add_app()
    with pytest.raises(InvalidCredentials):
        finish_totp(me.call(), _code(world, first.secret))
    finish_totp(me.call(), _code(world, second.secret))


def test_an_older_sign_in_has_to_be_repeated(world: World, me: SignedIn) -> None:
    begun = me.add_app()
    with pytest.raises(SignInAgain):
        finish_totp(me.call(age=301), _code(world, begun.secret))


def test_nothing_changes_unrecorded(world: World, me: SignedIn) -> None:
    begun, call = me.add_app(), me.call()
    world.events_store.down = True
    with pytest.raises(Unavailable):
        finish_totp(call, _code(world, begun.secret))
    assert me.person.sub not in world.factor_provider.apps


@pytest.mark.parametrize("text", ["12345", "1234567", "12345a", "", " 123456", "١٢٣٤٥٦"])
def test_a_code_is_six_digits(text: str) -> None:
    with pytest.raises(Exception, match="code"):
        read(FinishTotp, f'{{"code": "{text}"}}'.encode())
