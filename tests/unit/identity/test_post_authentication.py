"""What is recorded of a proven user."""

from __future__ import annotations

from typing import Any

import pytest

from phivault.identity.post_authentication import NEW_DEVICE, flags, post_authentication
from phivault.identity.trigger import read
from tests.support.trigger_events import trigger_event

SOURCE = "PostAuthentication_Authentication"


def test_it_changes_nothing() -> None:
    event = trigger_event(SOURCE, {"newDeviceUsed": True})
    assert post_authentication(read(event, "request-1")) == event


@pytest.mark.parametrize(
    ("request_", "expected"),
    [
        ({"newDeviceUsed": True}, (NEW_DEVICE,)),
        ({"newDeviceUsed": False}, ()),
        ({}, ()),
        ({"newDeviceUsed": "true"}, ()),
    ],
)
def test_a_new_device_is_a_flag(request_: dict[str, Any], expected: tuple[str, ...]) -> None:
    assert flags(trigger_event(SOURCE, request_)) == expected


@pytest.mark.parametrize("event", [None, {}, {"request": []}])
def test_what_is_no_event_has_none(event: Any) -> None:
    assert flags(event) == ()
