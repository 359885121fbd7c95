"""Wrap subject keys under the key service's current key that an earlier one wrapped. They stay the same keys."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from typing import Final

from phivault.audit.event import Action
from phivault.crypto.subject_key_store import Subject
from phivault.errors import PhivaultError, Unavailable
from phivault.rotation.service import Rotation
from phivault.rotation.slices import Slice

AT_ONCE: Final = 16
PAGE: Final = 200


@dataclass(frozen=True, slots=True)
class _Wrapped:
    tenant: str
    subject: str
    version: int
    wrapped: bytes = field(repr=False)


def rewrap(rotation: Rotation, work: Slice) -> None:
    """The keys of every subject of the tenant asked for, of all tenants where it is "", not only of those that own
    rows. Each is recorded before it is unwrapped. May be repeated.

    A key that doesn't unwrap stays, is counted as refused and recorded. Raises Unavailable; what was done stays.
    """
    while work.more:
        page, place = rotation.store.page(work.after, PAGE)
        _page(rotation, work, [each for one in page for each in _older(rotation, work, one)])
        work.after, work.more = place, bool(place)
        if work.over:
            return


def _older(rotation: Rotation, work: Slice, one: Subject) -> Iterator[_Wrapped]:
    if work.tenant not in ("", one.tenant) or work.subject not in ("", one.subject):
        return
    for key in one.keys:
        if key.wrapped is not None and rotation.wrapper.wrapped_by(key.wrapped) != rotation.wrapper.current:
            yield _Wrapped(one.tenant, one.subject, key.version, key.wrapped)


def _page(rotation: Rotation, work: Slice, found: list[_Wrapped]) -> None:
    if not found:
        return
    rotation.recorder.append(
        [rotation.event(Action.KEY_REWRAP, work.by, one.tenant, one.subject, one.version) for one in found]
    )
    with ThreadPoolExecutor(AT_ONCE) as pool:
        outcomes = list(pool.map(lambda one: _rewrapped(rotation, one), found))
    for one, error in zip(found, outcomes, strict=True):
        if error is None:
            work.count("rewrapped")
            continue
        work.refuse(f"{one.tenant} {one.subject} version {one.version}")
        rotation.recorder.append(
            [rotation.event(Action.KEY_REWRAP, work.by, one.tenant, one.subject, one.version, error)]
        )


def _rewrapped(rotation: Rotation, one: _Wrapped) -> PhivaultError | None:
    try:
        material = rotation.wrapper.unwrap(one.tenant, one.subject, one.wrapped)
        wrapped = rotation.wrapper.wrap(one.tenant, one.subject, material)
        # Where it changed meanwhile it was destroyed, or wrapped again by somebody else: both are well.
        rotation.store.replace(one.tenant, one.subject, one.version, one.wrapped, wrapped)
    except Unavailable:
        raise
    except PhivaultError as error:
        return error
    return None
