"""A world of records for each test."""

from __future__ import annotations

import pytest

from tests.support.records_fakes import World, a_patient


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def patient(world: World) -> str:
    """The id of a patient in whose care team the clinician is."""
    made = world.make("Patient", a_patient()).id
    world.forget()
    return made
