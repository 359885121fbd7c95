"""How far rotation is: keys by what wraps them and by what became of them, rows by the keys they are under."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from phivault.audit.system import NO_TENANT
from phivault.crypto.subject_key_store import StoredKey
from phivault.errors import IntegrityError, Unavailable
from phivault.rotation.service import Rotation
from phivault.rotation.slices import Slice

PAGE: Final = 500
UNREADABLE: Final = "unreadable"


@dataclass(slots=True)
class Status:
    """``keys`` counts versions by the key of the service that wraps them; ``tenants`` are real tenants that have a
    key."""

    keys: Counter[str] = field(default_factory=Counter)
    tenants: set[str] = field(default_factory=set)

    def said(self) -> dict[str, Any]:
        return {"keys": dict(self.keys), "tenants": sorted(self.tenants)}


def keys(rotation: Rotation, work: Slice) -> Status:
    """Of the tenant asked for, of all where it is "". Nothing is opened, and nothing recorded. Raises Unavailable."""
    status = Status()
    while work.more:
        page, place = rotation.store.page(work.after, PAGE)
        for one in page:
            if work.tenant in ("", one.tenant):
                if one.tenant != NO_TENANT:
                    status.tenants.add(one.tenant)
                work.count("subjects")
                for key in one.keys:
                    work.count(_state(key, newest=key is one.keys[-1]))
                    if key.wrapped is not None:
                        status.keys[_wrapped_by(rotation, key.wrapped)] += 1
        work.after, work.more = place, bool(place)
        if work.over:
            break
    return status


def rows(rotation: Rotation, work: Slice) -> None:
    """Of one tenant: how many rows there are, and how many under a key older than their subject's newest. Of the bytes
    alone, nothing is opened. Raises Unavailable, InvalidInput."""
    for page in work.pages(rotation):
        for subject, versions in rotation.rows.key_versions(work.tenant, page).items():
            newest = rotation.store.newest(work.tenant, subject)
            work.count("owners")
            if newest is None or newest.wrapped is None:
                work.count("rows_erased", sum(versions.values()))
                continue
            work.count("rows", sum(versions.values()))
            older = sum(count for version, count in versions.items() if version < newest.version)
            work.count("rows_under_older_keys", older)
            work.count("owners_behind", 1 if older else 0)


def services(rotation: Rotation) -> dict[str, str]:
    """The state of each key of the service that may wrap ours, by its name."""
    return {name: _service(rotation, name) for name in dict.fromkeys((rotation.wrapper.current, *rotation.former))}


def _service(rotation: Rotation, name: str) -> str:
    try:
        return rotation.service.state(name)
    except Unavailable:
        return "Unknown"


def _state(key: StoredKey, *, newest: bool) -> str:
    if key.wrapped is None:
        return "destroyed"
    if newest:
        return "newest"
    if key.retired_at is None:
        return "older"
    return "kept" if key.kept else "retired"


def _wrapped_by(rotation: Rotation, wrapped: bytes) -> str:
    try:
        return rotation.wrapper.wrapped_by(wrapped)
    except IntegrityError:
        return UNREADABLE
