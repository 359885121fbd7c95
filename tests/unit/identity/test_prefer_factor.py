"""The factor that sign-in asks for first: one's own, and text messages only where the phone was proven."""

from __future__ import annotations

import pytest

from phivault.audit.event import Action, RiskLevel
from phivault.errors import InvalidInput, SignInAgain, Unavailable, Unprocessable
from phivault.identity.factors import Factor
from phivault.identity.list_factors import Own, list_factors
from phivault.identity.messages import Purpose
from phivault.identity.prefer_factor import PreferFactor, prefer_factor
from phivault.inputs import read
from tests.unit.identity.fakes import World
from tests.unit.identity.signed_in import SignedIn

SMS = PreferFactor(preferred=Factor.SMS_MFA)
APP = PreferFactor(preferred=Factor.SOFTWARE_TOKEN_MFA)


@pytest.fixture
def me(world: World) -> SignedIn:
    return SignedIn(world)


def test_what_one_has_is_shown_and_recorded(world: World, me: SignedIn) -> None:
    assert list_factors(me.call()) == Own(("SOFTWARE_TOKEN_MFA",), "SOFTWARE_TOKEN_MFA", (), 0)
    event = world.events[-1]
    assert (event.action, event.resource, event.success) == (Action.MFA_READ, "Factor", True)
    world.factors.phone_was_verified(me.person.sub)
    world.factors.replace_recovery_codes(me.person.sub, {"a", "b"})
    assert list_factors(me.call()) == Own(("SOFTWARE_TOKEN_MFA",), "SOFTWARE_TOKEN_MFA", ("SMS_MFA",), 2)


def test_nothing_is_shown_unrecorded(world: World, me: SignedIn) -> None:
    call = me.call()
    world.events_store.down = True
    with pytest.raises(Unavailable):
        list_factors(call)


def test_a_proven_phone_can_be_turned_on(world: World, me: SignedIn) -> None:
    world.factors.phone_was_verified(me.person.sub)
    prefer_factor(me.call(), SMS)
    assert world.factor_provider.factors(me.person.sub)[1] == "SMS_MFA"
    assert world.factor_provider.enabled[me.person.sub] == {"SMS_MFA", "SOFTWARE_TOKEN_MFA"}
    changed = [event for event in world.events if event.action is Action.MFA_CHANGE]
    assert [(event.success, event.risk, event.resource_id) for event in changed] == [(True, RiskLevel.HIGH, "SMS_MFA")]
    assert world.messenger.emails[-1][1].purpose is Purpose.FACTOR_CHANGED
    prefer_factor(me.call(), APP)
    assert world.factor_provider.factors(me.person.sub)[1] == "SOFTWARE_TOKEN_MFA"


def test_a_phone_that_was_never_proven_cannot(world: World, me: SignedIn) -> None:
    with pytest.raises(Unprocessable):
        prefer_factor(me.call(), SMS)
    assert world.factor_provider.phones == set()
    assert world.events[-1].error == "unprocessable"


def test_an_app_that_was_removed_comes_back_by_enrolment_alone(world: World, me: SignedIn) -> None:
    call = me.call()
    world.factor_provider.remove_all(me.person.sub)
    with pytest.raises(Unprocessable):
        prefer_factor(call, APP)


def test_an_older_sign_in_has_to_be_repeated(world: World, me: SignedIn) -> None:
    world.factors.phone_was_verified(me.person.sub)
    with pytest.raises(SignInAgain):
        prefer_factor(me.call(age=301), SMS)
    assert world.factor_provider.factors(me.person.sub)[1] == "SOFTWARE_TOKEN_MFA"


def test_nothing_changes_unrecorded(world: World, me: SignedIn) -> None:
    world.factors.phone_was_verified(me.person.sub)
    call = me.call()
    world.events_store.down = True
    with pytest.raises(Unavailable):
        prefer_factor(call, SMS)
    assert world.factor_provider.factors(me.person.sub)[1] == "SOFTWARE_TOKEN_MFA"


def test_a_change_that_fails_is_recorded_again(world: World, me: SignedIn, monkeypatch: pytest.MonkeyPatch) -> None:
    def broken(user_id: str, factor: Factor) -> None:
        raise Unavailable

    monkeypatch.setattr(world.factor_provider, "prefer", broken)
    with pytest.raises(Unavailable):
        prefer_factor(me.call(), APP)
    changed = [event.error for event in world.events if event.action is Action.MFA_CHANGE]
    assert changed == ["", "unavailable"]
    assert world.messenger.emails == []


@pytest.mark.parametrize("text", ['"EMAIL_OTP"', '"sms_mfa"', "1", "null", '["SMS_MFA"]'])
def test_other_names_are_no_factors(text: str) -> None:
    with pytest.raises(InvalidInput):
        read(PreferFactor, f'{{"preferred": {text}}}'.encode())
    assert read(PreferFactor, b'{"preferred": "SMS_MFA"}') == SMS
