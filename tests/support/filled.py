"""Resources with something in every element of their type, marked, so that it is known again wherever it turns up."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

from phivault.errors import PhivaultError
from phivault.records.shapes import Slot, shape
from phivault.records.types import TYPES, model
from phivault.records.validate import validate

DEPTH = 3
"""How deep elements of elements are filled; below it only what is required."""
SKIPPED = frozenset({"contained", "extension", "fhir_comments", "id", "modifierExtension", "resourceType"})
PLAIN: dict[str, Any] = {
    "boolean": True,
    "integer": 1,
    "unsignedInt": 1,
    "positiveInt": 1,
    "decimal": 1,
    "date": "2020-01-02",
    "dateTime": "2020-01-02T03:04:05Z",
    "instant": "2020-01-02T03:04:05Z",
    "time": "10:00:00",
    "uuid": "urn:uuid:0b9b3c1c-7d3c-4f57-9a53-5d7f7f6a3d11",
    "oid": "urn:oid:1.2.3",
}
"""Kinds of values that can't hold a mark."""
GIVEN: dict[str, dict[str, Any]] = {
    "Consent": {"status": "draft"},  # of an active one all must be enforceable
    "DocumentReference": {"content": [{"attachment": {"title": "plain"}}]},  # required, as the model finds out late
}
DIRECTORY = frozenset(name for name, row in TYPES.items() if row.patient_element is None and not row.own_subject)
"""Types about nobody: the sensitive class, which free text and extensions are of, isn't granted there."""


def extension(mark: str) -> dict[str, Any]:
    return {"url": "urn:taint", "valueString": mark}


def filled(type: str, patient: str, mark: Callable[[str], str]) -> Iterator[dict[str, Any]]:
    """As many resources of the type as its choices need, each with every element that fits beside the others.
    ``mark`` gives the mark of an element by its name. About ``patient``, a bare id, where the type is about one."""
    left = dict(_values(type, patient, mark))
    if type == "Consent":
        left["status"] = GIVEN[type]["status"]
    while left:
        whole, added = _base(type, patient), set[str]()
        for name, value in list(left.items()):
            others = {one for one in _alternatives(type, name) if one not in added}
            tried = {key: held for key, held in whole.items() if key not in others} | {name: value}
            if _valid(type, tried):
                whole = tried
                added.add(name)
                del left[name]
        if not added:
            break  # nothing of the rest can be filled
        yield {"resourceType": type} | whole


def _alternatives(type: str, name: str) -> set[str]:
    """The other names of the choice that it is one of."""
    groups = {field.alias or key: (field.json_schema_extra or {}).get("one_of_many") for key, field in _fields(type)}
    return {other for other, group in groups.items() if group and group == groups.get(name) and other != name}


def _fields(type: str) -> Any:
    return model(type).model_fields.items()


def _values(type: str, patient: str, mark: Callable[[str], str]) -> Iterator[tuple[str, Any]]:
    about = TYPES[type].patient_element
    if type not in DIRECTORY:
        yield "extension", [extension(mark("extension"))]
        yield "contained", [{"resourceType": "Organization", "id": "c1", "name": mark("contained")}]
        yield "_language", {"extension": [extension(mark("_language"))]}
    for name, slot in shape(model(type)).items():
        if name in SKIPPED or name.startswith("_"):
            continue
        value = _value(slot, _formed(name, mark(name)), DEPTH)
        if name == about:
            value = {"reference": f"Patient/{patient}", **(value or {})}
        if value is not None:
            yield name, [value] if slot.repeats else value


def _base(type: str, patient: str) -> dict[str, Any]:
    """What the type requires, unmarked."""
    about = TYPES[type].patient_element
    found = {about: {"reference": f"Patient/{patient}"}} if about else {}
    for name, slot in _required(model(type)):
        if name != about:
            value = _value(slot, _formed(name, "plain"), 1)
            found[name] = [value] if slot.repeats else value
    return found | GIVEN.get(type, {})


def _required(of: Any) -> Iterator[tuple[str, Slot]]:
    """Of a choice that is required the first."""
    slots, chosen = shape(of), set()
    for name, field in of.model_fields.items():
        extra = field.json_schema_extra or {}
        choice = extra.get("one_of_many") if extra.get("one_of_many_required") else None
        if field.is_required() or extra.get("element_required") or (choice and choice not in chosen):
            chosen.add(choice)
            yield field.alias or name, slots[field.alias or name]


def _formed(name: str, mark: str) -> str:
    """Any type of media is taken, but it must look like one."""
    return f"text/{mark}" if name == "contentType" else mark


def _value(slot: Slot, mark: str, depth: int) -> Any:
    """None for what can't be made, such as a whole resource."""
    if slot.primitive:
        return _primitive(slot, mark)
    if slot.any_resource or slot.base is None:
        return None
    found: dict[str, Any] = {}
    of, chosen = slot.base.get_model_klass(), set()
    required = {name for name, _ in _required(of)}
    for name, field in of.model_fields.items():
        alias = field.alias or name
        if alias in SKIPPED or alias.startswith("_") or alias == "reference" or (depth <= 0 and alias not in required):
            continue
        choice = (field.json_schema_extra or {}).get("one_of_many")
        inner = shape(of)[alias]
        value = None if choice in chosen else _value(inner, _formed(alias, mark), depth - 1)
        if value is not None:
            chosen |= {choice} - {None}
            found[alias] = [value] if inner.repeats else value
    return found | ({"extension": [extension(mark)]} if depth > 0 and of.__name__ != "Extension" else {}) or None


def _primitive(slot: Slot, mark: str) -> Any:
    if slot.codes is not None:
        return min(slot.codes)
    if slot.primitive in PLAIN:
        return PLAIN[slot.primitive]
    if slot.primitive == "base64Binary":
        return base64.b64encode(mark.encode()).decode()
    if slot.primitive == "xhtml":
        return f'<div xmlns="http://www.w3.org/1999/xhtml">{mark}</div>'
    if slot.primitive in ("uri", "url", "canonical"):
        return f"urn:taint:{mark}"
    return mark


def _valid(type: str, members: dict[str, Any]) -> bool:
    try:
        validate(type, {name: json.dumps(value).encode() for name, value in members.items()})
    except PhivaultError:
        return False
    return True
