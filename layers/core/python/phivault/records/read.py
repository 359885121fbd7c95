"""Read the newest version of a resource."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from types import MappingProxyType

from phivault.audit.event import Action
from phivault.records.address import address
from phivault.records.anchors import newest
from phivault.records.call import Call
from phivault.records.events import Trail
from phivault.records.pseudonyms import resolve
from phivault.records.released import Released, release
from phivault.records.service import Records
from phivault.records.shape import shape_of_one


def read(
    records: Records,
    call: Call,
    type: str,
    id: str,
    parameters: Mapping[str, str] = MappingProxyType({}),
    *,
    needs: Collection[str] = (),
) -> Released:
    """The resource, or the part of it that ``parameters`` ask for (``_summary``, ``_elements``), as the caller may see
    it, once its release is recorded; nothing where a member of ``needs`` is withheld.

    Raises InvalidInput, UnsupportedParameter, NotFound (never used, or another tenant's), AccessDenied, Gone,
    IntegrityError or Unavailable.
    """
    with Trail(records, call, Action.READ, address(type, id)) as trail:
        shape = shape_of_one(parameters, type)
        return release(trail, newest(trail, type, resolve(trail)), shape=shape, needs=needs)
