"""Finding things in synthesized templates."""

from __future__ import annotations

import json
from collections.abc import Iterator
from typing import Any

type Resource = dict[str, Any]
type Assembly = dict[str, dict[str, Any]]


def resources(stacks: Assembly, kind: str = "") -> dict[str, Resource]:
    """By ``stack/logical id``; all, or those of one CloudFormation type."""
    return {
        f"{stack}/{name}": resource
        for stack, template in stacks.items()
        for name, resource in template["Resources"].items()
        if not kind or resource["Type"] == kind
    }


def properties(stacks: Assembly, kind: str) -> list[dict[str, Any]]:
    return [resource["Properties"] for resource in resources(stacks, kind).values()]


def only(stacks: Assembly, kind: str) -> dict[str, Any]:
    (found,) = properties(stacks, kind)
    return found


def functions(stacks: Assembly) -> dict[str, dict[str, Any]]:
    """Properties of our functions by their name in the table; CDK's own have another handler."""
    return {
        found["Handler"].split(".")[1]: found
        for found in properties(stacks, "AWS::Lambda::Function")
        if found["Handler"].startswith("functions.")
    }


def statements(document: dict[str, Any]) -> list[dict[str, Any]]:
    return document["Statement"]


def listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def text(value: Any) -> str:
    """A value with its intrinsic functions, as searchable text."""
    return value if isinstance(value, str) else json.dumps(value, sort_keys=True)


def strings(value: Any) -> Iterator[str]:
    match value:
        case str():
            yield value
        case dict():
            for inner in value.values():
                yield from strings(inner)
        case list():
            for inner in value:
                yield from strings(inner)
