"""Which resource a request is about."""

from __future__ import annotations

import re

from phivault.errors import NotFound
from phivault.records.events import Target
from phivault.records.types import known

_ID = re.compile(r"[A-Za-z0-9.-]{1,64}")


def address(type: str, id: str) -> Target:
    """The target that a URL names. NotFound for a type that isn't served and for what can't be an id (FHIR R4
    2.24.0.1), before any store is asked."""
    if not _ID.fullmatch(id):
        raise NotFound(f"{known(type)} not found")
    return Target(known(type), id)
