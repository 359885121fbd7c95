"""Bodies are read strictly and errors repeat nothing of them."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phivault.errors import InvalidInput
from phivault.identity.inputs import Challenge, MfaTotp, Refresh, SignIn, SignOut
from phivault.inputs import read

SECRET = "Tr0ub4dor&3-secret"
CHALLENGE = {"challenge": "SOFTWARE_TOKEN_MFA", "session": "s" * 40, "email": "a@example.test", "code": "123456"}


def _read(model: Any, body: object) -> Any:
    return read(model, json.dumps(body).encode())


def test_an_address_has_one_spelling() -> None:
    assert _read(SignIn, {"email": " Clinician@Example.TEST ", "password": SECRET}).email == "clinician@example.test"


def test_a_password_is_taken_as_it_is() -> None:
    assert _read(SignIn, {"email": "a@example.test", "password": "  Pa ss  "}).password == "  Pa ss  "


@pytest.mark.parametrize(
    "email",
    ["", "a", "a@", "@b", "a b@example.test", "a@b@c", "a\n@example.test", "a@" + "b" * 400, "é" * 60 + "@" + "é" * 70],
)
def test_what_is_no_address_is_refused(email: str) -> None:
    with pytest.raises(InvalidInput, match="email"):
        _read(SignIn, {"email": email, "password": SECRET})


@pytest.mark.parametrize(
    "body",
    [
        CHALLENGE | {"new_password": SECRET},
        {name: value for name, value in CHALLENGE.items() if name != "code"},
        CHALLENGE | {"challenge": "NEW_PASSWORD_REQUIRED"},
        CHALLENGE | {"challenge": "CUSTOM_CHALLENGE"},
        CHALLENGE | {"challenge": "SELECT_MFA_TYPE"},
        CHALLENGE | {"challenge": "MFA_SETUP", "code": "SOFTWARE_TOKEN_MFA"},
        CHALLENGE | {"code": 123456},
        CHALLENGE | {"code": "12345"},
        CHALLENGE | {"code": "١٢٣٤٥٦"},
        CHALLENGE | {"code": "123456\n"},
        CHALLENGE | {"session": "short"},
        CHALLENGE | {SECRET: 1},
        [],
        None,
        "text",
    ],
)
def test_a_challenge_takes_exactly_its_answer(body: object) -> None:
    with pytest.raises(InvalidInput) as refused:
        _read(Challenge, body)
    assert SECRET not in str(refused.value)
    assert "123456" not in str(refused.value)


def test_each_challenge_has_its_answer() -> None:
    assert _read(Challenge, CHALLENGE).answer == "123456"
    chosen = CHALLENGE | {"challenge": "SELECT_MFA_TYPE", "code": "SMS_MFA"}
    assert _read(Challenge, chosen).answer == "SMS_MFA"
    new = {n: v for n, v in CHALLENGE.items() if n != "code"} | {"challenge": "NEW_PASSWORD_REQUIRED"}
    assert _read(Challenge, new | {"new_password": SECRET}).answer == SECRET


def test_sign_out_may_have_no_body() -> None:
    assert read(SignOut, b"").refresh_token is None


@pytest.mark.parametrize("model", [SignIn, Challenge, MfaTotp, Refresh, SignOut])
@given(
    body=st.binary()
    | st.recursive(st.text() | st.integers() | st.none(), st.lists).map(lambda v: json.dumps(v).encode())
)
def test_hostile_bodies_yield_only_our_error(model: Any, body: bytes) -> None:
    if model is SignOut and body.strip() in (b"", b"{}"):
        return
    with pytest.raises(InvalidInput):
        read(model, body)


def test_inputs_print_no_secret() -> None:
    printed = repr((_read(SignIn, {"email": "a@example.test", "password": SECRET}), _read(Challenge, CHALLENGE)))
    assert SECRET not in printed
    assert "123456" not in printed
    assert "a@example.test" not in printed
    assert "s" * 40 not in printed
