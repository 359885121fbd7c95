"""The secret goes only to whom the password's session belongs, labelled with their own address."""

from __future__ import annotations

from urllib.parse import parse_qs, unquote, urlsplit

import pytest

from phivault.audit.event import Action
from phivault.errors import InvalidCredentials, Unavailable
from phivault.identity.challenge import challenge
from phivault.identity.enrol_totp import enrol_totp, otpauth_uri
from phivault.identity.inputs import MfaTotp
from phivault.identity.provider import Challenged, ChallengeName, Tokens
from phivault.identity.sign_in import sign_in
from tests.unit.identity.fakes import ELSEWHERE, HOME, World


@pytest.fixture
def first(world: World) -> Challenged:
    world.person.challenge = ChallengeName.MFA_SETUP
    return sign_in(world.identity, world.credentials(), HOME)


def test_enrolment_goes_from_secret_to_tokens(world: World, first: Challenged) -> None:
    begun = enrol_totp(world.identity, MfaTotp(session=first.session), ELSEWHERE)
    event = world.events[-1]
    assert (event.action, event.resource_id, event.user_id) == (
        Action.MFA_ENROL,
        "SOFTWARE_TOKEN_MFA",
        world.person.sub,
    )
    assert world.opened(event)["ip_address"] == ELSEWHERE.ip
    following = Challenged(ChallengeName.MFA_SETUP, begun.session)
    assert isinstance(challenge(world.identity, world.answer(following), HOME), Tokens)


def test_the_uri_says_what_an_app_needs(world: World, first: Challenged) -> None:
    begun = enrol_totp(world.identity, MfaTotp(session=first.session), HOME)
    uri = urlsplit(begun.otpauth_uri)
    assert (uri.scheme, uri.netloc) == ("otpauth", "totp")
    assert unquote(uri.path) == f"/phivault:{world.person.email}"
    assert parse_qs(uri.query)["secret"] == [begun.secret]
    assert parse_qs(uri.query)["issuer"] == ["phivault"]


def test_a_label_cannot_break_out_of_the_uri() -> None:
    uri = urlsplit(otpauth_uri("ABC", "a?issuer=evil&b/c#d:e@example.test"))
    assert parse_qs(uri.query)["issuer"] == ["phivault"]
    assert uri.fragment == ""


def test_no_secret_for_a_session_that_waits_for_another_challenge(world: World) -> None:
    challenged = sign_in(world.identity, world.credentials(), HOME)
    with pytest.raises(InvalidCredentials):
        enrol_totp(world.identity, MfaTotp(session=challenged.session), HOME)
    assert (world.events[-1].action, world.events[-1].success) == (Action.MFA_ENROL, False)


def test_no_secret_for_a_made_up_session(world: World) -> None:
    with pytest.raises(InvalidCredentials):
        enrol_totp(world.identity, MfaTotp(session="s" * 64), HOME)
    assert world.opened(world.events[-1]) == {"ip_address": HOME.ip, "user_agent": HOME.user_agent}


def test_no_secret_leaves_when_the_recorder_fails(world: World, first: Challenged) -> None:
    world.events_store.down = True
    with pytest.raises(Unavailable):
        enrol_totp(world.identity, MfaTotp(session=first.session), HOME)


def test_an_enrolment_prints_no_secret(world: World, first: Challenged) -> None:
    begun = enrol_totp(world.identity, MfaTotp(session=first.session), HOME)
    assert begun.secret not in repr(begun)
    assert begun.session not in repr(begun)
