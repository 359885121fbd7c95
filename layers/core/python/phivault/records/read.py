"""Read the newest version of a resource."""

from __future__ import annotations

from phivault.audit.event import Action
from phivault.records.address import address
from phivault.records.call import Call
from phivault.records.events import Trail
from phivault.records.released import Released, release
from phivault.records.service import Records


def read(records: Records, call: Call, type: str, id: str) -> Released:
    """The resource as the caller may see it, once its release is recorded.

    Raises NotFound (never used, or another tenant's), AccessDenied, Gone, IntegrityError or Unavailable.
    """
    with Trail(records, call, Action.READ, address(type, id)) as trail:
        return release(trail, records.store.read(trail.tenant, type, id))
