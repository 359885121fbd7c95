"""That a row of the database is the newest version of its resource.

Who writes to the database can't alter a sealed version, but could put an earlier one back, undo a deletion, or take a
row away. So the number of each version from the second on is noted outside the database too, once it is committed, and
a row that is read as the newest is held against it.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TYPE_CHECKING, Protocol

from phivault.errors import IntegrityError, PhivaultError

if TYPE_CHECKING:
    from phivault.records.events import Trail
    from phivault.records.store import ResourceStore, SealedVersion

_log = logging.getLogger(__name__)
_FIRST_ANCHORED = 2
"""A first version has none before it that could be put back."""

type Resource = tuple[str, str]
"""Type and id."""


class Anchors(Protocol):
    """Obligations: what ``advance`` returned from is seen by every later ``load``; a version never goes down. Raises
    Unavailable where versions can't be told or noted."""

    def load(self, tenant: str, resources: Collection[Resource]) -> Callable[[], Mapping[Resource, int]]:
        """Begin to look; what is returned waits for the answer: the newest version noted of each of ``resources``,
        those left out of which none is."""

    def advance(self, tenant: str, versions: Mapping[Resource, int]) -> None:
        """Note these versions, durably once it returns. Of which a newer one is noted already stays as it is."""


def newest(trail: Trail, type: str, id: str) -> SealedVersion | None:
    """The newest version of a resource; None where the id was never used. Raises IntegrityError for a row that is older
    than its anchor, or missing."""
    resource, store = (type, id), trail.records.store
    if resource in trail.anchored:
        row, anchor = store.read(trail.tenant, type, id), trail.anchored[resource]
    else:
        anchors = trail.records.anchors.load(trail.tenant, [resource])
        row = store.read(trail.tenant, type, id)
        anchor = anchors().get(resource, 0)
    return row if _holds(row, anchor) else _once_more(store, trail.tenant, resource, anchor)


def expect(trail: Trail, resources: Collection[Resource]) -> None:
    """Load the anchors of what ``newest`` is going to be asked for, together."""
    wanted = set(resources)
    if wanted:
        found = trail.records.anchors.load(trail.tenant, wanted)()
        trail.anchored |= {resource: found.get(resource, 0) for resource in wanted}


def current(anchors: Anchors, store: ResourceStore, tenant: str, rows: Sequence[SealedVersion]) -> list[SealedVersion]:
    """Rows that a list was given as newest ones, as they are now; without those that were deleted since."""
    if not rows:
        return []
    noted = anchors.load(tenant, [(row.type, row.id) for row in rows])()
    held = []
    for row in rows:
        anchor = noted.get((row.type, row.id), 0)
        now = row if _holds(row, anchor) else _once_more(store, tenant, (row.type, row.id), anchor)
        if now is row or now.envelope is not None:
            held.append(now)
    return held


def advance(trail: Trail, writes: Collection[SealedVersion]) -> None:
    """Note what was just committed. A failure isn't the caller's: their write stands, and is answered so."""
    versions = {(write.type, write.id): write.version for write in writes if write.version >= _FIRST_ANCHORED}
    if not versions:
        return
    try:
        trail.records.anchors.advance(trail.tenant, versions)
    except PhivaultError as error:
        _log.error("committed versions have no anchor: %d (%s)", len(versions), error.code, exc_info=error)


def _holds(row: SealedVersion | None, anchor: int) -> bool:
    return (row.version if row is not None else 0) >= anchor


def _once_more(store: ResourceStore, tenant: str, resource: Resource, anchor: int) -> SealedVersion:
    # A write may have been committed, and noted, after the row was read and before its anchor was.
    row = store.read(tenant, *resource)
    if row is None or not _holds(row, anchor):
        raise IntegrityError(f"{resource[0]}: its newest version is not the one that was written last")
    return row
