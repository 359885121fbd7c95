"""Claims are taken as they are or not at all."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from phivault.access.roles import Role
from phivault.errors import Unauthenticated, Unavailable
from phivault.identity.claims import TokenRules, parse, read_own
from tests.unit.identity.fakes import RULES, Clock, access_claims, unsigned

NOW = Clock()()
ALL_STRINGS = {name: str(value) for name, value in access_claims(Clock()).items()}


def test_strings_as_the_authorizer_hands_them_on() -> None:
    claims = parse(ALL_STRINGS, RULES, NOW)
    assert (claims.role, claims.tenant, claims.patient_id) == (Role.CLINICIAN, "tenant-a", None)
    assert claims.expires == int(NOW) + 900


def test_expiry_as_api_gateway_prints_it() -> None:
    claims = parse(ALL_STRINGS | {"exp": "Mon Sep 21 14:28:20 UTC 2026"}, RULES, NOW)
    assert claims.expires == 1790000900


def test_a_patient_needs_and_keeps_a_patient_id() -> None:
    patient = ALL_STRINGS | {"role": "patient", "patient_id": "abc.1-2"}
    assert parse(patient, RULES, NOW).patient_id == "abc.1-2"
    with pytest.raises(Unauthenticated, match="patient_id"):
        parse(patient | {"patient_id": "a/b"}, RULES, NOW)


def test_nobody_but_a_patient_has_a_patient_id() -> None:
    assert parse(ALL_STRINGS | {"patient_id": "abc"}, RULES, NOW).patient_id is None


@pytest.mark.parametrize("name", [n for n in ALL_STRINGS if n not in ("iat", "username")])
def test_no_claim_may_be_missing(name: str) -> None:
    with pytest.raises(Unauthenticated, match=name):
        parse({key: value for key, value in ALL_STRINGS.items() if key != name}, RULES, NOW)


def test_unset_rules_match_no_token() -> None:
    with pytest.raises(Unauthenticated):
        parse(ALL_STRINGS | {"iss": "", "client_id": ""}, TokenRules("", ""), NOW)


anything = st.none() | st.booleans() | st.integers() | st.floats() | st.text() | st.lists(st.text())


@given(st.dictionaries(st.sampled_from(sorted(ALL_STRINGS)), anything, min_size=1))
def test_hostile_values_yield_only_our_error(changes: dict[str, Any]) -> None:
    try:
        claims = parse(ALL_STRINGS | changes, RULES, NOW)
    except Unauthenticated:
        return
    assert isinstance(claims.role, Role)
    assert claims.expires > NOW


@given(st.text() | st.binary().map(lambda b: f"x.{b.hex()}.y"))
def test_a_token_that_cannot_be_read_is_the_providers_fault(token: str) -> None:
    with pytest.raises(Unavailable):
        read_own(token, RULES, NOW)


def test_own_tokens_carry_numbers_as_numbers() -> None:
    assert read_own(unsigned(access_claims(Clock())), RULES, NOW).auth_time == int(NOW)
