"""Sign-in from a temporary password to sign-out, on a Cognito that checks."""

from __future__ import annotations

import re
from collections.abc import Callable
from typing import Any

import httpx
import pyotp
import pytest
from joserfc import jwt
from joserfc.jwk import KeySet

from phivault.adapters.aws import client
from phivault.audit.event import Action
from phivault.errors import (
    AccessDenied,
    InvalidCredentials,
    InvalidInput,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)
from phivault.identity.enrol_totp import enrol_totp
from phivault.identity.inputs import MfaTotp, Refresh, SignOut
from phivault.identity.provider import Challenged, ChallengeName, Tokens
from phivault.identity.refresh import refresh
from phivault.identity.sign_out import sign_out
from tests.contract.identity.conftest import ENDPOINT, POOL_ID, Stack, User
from tests.unit.identity.fakes import HOME, authorized


def _issued(answer: Challenged | Tokens) -> Tokens:
    assert isinstance(answer, Tokens)
    return answer


def _asked(answer: Challenged | Tokens) -> Challenged:
    assert isinstance(answer, Challenged)
    return answer


def _enrolled(stack: Stack) -> tuple[User, Tokens]:
    """A user who went from a temporary password through a new one to an authenticator."""
    user = stack.user(False)
    first = stack.begin(user)
    assert first.challenge is ChallengeName.NEW_PASSWORD_REQUIRED
    user.password = "A-new-long-passw0rd"
    second = _asked(stack.answer(user, first, user.password))
    assert second.challenge is ChallengeName.MFA_SETUP
    begun = enrol_totp(stack.identity, MfaTotp(session=second.session), HOME)
    user.totp = pyotp.TOTP(begun.secret)
    third = Challenged(ChallengeName.MFA_SETUP, begun.session)
    return user, _issued(stack.answer(user, third, stack.code(user)))


def test_from_a_temporary_password_to_sign_out(stack: Stack) -> None:
    user, tokens = _enrolled(stack)
    principal = stack.sessions.authenticate(authorized(tokens.access_token), HOME)
    assert (principal.user_id, principal.tenant, principal.role) == (user.sub, "tenant-a", "clinician")
    renewed = refresh(stack.identity, Refresh(refresh_token=tokens.refresh_token), HOME)
    principal = stack.sessions.authenticate(authorized(renewed.access_token), HOME)
    sign_out(stack.identity, principal, SignOut(refresh_token=renewed.refresh_token), HOME)
    with pytest.raises(Unauthenticated):
        stack.sessions.authenticate(authorized(renewed.access_token), HOME)
    assert [event.action for event in stack.log.events] == [
        Action.SIGN_IN,
        Action.CHALLENGE,  # about to be answered: a password that is set stays
        Action.CHALLENGE,
        Action.MFA_ENROL,
        Action.CHALLENGE,  # and so does a factor
        Action.CHALLENGE,
        Action.TOKEN_ISSUE,
        Action.TOKEN_REFRESH,
        Action.SIGN_OUT,
        Action.SESSION_REFUSED,
    ]


def test_the_token_is_signed_for_our_api_alone(stack: Stack) -> None:
    _, tokens = _enrolled(stack)
    keys = KeySet.import_key_set(httpx.get(f"{stack.pooled.issuer}/.well-known/jwks.json").json())
    claims = jwt.decode(tokens.access_token, keys, algorithms=["RS256"]).claims
    assert claims["scope"].split() == ["phivault/api"]
    assert claims["exp"] - claims["iat"] == tokens.expires_in == 900


def test_a_text_message(stack: Stack, with_phone: Callable[..., User]) -> None:
    user = with_phone(custom__role="patient", custom__patient_id="p-1")
    challenged = stack.begin(user)
    assert challenged.challenge is ChallengeName.SMS_MFA
    assert re.fullmatch(r"\+\*+\d{4}", challenged.destination)
    tokens = _issued(stack.answer(user, challenged, stack.texted(user)))
    assert stack.sessions.authenticate(authorized(tokens.access_token), HOME).patient_id == "p-1"


def test_choosing_a_factor(stack: Stack, with_phone: Callable[..., User]) -> None:
    user, _ = _enrolled(stack)
    api: Any = client("cognito-idp")
    phone = [{"Name": "phone_number", "Value": "+15555550123"}, {"Name": "phone_number_verified", "Value": "true"}]
    api.admin_update_user_attributes(UserPoolId=POOL_ID, Username=user.email, UserAttributes=phone)
    on = {"Enabled": True, "PreferredMfa": False}
    api.admin_set_user_mfa_preference(
        UserPoolId=POOL_ID, Username=user.email, SMSMfaSettings=on, SoftwareTokenMfaSettings=on
    )
    first = stack.begin(user)
    assert first.challenge is ChallengeName.SELECT_MFA_TYPE
    assert set(first.choices) == {"SMS_MFA", "SOFTWARE_TOKEN_MFA"}
    second = _asked(stack.answer(user, first, "SOFTWARE_TOKEN_MFA"))
    assert _issued(stack.answer(user, second, stack.code(user)))


def test_a_code_is_accepted_once(stack: Stack) -> None:
    user, _ = _enrolled(stack)
    code = stack.code(user)
    assert _issued(stack.answer(user, stack.begin(user), code))
    with pytest.raises(InvalidCredentials):
        stack.answer(user, stack.begin(user), code)


