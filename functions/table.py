"""The function table: every function, the routes it serves and what it may reach.

The CDK app makes roles, networks and API Gateway methods from it; the local gateway routes by it and refuses a
call beyond a function's row. A test holds it equal to the folders beside this file.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal


@dataclass(frozen=True, slots=True)
class Route:
    """``public`` routes need no token; all others pass the Cognito authorizer with scope ``phivault/api``."""

    method: str
    path: str
    public: bool = False
    max_body: int = 1 << 20


@dataclass(frozen=True, slots=True)
class Grant:
    """AWS actions (``service:Action``) on one resource, named by the setting that holds its name or ARN."""

    setting: str
    actions: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Function:
    """``settings`` names the variables (fields of phivault.settings) that its environment holds;
    ``postgres`` puts it into the VPC; ``trigger`` says what besides API Gateway invokes it."""

    name: str
    purpose: str
    grants: tuple[Grant, ...]
    routes: tuple[Route, ...] = ()
    settings: tuple[str, ...] = field(default=())
    postgres: bool = False
    trigger: str = ""
    timeout_seconds: int = 29
    memory_mb: int = 1024
