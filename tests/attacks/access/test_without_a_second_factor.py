"""A session that passed no second factor is granted nothing, whoever it belongs to."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from phivault.access.decide import Decider
from phivault.access.facts import PatientFacts
from phivault.access.principal import Principal
from phivault.access.purpose import Purpose, PurposeOfUse
from phivault.access.roles import Role
from tests.support.people import principal

type Granted = Callable[..., set[tuple[str, str]]]


@pytest.mark.parametrize("role", list(Role))
def test_no_role_gets_anything(granted: Granted, decider: Decider, role: Role) -> None:
    who = principal(role, mfa=False, patient_id="p")
    for of_use in PurposeOfUse:
        for patient in (PatientFacts("p", "t", in_care_team=True, team_sees_sensitive=True, is_new=True), None):
            assert granted(who, Purpose(of_use, asserted=True), patient) == set()
    assert not decider.permits(who, "me:read")
    assert not decider.permits(who, "audit:search")


def test_a_principal_has_none_unless_someone_says_so() -> None:
    assert Principal("user", "t", Role.CLINICIAN, "session", 0, "192.0.2.1").mfa is False