def test_a_wrong_code_may_be_corrected_in_its_session(stack: Stack) -> None:
    user, _ = _enrolled(stack)
    challenged = stack.begin(user)
    right = stack.code(user)
    with pytest.raises(InvalidCredentials):
        stack.answer(user, challenged, f"{(int(right) + 1) % 10**6:06}")
    assert _issued(stack.answer(user, challenged, right))


def test_a_wrong_first_code_enrols_nothing(stack: Stack) -> None:
    user = stack.user()
    begun = enrol_totp(stack.identity, MfaTotp(session=stack.begin(user).session), HOME)
    user.totp = pyotp.TOTP(begun.secret)
    third = Challenged(ChallengeName.MFA_SETUP, begun.session)
    right = stack.code(user)
    with pytest.raises(InvalidCredentials):
        stack.answer(user, third, f"{(int(right) + 1) % 10**6:06}")
    assert stack.begin(user).challenge is ChallengeName.MFA_SETUP
    assert stack.log.events[-1].action is Action.SIGN_IN


def test_the_provider_itself_binds_sessions_to_users(stack: Stack, with_phone: Callable[..., User]) -> None:
    mine, theirs = with_phone(), with_phone()
    challenged = stack.provider.initiate(mine.email, mine.password)
    code = stack.texted(mine)
    with pytest.raises(InvalidCredentials):
        stack.provider.respond(ChallengeName.SMS_MFA, challenged.session, theirs.email, code)


def test_a_weak_new_password_is_refused_by_rule(stack: Stack) -> None:
    user = stack.user(False)
    first = stack.begin(user)
    with pytest.raises(InvalidInput, match="new_password"):
        stack.answer(user, first, "short")
    assert _asked(stack.answer(user, first, "A-new-long-passw0rd"))


def test_unknown_user_and_wrong_password_look_alike(stack: Stack, with_phone: Callable[..., User]) -> None:
    texts = set()
    for user in (with_phone(), User("nobody@example.test", "whatever")):
        with pytest.raises(InvalidCredentials) as refused:
            stack.begin(user, "wrong-password")
        texts.add((str(refused.value), refused.value.detail))
    assert len(texts) == 1


def test_our_lock_comes_before_the_providers(stack: Stack, with_phone: Callable[..., User]) -> None:
    user = with_phone()
    for _ in range(4):
        with pytest.raises(InvalidCredentials):
            stack.begin(user, "wrong-password")
    with pytest.raises(TooManyRequests):
        stack.begin(user)
    assert stack.provider.initiate(user.email, user.password)


def test_a_lock_provoked_past_us_says_when_to_come_back(stack: Stack, with_phone: Callable[..., User]) -> None:
    user = with_phone()
    with stack.clock.standing():
        for _ in range(5):
            with pytest.raises(InvalidCredentials):
                stack.provider.initiate(user.email, "wrong-password")
        with pytest.raises(TooManyRequests) as refused:
            stack.begin(user)
        assert refused.value.retry_after == 1
        stack.clock.ahead += 1
        assert stack.begin(user)


@pytest.mark.parametrize("missing", ["custom__role", "custom__tenant_id"])
def test_the_trigger_keeps_unfinished_accounts_out(stack: Stack, with_phone: Callable[..., User], missing: str) -> None:
    user = with_phone(**{missing: ""})
    challenged = stack.begin(user)
    with pytest.raises(AccessDenied):
        stack.answer(user, challenged, stack.texted(user))


def test_a_role_taken_away_ends_refresh(stack: Stack) -> None:
    user, tokens = _enrolled(stack)
    api: Any = client("cognito-idp")
    api.admin_update_user_attributes(
        UserPoolId=POOL_ID, Username=user.email, UserAttributes=[{"Name": "custom:role", "Value": "nobody"}]
    )
    with pytest.raises(AccessDenied):
        refresh(stack.identity, Refresh(refresh_token=tokens.refresh_token), HOME)


def test_a_stolen_refresh_token_ends_the_family(stack: Stack) -> None:
    _, tokens = _enrolled(stack)
    newest = refresh(stack.identity, Refresh(refresh_token=tokens.refresh_token), HOME)
    with pytest.raises(Unauthenticated):
        refresh(stack.identity, Refresh(refresh_token=tokens.refresh_token), HOME)
    assert stack.log.events[-1].action is Action.TOKEN_REUSE
    with pytest.raises(Unauthenticated):
        stack.sessions.authenticate(authorized(newest.access_token), HOME)
    with pytest.raises(InvalidCredentials):
        stack.provider.refresh(newest.refresh_token)


def test_tokens_minted_past_us_do_not_authenticate(stack: Stack) -> None:
    _, tokens = _enrolled(stack)
    minted = stack.provider.refresh(tokens.refresh_token)
    with pytest.raises(Unauthenticated):
        stack.sessions.authenticate(authorized(minted.access_token), HOME)


def test_revoking_is_repeatable(stack: Stack) -> None:
    _, tokens = _enrolled(stack)
    stack.provider.revoke(tokens.refresh_token)
    stack.provider.revoke(tokens.refresh_token)
    stack.provider.revoke("never-was-a-refresh-token")
    stack.provider.revoke("looks.like.ajwt")
    with pytest.raises(InvalidCredentials):
        stack.provider.refresh(tokens.refresh_token)


def test_no_provider_no_sign_in(stack: Stack, monkeypatch: pytest.MonkeyPatch) -> None:
    from phivault.adapters.aws import forget_clients

    user = stack.user()
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    forget_clients()
    try:
        with pytest.raises(Unavailable):
            stack.begin(user)
    finally:
        monkeypatch.undo()
        forget_clients()
