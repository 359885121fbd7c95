"""Read one version of a resource."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from phivault.audit.event import Action
from phivault.errors import AccessDenied, NotFound
from phivault.records.address import address
from phivault.records.anchors import newest
from phivault.records.authorise import Authority
from phivault.records.call import Call
from phivault.records.events import Trail
from phivault.records.open import held, owner_of_sealed
from phivault.records.pseudonyms import of_call
from phivault.records.released import Released, release
from phivault.records.service import Records
from phivault.records.shape import shape_of_one
from phivault.records.store import SealedVersion

MAX_VERSION = (1 << 31) - 1


def vread(
    records: Records,
    call: Call,
    type: str,
    id: str,
    version: int,
    parameters: Mapping[str, str] = MappingProxyType({}),
) -> Released:
    """One version, or the part of it that ``parameters`` ask for (``_summary``, ``_elements``), as the caller may see
    it now: today's facts decide, not those of when it was written.

    Raises InvalidInput, UnsupportedParameter, NotFound (no such version, or another tenant's), AccessDenied, Gone (this
    version is a deletion, or the subject was erased), IntegrityError or Unavailable.
    """
    with Trail(records, call, Action.VREAD, address(type, id)) as trail:
        if of_call(trail) is not None:
            raise AccessDenied(f"{type}: de-identified data is shown as it is now, without its versions")
        shape = shape_of_one(parameters, type)
        there = 1 <= version <= MAX_VERSION
        sealed = records.store.read_version(trail.tenant, type, id, version) if there else None
        if sealed is None and (row := newest(trail, type, id)) is not None:
            _require_readable(trail, row)
            raise NotFound(f"There is no such version of this {type}")
        return release(trail, sealed, shape=shape)


def _require_readable(trail: Trail, row: SealedVersion) -> None:
    """Who may not read the resource isn't told how many versions it has."""
    patient = owner_of_sealed(trail, row).patient
    trail.about(patient=patient)
    if not Authority(trail).granted("read", row.type, patient, held(row)):
        raise AccessDenied(f"{row.type}: the caller may not read it")
