"""People of one tenant, and what may be proposed for each kind of grant."""

from __future__ import annotations

import time
from typing import Any

import pytest

from phivault.access.roles import Role
from tests.support.granting import DAY
from tests.support.two_people import World


@pytest.fixture
def world() -> World:
    return World()


@pytest.fixture
def coordinator(world: World) -> str:
    return world.somebody(Role.CARE_COORDINATOR)


@pytest.fixture
def officer(world: World) -> str:
    return world.somebody(Role.PRIVACY_OFFICER)


@pytest.fixture
def access(world: World) -> dict[str, Any]:
    return {
        "kind": "access",
        "user_id": world.somebody(Role.CLINICIAN),
        "patient": world.patient(),
        "classes": ["clinical"],
        "purposes": ["TREATMENT"],
        "until": int(time.time()) + 30 * DAY,
    }


@pytest.fixture
def delegate(world: World) -> dict[str, Any]:
    return {
        "kind": "delegate",
        "relation": "parent",
        "user_id": world.somebody(Role.PATIENT),
        "patient": world.patient(),
        "classes": ["clinical", "identifying"],
        "until": int(time.time()) + 3000 * DAY,
    }


@pytest.fixture
def project(world: World) -> dict[str, Any]:
    return {
        "kind": "project",
        "project": "kidney-2026",
        "user_id": world.somebody(Role.RESEARCHER),
        "until": int(time.time()) + 300 * DAY,
    }
