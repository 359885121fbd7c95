"""The search parameters of each type: a table (parameters.toml), no code per type. FHIR R4, section 3.1.1.4."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType
from typing import Any, Final, Literal, cast

from phivault.phi.catalogue import classify, safe_harbor
from phivault.phi.data_class import DataClass
from phivault.phi.marking import reachable

type Kind = Literal["date", "email", "phone", "reference", "string", "token"]

OPAQUE: Final = frozenset({"patient", "subject"})
"""Their values are random ids of ours, although their elements are identifying: such a reference may hold a name."""


@dataclass(frozen=True, slots=True)
class Parameter:
    """``paths`` are where its values stand (``name.family``), ``elements`` their first steps: what has to be opened to
    compare. ``is_phi`` says that its values tell about a person, and so stand in no URL. ``system`` is that of the
    codes of an element whose codes name none (``gender``), else empty."""

    type: str
    name: str
    kind: Kind
    paths: tuple[str, ...]
    elements: tuple[str, ...]
    is_phi: bool
    system: str

    @property
    def search_type(self) -> str:
        """How a CapabilityStatement calls the kind (FHIR R4 SearchParamType)."""
        return "token" if self.kind in ("email", "phone") else self.kind

    @property
    def classes(self) -> tuple[DataClass, ...]:
        """Those that the elements it reads can have in a resource, the catalogue's first: each of them has the same."""
        return reachable(self.type, self.elements[0])

    @property
    def fields(self) -> tuple[Field, ...]:
        """Where in the index it looks: one per path for strings, so that ``name`` finds what ``family`` indexed; else
        one. Parameters that read the same in the same way share it: ``patient`` and ``subject``."""
        groups = [(path,) for path in self.paths] if self.kind == "string" else [self.paths]
        return tuple(Field(f"{self.kind}:{'+'.join(paths)}", self.kind, paths, self.classes) for paths in groups)


@dataclass(frozen=True, slots=True)
class Field:
    """A part of a type's index: the values at ``paths``, known as ``kind`` knows them. Elements that a resource raises
    to another class than the catalogue's stand apart, where only those ask who may search by that class: what somebody
    may not find is no candidate of theirs either."""

    name: str
    kind: Kind
    paths: tuple[str, ...]
    classes: tuple[DataClass, ...]

    def under(self, data_class: DataClass) -> str:
        """The name by which values of elements of this class are indexed. A class that only an older catalogue gave
        counts as the strictest."""
        held = data_class if data_class in self.classes else self.classes[-1]
        return self.name if held is self.classes[0] else f"{self.name}#{held.value}"


def parameters(type: str) -> Mapping[str, Parameter]:
    """Those of a type, by name; none of a type that isn't served."""
    return _table().get(type, MappingProxyType({}))


@cache
def fields(type: str) -> Mapping[Field, str]:
    """The index of a type, each field with the first parameter that looks into it."""
    found: dict[Field, str] = {}
    for parameter in parameters(type).values():
        for field in parameter.fields:
            found.setdefault(field, parameter.name)
    return MappingProxyType(found)


@cache
def names() -> frozenset[str]:
    """What any type calls a parameter: the names that an error may repeat."""
    return frozenset(name for each in _table().values() for name in each)


@cache
def _table() -> Mapping[str, Mapping[str, Parameter]]:
    data: dict[str, Any] = tomllib.loads((files("phivault.records.index") / "parameters.toml").read_text("utf-8"))
    systems: Mapping[str, str] = data.pop("systems")
    return MappingProxyType({type: MappingProxyType(_of_type(type, kinds, systems)) for type, kinds in data.items()})


def _of_type(
    type: str, kinds: Mapping[str, Mapping[str, Sequence[str]]], systems: Mapping[str, str]
) -> dict[str, Parameter]:
    return {
        name: _parameter(type, name, cast("Kind", kind), tuple(paths), systems)
        for kind, rows in kinds.items()
        for name, paths in rows.items()
    }


def _parameter(type: str, name: str, kind: Kind, paths: tuple[str, ...], systems: Mapping[str, str]) -> Parameter:
    elements = tuple(dict.fromkeys(path.partition(".")[0] for path in paths))
    is_phi = name not in OPAQUE and any(_tells(type, element) for element in elements)
    return Parameter(type, name, kind, paths, elements, is_phi, systems.get(f"{type}.{paths[0]}", ""))


def _tells(type: str, element: str) -> bool:
    """Administrative elements that may hold an identifier of 45 CFR 164.514(b)(2)(i) count too: when an encounter took
    place is a date of a person's."""
    return classify(type, element) is not DataClass.ADMINISTRATIVE or bool(safe_harbor(type, element))
