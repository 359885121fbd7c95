"""Lost factors: password and proof buy the set-up of a new one in this sign-in, and the rest is over."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from phivault.audit.event import Action, RiskLevel
from phivault.errors import InvalidCredentials, InvalidInput, Unauthenticated, Unavailable
from phivault.identity import inputs
from phivault.identity.challenge import challenge
from phivault.identity.enrol_totp import enrol_totp
from phivault.identity.messages import Purpose
from phivault.identity.mfa_reset import MfaReset
from phivault.identity.provider import Challenged, ChallengeName, Tokens
from phivault.identity.recover import Recover, recover
from phivault.identity.recovery_codes import new_recovery_codes
from phivault.inputs import read
from tests.unit.identity.administering import Office
from tests.unit.identity.fakes import ELSEWHERE, HOME, World
from tests.unit.identity.signed_in import SignedIn


@pytest.fixture
def me(world: World) -> SignedIn:
    return SignedIn(world)


@pytest.fixture
def codes(me: SignedIn) -> tuple[str, ...]:
    return new_recovery_codes(me.call())


def _body(world: World, code: str | None, password: str = "") -> Recover:
    document = {"email": world.person.email, "password": password or world.person.password, "recovery_code": code}
    return read(Recover, json.dumps(document).encode())


def _approved(world: World) -> MfaReset:
    now = int(world.clock())
    office = Office(world)
    by, other = office.officer.user_id, office.admin.user_id
    reset = MfaReset("reset-1", world.person.sub, "tenant-a", by, now - 9, now + 900, other, now - 1)
    world.mfa_resets.request(reset)
    return reset


def test_a_code_leads_to_a_new_factor_and_tokens(world: World, me: SignedIn, codes: tuple[str, ...]) -> None:
    asked = recover(world.identity, _body(world, codes[0].lower()), ELSEWHERE)
    assert (asked.challenge, asked.user_id) == (ChallengeName.MFA_SETUP, world.person.sub)
    begun = enrol_totp(world.identity, inputs.MfaTotp(session=asked.session), ELSEWHERE)
    following = Challenged(ChallengeName.MFA_SETUP, begun.session)
    assert isinstance(challenge(world.identity, world.answer(following), ELSEWHERE), Tokens)
    kept = world.factors.factors(world.person.sub)
    assert (kept.enrolled, kept.enrolment, kept.enrolment_until) == (True, "", 0)
    assert len(kept.recovery_codes) == 9


def test_all_factors_and_sessions_are_gone(world: World, me: SignedIn, codes: tuple[str, ...]) -> None:
    world.factors.phone_was_verified(world.person.sub)
    world.factor_provider.turn_on_sms(world.person.sub)
    recover(world.identity, _body(world, codes[0]), HOME)
    assert world.factor_provider.factors(world.person.sub) == (frozenset(), "")
    assert not world.factors.factors(world.person.sub).phone_verified
    with pytest.raises(Unauthenticated):
        me.call()


def test_it_is_recorded_before_and_the_user_is_told(world: World, codes: tuple[str, ...]) -> None:
    recover(world.identity, _body(world, codes[0]), HOME)
    (event,) = [event for event in world.events if event.action is Action.MFA_RECOVER]
    assert (event.success, event.risk, event.user_id) == (True, RiskLevel.HIGH, world.person.sub)
    assert (event.resource, event.resource_id) == ("Challenge", "RECOVERY_CODE")
    assert world.messenger.emails[-1][0] == world.person.email
    assert world.messenger.emails[-1][1].purpose is Purpose.FACTORS_LOST


def test_an_app_that_was_being_added_is_forgotten(world: World, me: SignedIn, codes: tuple[str, ...]) -> None:
    me.add_app()
    recover(world.identity, _body(world, codes[0]), HOME)
    assert world.factors.under_way == {}


def test_a_reset_in_effect_serves_once_and_voids_the_codes(world: World, codes: tuple[str, ...]) -> None:
    _approved(world)
    assert recover(world.identity, _body(world, None), HOME).challenge is ChallengeName.MFA_SETUP
    assert world.mfa_resets.rows == {}
    assert world.factors.factors(world.person.sub).recovery_codes == frozenset()
    event = next(event for event in world.events if event.action is Action.MFA_RECOVER)
    assert event.resource_id == "MFA_RESET"
    with pytest.raises(InvalidCredentials):
        recover(world.identity, _body(world, None), HOME)


def test_a_reset_that_still_cools_serves_nobody(world: World, me: SignedIn) -> None:
    reset = _approved(world)
    world.mfa_resets.rows[world.person.sub] = replace(reset, effective=int(world.clock()) + 60)
    with pytest.raises(InvalidCredentials):
        recover(world.identity, _body(world, None), HOME)
    me.call()


def test_the_user_need_not_know_a_factor_but_the_password(world: World, me: SignedIn, codes: tuple[str, ...]) -> None:
    with pytest.raises(InvalidCredentials):
        recover(world.identity, _body(world, codes[0], "not" + world.person.password), HOME)
    assert len(world.factors.factors(world.person.sub).recovery_codes) == 10
    me.call()


def test_nothing_is_used_up_unrecorded(world: World, me: SignedIn, codes: tuple[str, ...]) -> None:
    world.events_store.down = True
    with pytest.raises(Unavailable):
        recover(world.identity, _body(world, codes[0]), HOME)
    assert len(world.factors.factors(world.person.sub).recovery_codes) == 10
    world.events_store.down = False
    me.call()


def test_a_breakdown_after_the_code_is_recorded_again(world: World, codes: tuple[str, ...]) -> None:
    world.factor_provider.down = True
    with pytest.raises(Unavailable):
        recover(world.identity, _body(world, codes[0]), HOME)
    found = [event.error for event in world.events if event.action is Action.MFA_RECOVER]
    assert found == ["", "unavailable"]


def test_a_provider_that_still_asks_for_a_factor_gets_no_further(
    world: World, codes: tuple[str, ...], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(world.factor_provider, "remove_all", lambda _: None)
    with pytest.raises(Unavailable):
        recover(world.identity, _body(world, codes[0]), HOME)
    assert world.factors.factors(world.person.sub).enrolment == ""


@pytest.mark.parametrize("code", ["", "A" * 15, "A" * 65, "1" * 16, 7])
def test_what_is_no_code_is_no_input(world: World, code: str) -> None:
    with pytest.raises(InvalidInput, match="recovery_code"):
        _body(world, code)
