"""End the keys that nothing is sealed under any more: retired at first, destroyed when no backup needs them."""

from __future__ import annotations

from typing import Final

from phivault.audit.event import Action
from phivault.crypto.subject_key_store import StoredKey
from phivault.errors import PhivaultError
from phivault.rotation.service import Rotation
from phivault.rotation.slices import Slice

DAY_SECONDS: Final = 24 * 3600
RETIRED, DESTROYED = "key:retired", "key:destroyed"


def retire(rotation: Rotation, work: Slice) -> None:
    """Of every subject asked for, each version older than the newest: retired once nobody can seal under it and no row
    is under it; destroyed once it has been retired for the recovery window, no row is under it (one may have come back
    from a backup), and nothing else was sealed under it that can't be sealed again.

    Each is recorded before. ``work.wait`` says in how many seconds the last one can be retired that had to wait. May be
    repeated. Raises Unavailable; what was done stays.
    """
    for page in work.pages(rotation):
        # Before the rows are looked at: whoever sealed under an older key has committed by then.
        now = rotation.now()
        rows = rotation.rows.key_versions(work.tenant, page)
        for subject in page:
            if work.over:
                work.stop(page, subject)
                break
            _subject(rotation, work, subject, rows.get(subject, {}), now)


def _subject(rotation: Rotation, work: Slice, subject: str, rows: dict[int, int], now: float) -> None:
    keys = rotation.store.versions(work.tenant, subject)
    if len(keys) < 2 or keys[-1].wrapped is None:
        return
    wait = (keys[-1].made_at or 0.0) + rotation.settled_seconds - now
    for key in keys[:-1]:
        if key.wrapped is not None:
            state = _state(rotation, key, rows, wait, now)
            if state == "settling":
                work.wait = max(work.wait, wait)
            if state in ("retired", "destroyed"):
                _end(rotation, work, subject, key.version, state)
            work.count(state)


def _state(rotation: Rotation, key: StoredKey, rows: dict[int, int], wait: float, now: float) -> str:
    """What a version is, or becomes now."""
    if rows.get(key.version):
        return "in_use"
    if wait > 0:
        return "settling"
    if key.retired_at is None:
        return "retired"
    if key.kept:
        return "kept"
    return "destroyed" if now >= key.retired_at + rotation.recovery_days * DAY_SECONDS else "recoverable"


def _end(rotation: Rotation, work: Slice, subject: str, version: int, state: str) -> None:
    flag = RETIRED if state == "retired" else DESTROYED

    def record(error: PhivaultError | None = None) -> None:
        event = rotation.event(Action.KEY_RETIRE, work.by, work.tenant, subject, version, error, flag)
        rotation.recorder.append([event])

    record()
    end = rotation.keys.retire if state == "retired" else rotation.keys.destroy_version
    try:
        end(work.tenant, subject, version)
    except PhivaultError as error:
        record(error)
        raise
