"""Read one version of a resource."""

from __future__ import annotations

from phivault.audit.event import Action
from phivault.records.address import address
from phivault.records.call import Call
from phivault.records.events import Trail
from phivault.records.released import Released, release
from phivault.records.service import Records

MAX_VERSION = (1 << 31) - 1


def vread(records: Records, call: Call, type: str, id: str, version: int) -> Released:
    """One version as the caller may see it now: today's facts decide, not those of when it was written.

    Raises NotFound (no such version, or another tenant's), AccessDenied, Gone (this version is a deletion, or the
    subject was erased), IntegrityError or Unavailable.
    """
    with Trail(records, call, Action.VREAD, address(type, id)) as trail:
        if not 1 <= version <= MAX_VERSION:
            return release(trail, None)
        return release(trail, records.store.read_version(trail.tenant, type, id, version))
