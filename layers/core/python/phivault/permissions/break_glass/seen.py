"""Which broken glasses a caller may know of: their own, and officers all of the tenant."""

from __future__ import annotations

from phivault.errors import NotFound
from phivault.permissions.break_glass.glass import Glass
from phivault.permissions.call import OPAQUE_ID, Call


def oversees(call: Call) -> bool:
    return call.permissions.decider.permits(call.principal, "break-glass:oversee")


def known(call: Call, id: str) -> Glass:
    """Raises NotFound, the same for another's as for one that never was."""
    glass = call.permissions.glasses.glass(call.tenant, id) if OPAQUE_ID.fullmatch(id) else None
    if glass is None or (glass.user_id != call.principal.user_id and not oversees(call)):
        raise NotFound("There is no such broken glass")
    return glass
