"""Give subjects their next keys, which seal from now on. Nothing is sealed again yet."""

from __future__ import annotations

from functools import partial

from phivault.audit.event import Action
from phivault.errors import PhivaultError
from phivault.rotation.service import Rotation
from phivault.rotation.slices import Slice


def rotate(rotation: Rotation, work: Slice) -> None:
    """A new version for every subject asked for that owns rows and isn't being rotated: one that has an older version
    which isn't retired yet is left as it is, so that this may be repeated. Erased subjects are passed over.

    Each is recorded before it is kept. Raises Unavailable; what was done stays.
    """
    for page in work.pages(rotation):
        for subject in page:
            if work.over:
                work.stop(page, subject)
                break
            work.count(_rotated(rotation, work, subject))


def _rotated(rotation: Rotation, work: Slice, subject: str) -> str:
    keys = rotation.store.versions(work.tenant, subject)
    if not keys or keys[-1].wrapped is None:
        return "erased"
    if any(key.wrapped is not None and key.retired_at is None for key in keys[:-1]):
        return "begun"
    try:
        rotation.keys.rotate(work.tenant, subject, partial(_record, rotation, work, subject))
    except PhivaultError as error:
        _record(rotation, work, subject, keys[-1].version + 1, error)
        raise
    return "rotated"


def _record(rotation: Rotation, work: Slice, subject: str, version: int, error: PhivaultError | None = None) -> None:
    rotation.recorder.append([rotation.event(Action.KEY_ROTATE, work.by, work.tenant, subject, version, error)])
