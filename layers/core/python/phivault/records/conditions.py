"""What the entries of a bundle say of resources by what they are known by: ifNoneExist, and conditional references."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from typing import Final
from urllib.parse import parse_qsl

from phivault.audit.event import Action, AuditEvent
from phivault.errors import PreconditionFailed, UnsupportedParameter
from phivault.phi.data_class import DataClass
from phivault.records.authorise import Authority
from phivault.records.bundle import Entry
from phivault.records.changes import Change
from phivault.records.events import Trail
from phivault.records.if_none_exist import MAX_CRITERIA, Condition, condition, existing
from phivault.records.json_members import parse
from phivault.records.released import View
from phivault.records.seal import Draft
from phivault.records.store import Absent, SealedVersion
from phivault.records.types import TYPES

MAX_REFERENCES: Final = 50
"""Conditional ones of one bundle: each is a search."""
_CONDITIONAL = re.compile(rb'"reference"[ \t\n\r]*:[ \t\n\r]*("([A-Za-z]{1,64})\?(?:[^"\\]|\\.)*")')
"""In valid JSON this isn't found inside a string, whose quotes are escaped."""

type At = Callable[[int], AbstractContextManager[None]]
"""Says in an error at which entry it arose."""


@dataclass(frozen=True, slots=True)
class Found:
    """By the numbers of entries: what is there already instead of what they would create, and what must stay absent
    for the others. ``references`` lead from a conditional reference, as it was sent, to Type/id."""

    views: dict[int, View] = field(default_factory=dict)
    absent: dict[int, Absent] = field(default_factory=dict)
    references: dict[str, str] = field(default_factory=dict, repr=False)
    events: list[AuditEvent] = field(default_factory=list)


def look_for(trail: Trail, authority: Authority, entries: Sequence[Entry], at: At) -> Found:
    """Look for what the entries of a transaction name by conditions. Raises PreconditionFailed for a condition of
    ifNoneExist that several resources meet, and for a reference that doesn't lead to exactly one."""
    found = Found()
    for number, entry in enumerate(entries):
        with at(number):
            if entry.if_none_exist is not None:
                view, absent = existing(trail, authority, condition(entry.type, entry.if_none_exist))
                if view is None:
                    found.absent[number] = absent
                else:
                    found.views[number] = view
            for text, asked in _references(entry):
                if text not in found.references:
                    view = _referred(trail, authority, asked, len(found.references))
                    found.references[text] = f"{view.sealed.type}/{view.sealed.id}"
                    found.events.append(trail.event(_compared(view, asked), target=view.target, action=Action.SEARCH))
    return found


def whole(drafts: Mapping[int, Draft | Change], changes: Mapping[int, Change]) -> dict[int, SealedVersion]:
    """The writes of which the caller sees everything. What else one is found by would tell them, by what it meets, of
    what they don't see."""
    hidden = {number for number, draft in drafts.items() if isinstance(draft, Draft) and draft.hidden}
    return {n: change.write for n, change in changes.items() if change.write is not None and n not in hidden}


def refuse_own(changes: Mapping[int, SealedVersion], absent: Mapping[int, Absent], at: At) -> None:
    """Raise PreconditionFailed where an entry before makes what a condition must not find."""
    for number, one in sorted(absent.items()):
        if any(other < number and _meets(write, one) for other, write in changes.items()):
            with at(number):
                raise PreconditionFailed("An entry before this one makes what its ifNoneExist must not find")


def _meets(write: SealedVersion, absent: Absent) -> bool:
    return write.type == absent.type and all(not write.tokens.isdisjoint(group) for group in absent.groups)


def _references(entry: Entry) -> Iterator[tuple[str, Condition]]:
    for text, kind in _CONDITIONAL.findall(entry.resource or b""):
        reference = parse(text)
        name, _, query = reference.partition("?")
        if name not in TYPES or _parameters(query) != {"identifier"}:
            raise UnsupportedParameter("A conditional reference is Type?identifier=system|value of a served type")
        yield reference, condition(kind.decode(), query)


def _parameters(query: str) -> set[str]:
    """The names in a query; none of one that can't be read."""
    try:
        return {name for name, _ in parse_qsl(query, max_num_fields=MAX_CRITERIA)}
    except ValueError:
        return set()


def _referred(trail: Trail, authority: Authority, asked: Condition, before: int) -> View:
    if before == MAX_REFERENCES:
        raise UnsupportedParameter(f"A Bundle may have at most {MAX_REFERENCES} conditional references")
    view, _ = existing(trail, authority, asked)
    if view is None:
        raise PreconditionFailed("A conditional reference leads to no resource")
    return view


def _compared(view: View, asked: Condition) -> frozenset[DataClass]:
    """What the caller learns: that it is there, and has the identifier."""
    names = {name for each in asked.criteria for name in each.parameter.elements}
    return frozenset({DataClass.IDENTIFYING}) if names & set(view.names) else view.classes
