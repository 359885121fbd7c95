"""The steps of a grant, each taken by somebody."""

from __future__ import annotations

import time
from typing import Any

from phivault.access.roles import Role
from phivault.permissions.grants.approve import approve_grant
from phivault.permissions.grants.change import change_grant
from phivault.permissions.grants.propose import propose_grant
from phivault.permissions.grants.show import show_grant
from phivault.permissions.grants.state import Grant
from tests.support.two_people import NORTH, World, body

DAY = 24 * 3600


def propose(world: World, by: str, members: dict[str, Any], tenant: str = NORTH) -> Grant:
    return propose_grant(world.call(by, tenant), body(**members))


def approve(world: World, by: str, grant: Grant, tenant: str = NORTH) -> Grant:
    return approve_grant(world.call(by, tenant), grant.id, body(version=grant.latest))


def change(world: World, by: str, grant: Grant, **members: Any) -> Grant:
    terms = {"classes": ["contact"], "purposes": ["TREATMENT"], "until": int(time.time()) + DAY}
    return change_grant(world.call(by), grant.id, body(**terms | {"base_version": 1} | members))


def state(world: World, grant: Grant) -> str:
    return str(show_grant(world.call(world.somebody(Role.AUDITOR)), grant.id)["state"])
