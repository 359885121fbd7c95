"""The catalogue: which data class a FHIR element has, and which Safe Harbor identifiers it may hold.

``catalogue.toml`` lists every top-level element of the known types; whatever isn't in it is SENSITIVE and may hold
any identifier: unknown types and elements, and the extensions of primitives (``_birthDate``), which say anything.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from typing import Any

from phivault.phi.data_class import DataClass

IDENTIFIERS = frozenset("ABCDEFGHIJKLMNOPQR")
"""The paragraphs of 45 CFR 164.514(b)(2)(i)."""


@dataclass(frozen=True, slots=True)
class _Entry:
    data_class: DataClass
    identifiers: frozenset[str]


_UNKNOWN = _Entry(DataClass.SENSITIVE, IDENTIFIERS)


def classify(resource_type: str, element: str) -> DataClass:
    """The data class of a resource's top-level member other than ``resourceType`` and ``id``, which are no elements."""
    return _entry(resource_type, element).data_class


def safe_harbor(resource_type: str, element: str) -> frozenset[str]:
    """The paragraphs of 45 CFR 164.514(b)(2)(i), "A" to "R", whose identifiers the element may hold."""
    return _entry(resource_type, element).identifiers


def elements(resource_type: str) -> frozenset[str]:
    """Every known element of a type; none of an unknown type."""
    return frozenset(_catalogue().get(resource_type, ()))


def types() -> frozenset[str]:
    return frozenset(_catalogue())


def _entry(resource_type: str, element: str) -> _Entry:
    return _catalogue().get(resource_type, {}).get(element, _UNKNOWN)


@cache
def _catalogue() -> dict[str, dict[str, _Entry]]:
    text = (files("phivault.phi") / "catalogue.toml").read_text("utf-8")
    data = tomllib.loads(text)
    common, domain = _entries(data["common"]), _entries(data["domain"])
    return {
        name: common | (domain if table.get("domain", True) else {}) | _entries(table)
        for name, table in data["types"].items()
    }


def _entries(table: Mapping[str, Any]) -> dict[str, _Entry]:
    identifiers = table.get("safe_harbor", {})
    entries = {}
    for data_class in DataClass:
        for element in table.get(data_class, ()):
            holds = frozenset(letter for letter, names in identifiers.items() if element in names)
            entries[element] = _UNKNOWN if data_class is DataClass.SENSITIVE else _Entry(data_class, holds)
    return entries
