"""Which elements of a resource a reader asks for: ``_summary`` and ``_elements``. FHIR R4 3.1.1.5.8 and 3.1.1.5.9.

What isn't asked for isn't opened. What says how the rest is to be read is always there: ``meta``, mandatory elements,
``implicitRules`` and ``modifierExtension``. The whole resource is never made of a part: a part says what it is, and an
update refuses it (``require_whole``).
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from typing import Any, Final

from phivault.errors import InvalidInput, Unprocessable, UnsupportedParameter
from phivault.records.fhir_meta import REDACTED, SUBSETTED
from phivault.records.json_members import encode, join, join_array, parse, split, split_array
from phivault.records.types import model

PARAMETERS = frozenset({"_summary", "_elements"})
JSON_FORMATS: Final = ("json", "application/json", "application/fhir+json")
FORMATS: Final = frozenset(("_format", form) for form in JSON_FORMATS)
"""What may be said of the format: that it is ours."""
ASKED: Final = {"system": "urn:phivault:tag", "code": "asked-in-part", "display": "asked in part"}
"""Beside SUBSETTED, which a resource has too where elements are withheld: those an update keeps, these it wouldn't."""
MAX_ELEMENTS = 100
_SUMMARIES = frozenset({"true", "text", "data", "count", "false"})
_ALWAYS = frozenset({"id", "meta", "implicitRules", "modifierExtension"})


@dataclass(frozen=True, slots=True)
class Shape:
    """``summary`` is one of true, text, data, count and false; ``elements`` are base names as they were asked for
    (``value`` for every ``value[x]``), none for all."""

    summary: str = "false"
    elements: frozenset[str] = frozenset()

    @property
    def is_whole(self) -> bool:
        return self.summary == "false" and not self.elements

    @property
    def counts_only(self) -> bool:
        """How many matches there are is asked for, and none of them."""
        return self.summary == "count"

    def names(self, type: str, available: Iterable[str]) -> list[str]:
        """Those of ``available`` members that are to be opened, in their order. A primitive's extensions (``_name``)
        go with it."""
        if self.is_whole:
            return list(available)
        if self.summary == "data":
            return [name for name in available if name != "text"]
        wanted = self._wanted(_elements_of(type))
        return [name for name in available if name.removeprefix("_") in wanted]

    def finish(self, members: Mapping[str, bytes]) -> dict[str, bytes]:
        """The members of a resource that goes out, ``meta`` among them, marked as a part where it is one."""
        if self.is_whole:
            return dict(members)
        meta = split(members["meta"]) if "meta" in members else {}
        tags = split_array(meta.get("tag", b"[]"))
        has = [parse(tag) for tag in tags]
        tags += [encode(mark) for mark in (SUBSETTED, ASKED) if not any(_is(mark, tag) for tag in has)]
        return {**members, "meta": join(meta | {"tag": join_array(tags)})}

    def _wanted(self, known: _Elements) -> frozenset[str]:
        if self.summary == "true":
            return known.summary | known.mandatory
        if self.summary == "text":
            return known.mandatory | {"text"}
        return known.mandatory.union(*(known.named[name] for name in self.elements if name in known.named))


WHOLE: Final = Shape()


def shape_of(parameters: Mapping[str, str], types: Collection[str]) -> Shape:
    """What a request for resources of these types asks for. Raises InvalidInput for another ``_summary``, both at
    once, and an element that none of the types has, by its place in the list."""
    summary, listed = parameters.get("_summary"), parameters.get("_elements")
    if summary is not None and listed is not None:
        raise InvalidInput("_summary and _elements are asked for one at a time")
    if summary is not None and summary not in _SUMMARIES:
        raise InvalidInput("_summary is true, text, data, count or false")
    if listed is None:
        return Shape(summary or "false")
    names = listed.split(",")
    if len(names) > MAX_ELEMENTS:
        raise InvalidInput(f"_elements names at most {MAX_ELEMENTS} elements")
    for place, name in enumerate(names, start=1):
        # fhirpy names resourceType too: it is no element, and always there.
        if name != "resourceType" and not any(name in _elements_of(type).named for type in types):
            raise InvalidInput(f"_elements: item {place} is no element of what is asked for")
    return Shape(elements=frozenset(names))


def shape_of_one(parameters: Mapping[str, str], type: str) -> Shape:
    """The same of a request for one resource, which may say that it wants JSON. Raises UnsupportedParameter for
    any other parameter."""
    if {name for name, value in parameters.items() if (name, value) not in FORMATS} - PARAMETERS:
        raise UnsupportedParameter("Only _summary, _elements and _format=json are supported here")
    shape = shape_of(parameters, [type])
    if shape.counts_only:
        raise InvalidInput("_summary=count is asked of a search")
    return shape


def require_whole(members: Mapping[str, bytes]) -> None:
    """Refuse to take a part for the whole: Unprocessable where ``meta`` says that elements weren't asked for, or were
    left out by another server. One of which elements are withheld from the caller passes: those are kept."""
    meta = parse(members["meta"]) if "meta" in members else {}
    meta = meta if isinstance(meta, dict) else {}
    tags, security = meta.get("tag"), meta.get("security")
    if _holds(tags, ASKED) or (_holds(tags, SUBSETTED) and not _holds(security, REDACTED)):
        raise Unprocessable("meta.tag says that this is a part of the resource: read it whole, without _elements")


@dataclass(frozen=True, slots=True)
class _Elements:
    """``named`` maps what may be asked for to the members that it stands for."""

    summary: frozenset[str]
    mandatory: frozenset[str]
    named: Mapping[str, frozenset[str]]


@cache
def _elements_of(type: str) -> _Elements:
    """What the R4B model says of a type's elements: which are part of its summary, which mandatory, which a choice."""
    summary, mandatory = set(_ALWAYS), set(_ALWAYS)
    named: dict[str, set[str]] = {}
    for field in model(type).model_fields.values():
        extra: dict[str, Any] = field.json_schema_extra if isinstance(field.json_schema_extra, dict) else {}
        if not extra.get("element_property"):
            continue
        name = field.alias or ""
        if extra.get("summary_element_property"):
            summary.add(name)
        if field.is_required() or extra.get("element_required") or extra.get("one_of_many_required"):
            mandatory.add(name)
        for asked in {name, extra.get("one_of_many") or name}:
            named.setdefault(asked, set()).add(name)
    return _Elements(
        frozenset(summary), frozenset(mandatory), {name: frozenset(members) for name, members in named.items()}
    )


def _holds(codings: Any, mark: Mapping[str, str]) -> bool:
    return isinstance(codings, list) and any(_is(mark, coding) for coding in codings)


def _is(mark: Mapping[str, str], coding: Any) -> bool:
    return isinstance(coding, dict) and all(coding.get(name) == mark[name] for name in ("system", "code"))
