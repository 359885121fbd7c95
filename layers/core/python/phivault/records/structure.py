"""The walk over a resource beside its shape: every element known, of its JSON kind, bound to its codes.

Paths are made of FHIR's own element names only; the name of an unknown element, the caller's own text, stays out.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from phivault.records.findings import MAX_FINDINGS, Finding
from phivault.records.primitives import primitive_problem
from phivault.records.shapes import Slot, shape
from phivault.records.types import CONTAINED_ONLY, NEVER_CONTAINED, TYPES, model

_TARGET = re.compile(r"([A-Z][A-Za-z]{0,63})/[A-Za-z0-9\-.]{1,64}(?:/_history/[A-Za-z0-9\-.]{1,64})?")


def findings(resource_type: str, members: Mapping[str, Any]) -> list[Finding]:
    """What is wrong, at most ten findings; ``members`` are parsed values without ``resourceType``."""
    walk = _Walk()
    walk.members(shape(model(resource_type)), members, resource_type)
    return walk.found


class _Walk:
    def __init__(self) -> None:
        self.found: list[Finding] = []

    def _add(self, path: str, rule: str) -> None:
        if len(self.found) < MAX_FINDINGS:
            self.found.append(Finding(path, rule))

    def members(self, elements: Mapping[str, Slot], members: Mapping[str, Any], path: str) -> None:
        for name, value in members.items():
            slot = elements.get(name)
            if slot is None:
                self._add(path, "has an unknown element")
            elif slot.repeats:
                self._array(slot, value, f"{path}.{name}", members.get(_sibling(name)))
            else:
                self._one(slot, value, f"{path}.{name}")

    def _array(self, slot: Slot, value: object, path: str, sibling: object) -> None:
        if not isinstance(value, list) or not value:
            self._add(path, "must be an array of at least one item")
            return
        for index, item in enumerate(value):
            if item is not None:
                self._one(slot, item, f"{path}[{index}]")
            elif not (isinstance(sibling, list) and index < len(sibling) and sibling[index] is not None):
                # A null keeps the place of a primitive that has only extensions, or of extensions that aren't there.
                self._add(f"{path}[{index}]", "must not be null")

    def _one(self, slot: Slot, value: object, path: str) -> None:
        if slot.primitive:
            rule = primitive_problem(slot.primitive, value)
            if rule is None and slot.codes is not None and value not in slot.codes:
                rule = "must be a code of the required value set"
            if rule is None and slot.form is not None and not slot.form.fullmatch(str(value)):
                rule = "must have the form of the required value set's codes"
            if rule is not None:
                self._add(path, rule)
        elif not isinstance(value, dict) or not value:
            self._add(path, "must be an object of at least one element")
        elif slot.any_resource:
            self._contained(value, path)
        else:
            self.members(slot.shape(), value, path)
            self._target(slot, value, path)

    def _target(self, slot: Slot, value: Mapping[str, Any], path: str) -> None:
        reference = value.get("reference") if slot.targets is not None else None
        match = _TARGET.fullmatch(reference) if isinstance(reference, str) else None
        if match and slot.targets is not None and match[1] not in slot.targets:
            self._add(f"{path}.reference", "must refer to a type that is allowed here")

    def _contained(self, value: Mapping[str, Any], path: str) -> None:
        kind = value.get("resourceType")
        if not isinstance(kind, str) or kind not in TYPES.keys() - NEVER_CONTAINED | CONTAINED_ONLY:
            self._add(path, "must be a resource of a type that may be contained")
        elif "id" not in value or "contained" in value:
            self._add(path, "must have an id and contain nothing (dom-2)")
        else:
            members = {name: item for name, item in value.items() if name != "resourceType"}
            self.members(shape(model(kind)), members, path)


def _sibling(name: str) -> str:
    return name[1:] if name.startswith("_") else f"_{name}"
