"""What administrators do to accounts, at the local Cognito."""

from __future__ import annotations

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from phivault.access.roles import Role
from phivault.adapters.aws import client, forget_clients
from phivault.adapters.cognito_users import CognitoUsers
from phivault.errors import InvalidCredentials, NotFound, Unauthenticated, Unavailable
from phivault.identity import inputs
from phivault.identity.provider import Tokens
from phivault.identity.refresh import refresh
from tests.contract.identity.conftest import ENDPOINT, POOL_ID, Stack, User
from tests.unit.identity.fakes import HOME

type MakeUser = Callable[..., User]


@pytest.fixture
def users() -> CognitoUsers:
    return CognitoUsers(POOL_ID)


def attributes(user: User) -> dict[str, str]:
    api: Any = client("cognito-idp")
    found = api.admin_get_user(UserPoolId=POOL_ID, Username=user.sub)
    return {one["Name"]: one["Value"] for one in found["UserAttributes"]}


def signed_in(stack: Stack, user: User) -> Tokens:
    tokens = stack.answer(user, stack.begin(user), stack.texted(user))
    assert isinstance(tokens, Tokens)
    return tokens


def test_a_disabled_account_signs_in_no_more_until_it_is_enabled(
    stack: Stack, with_phone: MakeUser, users: CognitoUsers
) -> None:
    user = with_phone()
    tokens, begun = signed_in(stack, user), stack.begin(user)
    code = stack.texted(user)
    for _ in range(2):
        users.disable(user.sub)
    for attempt in (
        lambda: stack.begin(user),
        lambda: stack.answer(user, begun, code),
        lambda: refresh(stack.identity, inputs.Refresh(refresh_token=tokens.refresh_token), HOME),
    ):
        with pytest.raises(Unauthenticated):
            attempt()
    for _ in range(2):
        users.enable(user.sub)
    assert signed_in(stack, user).access_token


def test_signing_out_revokes_what_can_be_refreshed(stack: Stack, with_phone: MakeUser, users: CognitoUsers) -> None:
    user = with_phone()
    tokens = signed_in(stack, user)
    for _ in range(2):
        users.sign_out(user.sub)
    with pytest.raises(InvalidCredentials):
        stack.provider.refresh(tokens.refresh_token)


def test_no_patient_stays_with_somebody_who_is_none(stack: Stack, with_phone: MakeUser, users: CognitoUsers) -> None:
    user = with_phone()
    users.set_role(user.sub, Role.PATIENT, "p-1")
    assert (attributes(user)["custom:role"], attributes(user)["custom:patient_id"]) == ("patient", "p-1")
    users.set_role(user.sub, Role.AUDITOR, None)
    assert attributes(user)["custom:role"] == "auditor"
    assert "custom:patient_id" not in attributes(user)


def test_an_unknown_user_is_told_apart_from_an_outage(
    stack: Stack, users: CognitoUsers, monkeypatch: pytest.MonkeyPatch
) -> None:
    calls: list[Callable[[str], None]] = [
        users.disable,
        users.enable,
        users.sign_out,
        lambda user_id: users.set_role(user_id, Role.AUDITOR, None),
    ]
    for call in calls:
        with pytest.raises(NotFound):
            call(str(uuid.uuid4()))
    monkeypatch.setenv(ENDPOINT, "http://127.0.0.1:9")
    forget_clients()
    try:
        for call in calls:
            with pytest.raises(Unavailable):
                call(str(uuid.uuid4()))
    finally:
        monkeypatch.undo()
        forget_clients()
