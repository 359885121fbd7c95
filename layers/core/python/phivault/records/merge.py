"""What an update may change: the caller's own part of a resource, and nothing beyond it."""

from __future__ import annotations

import json
from collections.abc import Mapping, Set
from dataclasses import dataclass
from decimal import Decimal

from phivault.errors import AccessDenied
from phivault.phi.data_class import DataClass
from phivault.phi.marking import marks
from phivault.records.alternatives import alternatives, beside, sealed_as


@dataclass(frozen=True, slots=True)
class Rights:
    """The data classes that the caller may read and may update."""

    readable: Set[DataClass]
    writable: Set[DataClass]

    @property
    def both(self) -> Set[DataClass]:
        return self.readable & self.writable


def merge(
    type: str,
    current: Mapping[str, bytes],
    classes: Mapping[str, DataClass],
    sent: Mapping[str, bytes],
    rights: Rights,
    *,
    keeps_meta: bool = True,
) -> dict[str, bytes]:
    """The members of the next version. ``classes`` are the sealed classes of ``current``.

    What the caller can't see stays, byte for byte, and may not be sent at all, not even with the same value: being
    told whether a guess was right would be a way to read. What they see but may not change must come back with
    the same meaning. What they may change is taken as sent; what they leave out is removed, except (with
    ``keeps_meta``) ``meta``, which clients commonly leave to the server. What they send must be theirs to write by what
    it says itself, too: nobody makes a resource what they couldn't have created and seen.

    Which refusal comes, and whether any does, depends on what is sent and seen alone. So who knows that something is
    withheld (``meta`` says so) begins no element of which that could be another form: else an error, or none, would
    tell them whether it is.
    """
    made = marks(type, sent).members
    hidden = frozenset(name for name, kind in classes.items() if kind not in rights.readable)
    shown = current.keys() - hidden
    for name, value in sent.items():
        if name not in shown:
            _require_new(type, name, made[name], shown, hidden, rights)
        elif not {classes[name], made[name]} <= rights.both and not _same(value, current[name]):
            raise _refusal(type, made[name] if classes[name] in rights.both else classes[name])
    merged = {}
    for name, value in current.items():
        if name in hidden or (name == "meta" and name not in sent and keeps_meta):
            merged[name] = value
        elif name in sent:
            merged[name] = sent[name] if classes[name] in rights.writable else value
        elif classes[name] not in rights.writable:
            raise _refusal(type, classes[name])
    return merged | {name: value for name, value in sent.items() if name not in current}


def judged(current: Mapping[str, bytes], merged: Mapping[str, bytes], hidden: Set[str]) -> dict[str, bytes]:
    """Those members of the next version of which the caller is told whether they are valid. What they can't see is, but
    can't make valid what they changed: a primitive without its own extensions, extensions without their primitive."""

    def changed(name: str) -> bool:
        if name in current and name in merged:
            return not _same(current[name], merged[name])
        return name in current or name in merged

    return {name: value for name, value in merged.items() if not (name in hidden and changed(beside(name)))}


def settle(
    type: str,
    current: Mapping[str, bytes],
    classes: Mapping[str, DataClass],
    merged: Mapping[str, bytes],
    rights: Rights,
) -> dict[str, DataClass]:
    """The classes below which members of the next version don't fall. Raises AccessDenied where the change moves an
    element from one class into another and the caller hasn't both: a code that makes a resource sensitive, or no
    longer so, changes every element of it.

    What the caller can't see keeps at least its sealed class, and moves by no doing of theirs.
    """
    before, after = marks(type, current), marks(type, merged)
    moved = {before.resource, after.resource} if before.resource is not after.resource else set()
    for name in current.keys() & merged.keys():
        if before.members[name] is not after.members[name]:
            moved |= {classes[name], before.members[name], after.members[name]}
    if not moved <= rights.both:
        raise AccessDenied(f"{type}: the caller may not move elements into another class")
    return {name: kind for name, kind in classes.items() if not {kind, after.members.get(name, kind)} <= rights.both}


def _require_new(type: str, name: str, made: DataClass, shown: Set[str], hidden: Set[str], rights: Rights) -> None:
    """Refuse an element that the caller doesn't see in what stands, whether it isn't there or is withheld: where it
    isn't theirs to write, and where what is withheld may be it, or another form of it."""
    if made not in rights.both:
        raise _refusal(type, made)
    forms = {name} | alternatives(type, name)
    if not hidden or (forms & shown and not forms & hidden):  # of a choice one form stands at most
        return
    possible = {kind for form in forms for kind in sealed_as(type, form)}
    if forms & hidden or not possible <= rights.readable:
        raise AccessDenied(f"{type}: what is withheld from the caller may be another form of an element that they add")


def _refusal(type: str, kind: DataClass) -> AccessDenied:
    # The class and not the element's name: a name that isn't in the catalogue is the caller's own text.
    return AccessDenied(f"{type}: the caller may not change elements of class {kind.value}")


def _same(one: bytes, other: bytes) -> bool:
    return bool(json.loads(one, parse_float=Decimal) == json.loads(other, parse_float=Decimal))
