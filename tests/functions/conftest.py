"""Patients of these tests' own in the running stack."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.support.fhir import make, patient

if TYPE_CHECKING:
    import httpx

    from tests.support.stack import RunningStack


@pytest.fixture
def clinician(stack: RunningStack) -> httpx.Client:
    return stack.api("clinician")


@pytest.fixture(scope="session")
def sick(stack: RunningStack) -> str:
    """The id of a patient whom the clinician treats; tests add to them and don't change them."""
    return str(make(stack.api("clinician"), patient())["id"])
