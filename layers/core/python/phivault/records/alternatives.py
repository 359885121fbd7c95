"""Forms of one element that stand for each other: of ``value[x]`` a resource has one (FHIR R4 2.4.0.3), and a primitive
(``status``) is one element with its extensions (``_status``)."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache

from phivault.phi.catalogue import classify
from phivault.phi.data_class import DataClass
from phivault.phi.marking import DIRECTORY
from phivault.records.types import model


def alternatives(type: str, name: str) -> frozenset[str]:
    """The members that this one excludes: the other forms of its choice, none for any other element."""
    return _choices(type).get(name, frozenset()) - {name}


def beside(name: str) -> str:
    """The member that holds a primitive's extensions, or the primitive that these belong to."""
    return name[1:] if name.startswith("_") else f"_{name}"


def sealed_as(type: str, name: str) -> frozenset[DataClass]:
    """The classes under which a member may be sealed in a resource that isn't sensitive as a whole: an identifier in
    its text makes an administrative one identifying."""
    kind = classify(type, name)
    if kind is DataClass.ADMINISTRATIVE and type not in DIRECTORY:
        return frozenset({kind, DataClass.IDENTIFYING})
    return frozenset({kind})


@cache
def _choices(type: str) -> Mapping[str, frozenset[str]]:
    forms: dict[str, set[str]] = {}
    for field in model(type).model_fields.values():
        extra = field.json_schema_extra
        choice = extra.get("one_of_many") if isinstance(extra, dict) else None
        if isinstance(choice, str) and field.alias:
            forms.setdefault(choice, set()).add(field.alias)
    return {name: frozenset(names) for names in forms.values() for name in names}
