"""Fixtures: raw connections to the running stack, and tokens to send on them."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.attacks.http.wire import Wire

if TYPE_CHECKING:
    from tests.support.stack import RunningStack


@pytest.fixture
def wire(stack: RunningStack) -> Wire:
    return Wire(stack)


@pytest.fixture
def bearer(stack: RunningStack) -> bytes:
    return b"Authorization: Bearer " + stack.tokens("clinician")["access_token"].encode()
