"""Finding things in synthesized templates."""

from __future__ import annotations

import json
import re
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


def statements_of(stacks: Assembly, function: str) -> list[dict[str, Any]]:
    """All statements of all policies on the function's role."""
    found = functions(stacks)[function]
    role = found["Role"]["Fn::GetAtt"][0]
    stack = next(
        name.split("/")[0]
        for name, one in resources(stacks, "AWS::Lambda::Function").items()
        if one["Properties"] is found
    )
    assert "Policies" not in stacks[stack]["Resources"][role]["Properties"]
    assert "ManagedPolicyArns" not in stacks[stack]["Resources"][role]["Properties"]
    inline = [p for p in properties(stacks, "AWS::IAM::Policy") if f'"{role}"' in text(p.get("Roles"))]
    assert not inline
    return [
        statement
        for policy in properties({stack: stacks[stack]}, "AWS::IAM::ManagedPolicy")
        if {"Ref": role} in policy.get("Roles", [])
        for statement in policy["PolicyDocument"]["Statement"]
    ]


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


def exports(stacks: Assembly) -> dict[str, tuple[str, Any]]:
    """By an export's name: the stack that has it, and its value there."""
    return {
        output["Export"]["Name"]: (stack, output["Value"])
        for stack, template in stacks.items()
        for output in template.get("Outputs", {}).values()
        if "Export" in output
    }


def needs(template: dict[str, Any]) -> dict[str, set[str]]:
    """By logical id: the resources that CloudFormation makes before."""
    made = template["Resources"]
    return {
        name: {*listed(one.get("DependsOn", [])), *_named(one.get("Properties", {}))} & set(made)
        for name, one in made.items()
    }


def _named(value: Any) -> Iterator[str]:
    match value:
        case {"Ref": str(name)}:
            yield name
        case {"Fn::GetAtt": [str(name), *_]}:
            yield name
        case {"Fn::Sub": given}:
            text, *values = listed(given)
            yield from re.findall(r"\$\{(\w+)", text)
            yield from _named(values)
        case dict():
            for inner in value.values():
                yield from _named(inner)
        case list():
            for inner in value:
                yield from _named(inner)
