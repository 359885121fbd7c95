"""A world whose keys are turned."""

from __future__ import annotations

import pytest

from tests.support.records_fakes import World
from tests.support.rotation import Turning


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def turning(world: World) -> Turning:
    return Turning(world)
