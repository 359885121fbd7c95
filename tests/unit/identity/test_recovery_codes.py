"""Ten codes, shown once, kept as hashes that serve one user."""

from __future__ import annotations

import re

import pytest

from phivault.audit.event import Action, RiskLevel
from phivault.errors import SignInAgain, Unavailable
from phivault.identity.messages import Purpose
from phivault.identity.recovery_codes import hash_of, new_recovery_codes, normalised
from tests.unit.identity.fakes import World
from tests.unit.identity.signed_in import SignedIn


@pytest.fixture
def me(world: World) -> SignedIn:
    return SignedIn(world)


def test_ten_different_codes_of_eighty_bits(me: SignedIn) -> None:
    codes = new_recovery_codes(me.call())
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"[A-Z2-7]{4}(-[A-Z2-7]{4}){3}", code) for code in codes)


def test_only_hashes_are_kept_and_the_event_has_none(world: World, me: SignedIn) -> None:
    codes = new_recovery_codes(me.call())
    kept = world.factors.factors(me.person.sub).recovery_codes
    assert kept == {hash_of(me.person.sub, normalised(code)) for code in codes}
    assert not any(normalised(code) in repr(world.factors.rows) for code in codes)
    (event,) = [event for event in world.events if event.action is Action.RECOVERY_CODES]
    assert (event.success, event.risk, event.user_id) == (True, RiskLevel.HIGH, me.person.sub)
    lines = b"".join(world.events_store.objects.values())
    assert not any(code.encode() in lines or normalised(code).encode() in lines for code in codes)


def test_new_codes_void_the_old_ones_and_the_user_is_told(world: World, me: SignedIn) -> None:
    old = new_recovery_codes(me.call())
    new_recovery_codes(me.call())
    assert not world.factors.take_recovery_code(me.person.sub, hash_of(me.person.sub, normalised(old[0])))
    assert [message.purpose for _, message in world.messenger.emails] == [Purpose.FACTOR_CHANGED] * 2


def test_a_hash_serves_one_user() -> None:
    assert hash_of("user-1", "A" * 16) != hash_of("user-2", "A" * 16)


def test_an_older_sign_in_has_to_be_repeated(world: World, me: SignedIn) -> None:
    with pytest.raises(SignInAgain):
        new_recovery_codes(me.call(age=301))
    assert world.factors.factors(me.person.sub).recovery_codes == frozenset()


def test_no_codes_leave_unrecorded(world: World, me: SignedIn) -> None:
    call = me.call()
    world.events_store.down = True
    with pytest.raises(Unavailable):
        new_recovery_codes(call)
    assert world.factors.factors(me.person.sub).recovery_codes == frozenset()


def test_codes_are_read_as_people_type_them() -> None:
    assert normalised(" abcd-efgh-2345-mnop ") == "ABCDEFGH2345MNOP"
    for text in ("", "A" * 15, "A" * 17, "0" * 16, "ABCD_EFGH_2345_MNOP"):
        with pytest.raises(ValueError, match="recovery code"):
            normalised(text)
