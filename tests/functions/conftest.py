"""Patients of these tests' own in the running stack."""

from __future__ import annotations

from collections.abc import Callable
from datetime import timedelta
from email.utils import parsedate_to_datetime
from typing import TYPE_CHECKING, Any

import pytest

from tests.support.accounts import eventually
from tests.support.answers import ok
from tests.support.fhir import make, patient

if TYPE_CHECKING:
    import httpx

    from tests.support.stack import RunningStack

type Look = Callable[[httpx.Response], list[dict[str, Any]]]
LONGEST = timedelta(seconds=60)
"""That a request takes, from its first event to its answer: clients wait half as long."""


@pytest.fixture
def clinician(stack: RunningStack) -> httpx.Client:
    return stack.api("clinician")


@pytest.fixture(scope="session")
def sick(stack: RunningStack) -> str:
    """The id of a patient whom the clinician treats; tests add to them and don't change them."""
    return str(make(stack.api("clinician"), patient())["id"])


@pytest.fixture
def auditor(stack: RunningStack) -> httpx.Client:
    return stack.api("auditor")


@pytest.fixture
def events_of(auditor: httpx.Client) -> Look:
    """The events of one request, oldest first."""

    def look(answer: httpx.Response, asked_by: httpx.Client = auditor) -> list[dict[str, Any]]:
        id = answer.headers["x-request-id"]

        since = (parsedate_to_datetime(answer.headers["date"]) - LONGEST).isoformat()

        def found() -> list[dict[str, Any]]:
            newest = ok(asked_by.get("/audit/events", params={"limit": 200, "since": since}))["events"]
            return [event for event in newest if event["request_id"] == id]

        return eventually(found)[::-1]

    return look
