"""Which accounts Cognito may make."""

from __future__ import annotations

from typing import Any

import pytest

from phivault.errors import AccessDenied
from phivault.identity.pre_sign_up import pre_sign_up
from phivault.identity.trigger import read
from tests.support.trigger_events import trigger_event

BY_US = "PreSignUp_AdminCreateUser"


def _answer(event: dict[str, Any]) -> Any:
    return pre_sign_up(read(event, "request-1"))["response"]


@pytest.mark.parametrize(
    "event",
    [
        trigger_event(BY_US),
        trigger_event(BY_US, custom__role="tenant_admin"),
        trigger_event(BY_US, custom__role="patient", custom__patient_id="7f0c.A-1"),
    ],
)
def test_a_whole_account_is_allowed_and_nothing_confirmed(event: dict[str, Any]) -> None:
    assert _answer(event) == {"autoConfirmUser": False, "autoVerifyEmail": False, "autoVerifyPhone": False}


@pytest.mark.parametrize("source", ["PreSignUp_SignUp", "PreSignUp_ExternalProvider", "", "PreSignUp_AdminCreateUser "])
def test_no_other_way_makes_an_account(source: str) -> None:
    with pytest.raises(AccessDenied):
        _answer(trigger_event(source))


@pytest.mark.parametrize(
    "attributes",
    [
        {"custom__tenant_id": ""},
        {"custom__tenant_id": "-"},
        {"custom__tenant_id": "tenant a"},
        {"custom__role": ""},
        {"custom__role": "superuser"},
        {"custom__role": "patient"},
        {"custom__role": "patient", "custom__patient_id": "a/b"},
        {"custom__role": "clinician", "custom__patient_id": "7f0c"},
    ],
)
def test_a_part_of_an_account_is_none(attributes: dict[str, str]) -> None:
    with pytest.raises(AccessDenied):
        _answer(trigger_event(BY_US, **attributes))
