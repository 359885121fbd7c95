"""Who calls, and why."""

from __future__ import annotations

from dataclasses import dataclass

from phivault.access.principal import Principal
from phivault.access.purpose import Purpose


@dataclass(frozen=True, slots=True)
class Call:
    """One authenticated request. ``request_id`` is a UUID and joins the audit events that the request leaves.
    ``project`` is the research project that it asks for, "" for none."""

    principal: Principal
    purpose: Purpose
    request_id: str
    project: str = ""
