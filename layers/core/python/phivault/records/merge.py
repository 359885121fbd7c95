"""What an update may change: the caller's own part of a resource, and nothing beyond it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from dataclasses import dataclass
from decimal import Decimal

from phivault.errors import AccessDenied
from phivault.phi.catalogue import classify
from phivault.phi.data_class import DataClass


@dataclass(frozen=True, slots=True)
class Rights:
    """The data classes that the caller may read and may update."""

    readable: Set[DataClass]
    writable: Set[DataClass]


def merge(
    type: str,
    current: Mapping[str, bytes],
    classes: Mapping[str, DataClass],
    sent: Mapping[str, bytes],
    rights: Rights,
) -> dict[str, bytes]:
    """The members of the next version. ``classes`` are the sealed classes of ``current``.

    What the caller can't see stays, byte for byte, and may not be sent at all, not even with the same value: being
    told whether a guess was right would be a way to read. What they see but may not change must come back with
    the same meaning. What they may change is taken as sent; what they leave out is removed, except ``meta``,
    which clients commonly leave to the server.
    """
    kinds = {name: classify(type, name) for name in sent} | dict(classes)
    merged = {}
    for name, value in current.items():
        kept = _next(type, name, value, kinds[name], sent, rights)
        if kept is not None:
            merged[name] = kept
    for name in sent.keys() - current.keys():
        if kinds[name] not in rights.readable & rights.writable:
            raise _refusal(type, kinds[name])
    return merged | {name: value for name, value in sent.items() if name not in current}


def _next(
    type: str, name: str, value: bytes, kind: DataClass, sent: Mapping[str, bytes], rights: Rights
) -> bytes | None:
    if kind not in rights.readable:
        if name in sent:
            raise _refusal(type, kind)
        return value
    if name == "meta" and name not in sent:
        return value
    if kind not in rights.writable:
        if name not in sent or not _same(sent[name], value):
            raise _refusal(type, kind)
        return value
    return sent.get(name)


def _refusal(type: str, kind: DataClass) -> AccessDenied:
    # The class and not the element's name: a name that isn't in the catalogue is the caller's own text.
    return AccessDenied(f"{type}: the caller may not change elements of class {kind.value}")


def _same(one: bytes, other: bytes) -> bool:
    return bool(json.loads(one, parse_float=Decimal) == json.loads(other, parse_float=Decimal))
