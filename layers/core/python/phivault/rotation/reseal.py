"""Seal rows again under the newest keys of their subjects."""

from __future__ import annotations

import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from phivault.audit.event import Action, AuditEvent
from phivault.errors import Conflict, PhivaultError, Unavailable
from phivault.records.index.key import IndexKey, index_key
from phivault.records.reseal import resealed
from phivault.records.store import SealedVersion
from phivault.rotation.rows import Place
from phivault.rotation.service import Rotation
from phivault.rotation.slices import Slice

ROWS: Final = 100
ROOM: Final = 8 << 20
"""Bytes of envelopes that are held at a time, and one more envelope."""
_PAUSES: Final = (0.2, 1.0)
"""Seconds before a batch is tried again whose rows other writers hold."""


@dataclass(frozen=True, slots=True)
class _Behind:
    """A subject that has rows under versions older than its newest."""

    subject: str
    newest: int
    older: tuple[int, ...]


def reseal(rotation: Rotation, work: Slice) -> None:
    """Every row under an older key, of now and of the history, under the newest one. May be repeated, and ended at any
    moment: a row is under one key or the other. A row that is written meanwhile stays as it was written; one that
    doesn't open stays as it is, is counted as refused and recorded.

    What is going to be opened is recorded before. Raises Unavailable; what was done stays.
    """
    for page in work.pages(rotation):
        behind = _behind(rotation, work, page)
        if not behind:
            continue
        rotation.recorder.append([_event(rotation, work, each) for each in behind])
        index = index_key(rotation.keys, work.tenant)
        versions = [(each.subject, version) for each in behind for version in (*each.older, each.newest)]
        rotation.keys.warm_versions(work.tenant, versions)
        for each in behind:
            if work.over:
                work.stop(page, each.subject)
                break
            if not _finished(rotation, work, index, each):
                work.stop(page, each.subject)
                break


def _behind(rotation: Rotation, work: Slice, page: Sequence[str]) -> list[_Behind]:
    found = []
    for subject, rows in sorted(rotation.rows.key_versions(work.tenant, page).items()):
        newest = rotation.store.newest(work.tenant, subject)
        if newest is None or newest.wrapped is None:
            continue  # erased: nothing opens these rows any more
        older = tuple(sorted(version for version in rows if version < newest.version))
        if older:
            found.append(_Behind(subject, newest.version, older))
    return found


def _finished(rotation: Rotation, work: Slice, index: IndexKey, each: _Behind) -> bool:
    """Whether the subject is done, as far as its rows open; else the time is over."""
    after: Place = ("", "", 0)
    while rows := rotation.rows.sealed_below(
        work.tenant, each.subject, each.newest, after=after, limit=ROWS, room=ROOM
    ):
        pairs = []
        for row in rows:
            new = _sealed_again(rotation, work, index, each, row)
            if new is not None:
                pairs.append((row, new))
        put = _put(rotation, work.tenant, pairs)
        work.count("resealed", put)
        work.count("changed_meanwhile", len(pairs) - put)
        last = rows[-1]
        after = (last.type, last.id, last.version)
        if work.over:
            return False
    work.count("subjects")
    return True


def _sealed_again(
    rotation: Rotation, work: Slice, index: IndexKey, each: _Behind, row: SealedVersion
) -> SealedVersion | None:
    """None, recorded, for a row that doesn't open or can't be classified."""
    try:
        return resealed(rotation.keys, index, work.tenant, row, each.newest)
    except Unavailable:
        raise
    except PhivaultError as error:
        work.refuse(f"{row.type}/{row.id}/_history/{row.version}")
        rotation.recorder.append([_event(rotation, work, each, error)])
        return None


def _put(rotation: Rotation, tenant: str, pairs: Sequence[tuple[SealedVersion, SealedVersion]]) -> int:
    if not pairs:
        return 0
    for pause in _PAUSES:
        try:
            return rotation.rows.reseal(tenant, pairs)
        except (Conflict, Unavailable):
            time.sleep(pause)
    return rotation.rows.reseal(tenant, pairs)


def _event(rotation: Rotation, work: Slice, each: _Behind, error: PhivaultError | None = None) -> AuditEvent:
    return rotation.event(Action.KEY_RESEAL, work.by, work.tenant, each.subject, each.newest, error)
