"""ListUsers."""

from __future__ import annotations

import re

from local.cognito import attributes
from local.cognito.errors import invalid_parameter
from local.cognito.operations.read_user import described
from local.cognito.service import Answer, Params, Service
from local.cognito.users import User

MAXIMUM = 60
_FILTER = re.compile(r'\s*"?(sub|email|username|phone_number)"?\s*(\^?=)\s*"((?:[^"\\]|\\.)*)"\s*')


def list_users(service: Service, params: Params) -> Answer:
    """In the order of creation. ``Filter`` takes sub, username, email or phone_number with = or ^= (starts with)."""
    service.check_pool(params)
    found = [user for user in service.users if _matches(user, params.get("Filter", ""))]
    start, limit = _position(params.get("PaginationToken", "0")), params.get("Limit", MAXIMUM)
    if not 0 < limit <= MAXIMUM:
        raise invalid_parameter("Limit must be between 1 and 60.")
    wanted = params.get("AttributesToGet")
    page: Answer = {"Users": [_listed(user, wanted) for user in found[start : start + limit]]}
    if start + limit < len(found):
        page["PaginationToken"] = str(start + limit)
    return page


def _listed(user: User, wanted: list[str] | None) -> Answer:
    every = attributes.listed(user.sub, user.attributes)
    return {**described(user), "Attributes": [item for item in every if wanted is None or item["Name"] in wanted]}


def _matches(user: User, condition: str) -> bool:
    if not condition:
        return True
    parsed = _FILTER.fullmatch(condition)
    if parsed is None:
        raise invalid_parameter("Error while parsing filter.")
    name, operator, value = parsed[1], parsed[2], re.sub(r"\\(.)", r"\1", parsed[3]).lower()
    held = (user.sub if name in ("sub", "username") else user.attributes.get(name, "")).lower()
    return held == value if operator == "=" else held.startswith(value)


def _position(token: str) -> int:
    if not re.fullmatch(r"[0-9]{1,9}", token):
        raise invalid_parameter("Invalid pagination token.")
    return int(token)
