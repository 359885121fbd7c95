"""Strict FHIR R4 validation. It only reads: what is stored are the bytes that were sent.

First our own walk (known elements, JSON kinds, required codes, narrative), then the R4B model (cardinality,
patterns, choices). The model's error text holds input values, so ours is made from its locations and types alone.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from pydantic import ValidationError

from phivault.errors import ContentTooLarge
from phivault.records.findings import MAX_FINDINGS, Finding, InvalidResource
from phivault.records.json_members import parse
from phivault.records.structure import findings
from phivault.records.types import MAX_CONTENT, known, model

_SPACE = re.compile(r"\s+")
_NAME = re.compile(r"_?[a-z][A-Za-z0-9]{0,63}")
_PYTHON_NAMES = {"class_fhir": "class"}
_RULES = {
    "missing": "is required",
    "model_field_validation.missing": "is required",
    "string_pattern_mismatch": "does not have the form of its type",
    "string_too_long": "is too long",
    "greater_than_equal": "is too small",
    "less_than_equal": "is too large",
    "value_error": "breaks a rule of its type",
}


def validate(resource_type: str, members: Mapping[str, bytes], *, id: str | None = None) -> None:
    """Check one resource, its members as ``split`` gives them, with or without ``resourceType`` and ``id``.

    ``resourceType``, where present, must be ``resource_type``; ``id``, where both are given, must be ``id``.
    Raises InvalidResource (an InvalidInput), NotFound for a type that isn't served, or ContentTooLarge for a Binary of
    more than 3 MiB.
    """
    values = {name: parse(value) for name, value in members.items()}
    if values.pop("resourceType", known(resource_type)) != resource_type:
        raise InvalidResource([Finding("resourceType", "must be the type that the URL names")])
    if id is not None and values.get("id", id) != id:
        raise InvalidResource([Finding(f"{resource_type}.id", "must be the id that the URL names")])
    found = findings(resource_type, values) or _model_findings(resource_type, values)
    if found:
        raise InvalidResource(found)
    if resource_type == "Binary" and _decoded(values.get("data", "")) > MAX_CONTENT:
        raise ContentTooLarge(f"A Binary holds at most {MAX_CONTENT} bytes")


def _decoded(data: str) -> int:
    """How many bytes a valid base64 text stands for."""
    text = _SPACE.sub("", data) if len(data) > MAX_CONTENT else data
    return len(text) // 4 * 3 - text.count("=", -2)


def _model_findings(resource_type: str, values: Mapping[str, Any]) -> list[Finding]:
    try:
        model(resource_type).model_validate(dict(values))
    except ValidationError as error:
        details = error.errors(include_url=False, include_context=False, include_input=False)
    else:
        return []
    unique = dict.fromkeys(_finding(resource_type, detail["loc"], detail["type"]) for detail in details)
    return list(unique)[:MAX_FINDINGS]


def _finding(resource_type: str, location: Sequence[int | str], error_type: str) -> Finding:
    # Every name was found in the shape before; the pattern drops the labels that the library puts between names.
    path = resource_type
    for part in location:
        if isinstance(part, int):
            path += f"[{part}]"
        elif _NAME.fullmatch(part):
            path += "." + _PYTHON_NAMES.get(part, part)
    return Finding(path, _RULES.get(error_type, "is not valid"))
