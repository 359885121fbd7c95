"""Second factors on a Cognito that checks and asks our trigger: added, preferred, lost, and set up again."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any

import httpx
import pyotp
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from phivault import bootstrap
from phivault.access.decide import Decider
from phivault.adapters.aws import client
from phivault.errors import AccessDenied, InvalidCredentials, Unauthenticated
from phivault.identity.add_totp import Begun, add_totp, unseal
from phivault.identity.enrol_totp import enrol_totp
from phivault.identity.factors import Factor
from phivault.identity.finish_totp import FinishTotp, finish_totp
from phivault.identity.inputs import MfaTotp, Refresh
from phivault.identity.list_factors import list_factors
from phivault.identity.pre_token import SELF_SERVICE_SCOPE, hash_of_nonce
from phivault.identity.prefer_factor import PreferFactor, prefer_factor
from phivault.identity.provider import Challenged, ChallengeName, Tokens
from phivault.identity.recover import Recover, recover
from phivault.identity.recovery_codes import new_recovery_codes, normalised
from phivault.identity.users.call import Call
from tests.contract.identity.conftest import CLIENT_ID, Stack, User
from tests.unit.identity.fakes import HOME, authorized

_decider = Decider()


@pytest.fixture(autouse=True)
def _trigger_finds_grants(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(bootstrap, "factor_rows", lambda: stack.factor_rows)
    monkeypatch.setattr(bootstrap, "recorder", lambda: stack.identity.recorder)


@dataclass
class Me:
    """A signed-in user; ``tokens`` are the newest."""

    stack: Stack
    user: User
    tokens: Tokens

    def call(self) -> Call:
        who = self.stack.sessions.authenticate(authorized(self.tokens.access_token), HOME)
        # The pool's clock runs ahead in these tests; how old a sign-in is goes by the clock on the wall.
        return Call(self.stack.identity, _decider, replace(who, auth_time=int(time.time())), HOME)

    def add_app(self) -> Begun:
        begun = add_totp(self.call(), Refresh(refresh_token=self.tokens.refresh_token))
        self.tokens = replace(self.tokens, refresh_token=begun.refresh_token)
        return begun

    def code(self, secret: str) -> FinishTotp:
        return FinishTotp(code=pyotp.TOTP(secret).at(int(self.stack.clock())))

    def withheld(self) -> str:
        """The access token with the scope that the newest beginning left in the table."""
        call = self.call()
        under_way = self.stack.factor_rows.attempt(self.user.sub, call.principal.session_id, 3)
        assert under_way is not None
        return unseal(self.stack.identity.keys, call.principal, under_way)

    def recover(self, code: str) -> Challenged:
        body = Recover(email=self.user.email, password=self.user.password, recovery_code=normalised(code))
        return recover(self.stack.identity, body, HOME)


def _enrol(stack: Stack, user: User, asked: Challenged) -> Tokens:
    begun = enrol_totp(stack.identity, MfaTotp(session=asked.session), HOME)
    user.totp = pyotp.TOTP(begun.secret)
    answer = stack.answer(user, Challenged(ChallengeName.MFA_SETUP, begun.session), stack.code(user))
    assert isinstance(answer, Tokens)
    return answer


@pytest.fixture
def me(stack: Stack) -> Me:
    user = stack.user()
    return Me(stack, user, _enrol(stack, user, stack.begin(user)))


@pytest.fixture
def texted(stack: Stack, with_phone: Callable[..., User]) -> Me:
    """Somebody whose factor is the phone alone."""
    user = with_phone()
    answer = stack.answer(user, stack.begin(user), stack.texted(user))
    assert isinstance(answer, Tokens)
    stack.factor_rows.phone_was_verified(user.sub)
    return Me(stack, user, answer)


def test_an_app_beside_the_phone(texted: Me) -> None:
    begun = texted.add_app()
    assert texted.stack.begin(texted.user).challenge is ChallengeName.SMS_MFA, "nothing changed before the first code"
    finish_totp(texted.call(), texted.code(begun.secret))
    shown = list_factors(texted.call())
    assert (shown.factors, shown.preferred) == (("SMS_MFA", "SOFTWARE_TOKEN_MFA"), "SOFTWARE_TOKEN_MFA")
    texted.user.totp = pyotp.TOTP(begun.secret)
    asked = texted.stack.begin(texted.user)
    assert asked.challenge is ChallengeName.SOFTWARE_TOKEN_MFA
    assert isinstance(texted.stack.answer(texted.user, asked, texted.stack.code(texted.user)), Tokens)


def test_an_app_in_place_of_an_app(me: Me) -> None:
    old = me.user.totp
    begun = me.add_app()
    finish_totp(me.call(), me.code(begun.secret))
    asked = me.stack.begin(me.user)
    with pytest.raises(InvalidCredentials):
        me.stack.answer(me.user, asked, me.stack.code(me.user))
    assert old is not None
    me.user.totp = pyotp.TOTP(begun.secret)
    assert isinstance(me.stack.answer(me.user, asked, me.stack.code(me.user)), Tokens)


def test_the_phone_is_preferred_and_the_app_again(texted: Me) -> None:
    begun = texted.add_app()
    finish_totp(texted.call(), texted.code(begun.secret))
    prefer_factor(texted.call(), PreferFactor(preferred=Factor.SMS_MFA))
    assert texted.stack.begin(texted.user).challenge is ChallengeName.SMS_MFA
    prefer_factor(texted.call(), PreferFactor(preferred=Factor.SOFTWARE_TOKEN_MFA))
    assert texted.stack.begin(texted.user).challenge is ChallengeName.SOFTWARE_TOKEN_MFA


def test_a_proven_phone_that_is_off_is_turned_on(me: Me) -> None:
    api: Any = client("cognito-idp")
    phone = [{"Name": "phone_number", "Value": "+15555550177"}]  # proven to us; to Cognito not, or it would ask for it
    api.admin_update_user_attributes(UserPoolId="us-east-1_Contract", Username=me.user.sub, UserAttributes=phone)
    me.stack.factor_rows.phone_was_verified(me.user.sub)
    assert me.stack.begin(me.user).challenge is ChallengeName.SOFTWARE_TOKEN_MFA
    prefer_factor(me.call(), PreferFactor(preferred=Factor.SMS_MFA))
    me.user.phone = "+15555550177"
    asked = me.stack.begin(me.user)
    assert asked.challenge is ChallengeName.SMS_MFA
    assert isinstance(me.stack.answer(me.user, asked, me.stack.texted(me.user)), Tokens)


def test_the_withheld_token_has_cognitos_scope_and_is_nobodys_here(me: Me) -> None:
    me.add_app()
    token = me.withheld()
    keys = KeySet.import_key_set(httpx.get(f"{me.stack.pooled.issuer}/.well-known/jwks.json").json())
    claims = jwt.decode(token, keys, algorithms=["RS256"]).claims
    assert claims["scope"].split() == [SELF_SERVICE_SCOPE]
    assert {"tenant_id", "role", "patient_id"}.isdisjoint(claims)
    with pytest.raises(Unauthenticated):
        me.stack.sessions.authenticate(authorized(token), HOME)


def test_tokens_after_it_have_our_scope_alone(me: Me) -> None:
    me.add_app()
    renewed = me.stack.provider.refresh(me.tokens.refresh_token)
    assert authorized(renewed.access_token)["scope"] == "phivault/api"


def test_the_grant_is_taken_back(me: Me, monkeypatch: pytest.MonkeyPatch) -> None:
    granted: list[str] = []
    keep = me.stack.factor_rows.grant

    def noted(nonce_hash: str, user_id: str, expires: int) -> None:
        granted.append(nonce_hash)
        keep(nonce_hash, user_id, expires)

    monkeypatch.setattr(me.stack.factor_rows, "grant", noted)
    me.add_app()
    (nonce_hash,) = granted
    assert me.stack.factor_rows.granted(nonce_hash) == ""


def test_cognitos_retry_of_the_trigger_gets_the_same_answer(me: Me) -> None:
    from functions.pre_token.handler import handler

    me.stack.factor_rows.grant(hash_of_nonce("n" * 43), me.user.sub, int(me.stack.clock()) + 60)
    event = {
        "version": "2",
        "triggerSource": "TokenGeneration_RefreshTokens",
        "userPoolId": "us-east-1_Contract",
        "userName": me.user.sub,
        "request": {
            "userAttributes": {"custom:tenant_id": "tenant-a", "custom:role": "clinician"},
            "clientMetadata": {"nonce": "n" * 43},
        },
        "response": {},
    }
    first = handler(event, None)
    assert handler(event, None) == first
    access = first["response"]["claimsAndScopeOverrideDetails"]["accessTokenGeneration"]
    assert access["scopesToSuppress"] == []


def test_a_recovery_code_leads_to_another_app(me: Me) -> None:
    codes = new_recovery_codes(me.call())
    asked = me.recover(codes[0])
    assert asked.challenge is ChallengeName.MFA_SETUP
    with pytest.raises(Unauthenticated):
        me.call()
    me.tokens = _enrol(me.stack, me.user, asked)
    shown = list_factors(me.call())
    assert (shown.factors, shown.preferred, shown.recovery_codes) == (("SOFTWARE_TOKEN_MFA",), "SOFTWARE_TOKEN_MFA", 9)
    assert me.stack.begin(me.user).challenge is ChallengeName.SOFTWARE_TOKEN_MFA


def test_a_lost_phone_is_asked_for_no_more(texted: Me) -> None:
    codes = new_recovery_codes(texted.call())
    asked = texted.recover(codes[3])
    assert asked.challenge is ChallengeName.MFA_SETUP
    texted.tokens = _enrol(texted.stack, texted.user, asked)
    assert list_factors(texted.call()).available == ()
    assert texted.stack.begin(texted.user).challenge is ChallengeName.SOFTWARE_TOKEN_MFA


def test_a_nonce_that_nobody_granted_buys_no_tokens(me: Me) -> None:
    api: Any = client("cognito-idp")
    given = {"ClientId": CLIENT_ID, "RefreshToken": me.tokens.refresh_token, "ClientMetadata": {"nonce": "forged"}}
    with pytest.raises(api.exceptions.UserLambdaValidationException):
        api.get_tokens_from_refresh_token(**given)
    with pytest.raises(AccessDenied):
        me.stack.identity.factor_provider.refresh_for_enrolment(me.tokens.refresh_token, "forged")
