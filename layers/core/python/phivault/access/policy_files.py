"""The policies and their schema, parsed once per process."""

from __future__ import annotations

import re
from functools import cache
from importlib.resources import files

from cedarpy import PolicySet, Schema

_FOLDER = files("phivault.access") / "policies"


@cache
def policies() -> PolicySet:
    return PolicySet.from_str(policy_text())


@cache
def schema() -> Schema:
    return Schema.from_str(schema_text())


def policy_text() -> str:
    """Every file ``policies/*.cedar``, ordered by name."""
    found = sorted((file for file in _FOLDER.iterdir() if file.name.endswith(".cedar")), key=lambda file: file.name)
    return "\n".join(file.read_text("utf-8") for file in found)


def schema_text() -> str:
    return (_FOLDER / "schema.cedarschema").read_text("utf-8")


@cache
def application_actions() -> tuple[str, ...]:
    """Every action of the schema that isn't about FHIR data, in its order."""
    lists = re.findall(r"^action ([^;]*?) in \[(?:application|sensitive)\] appliesTo", schema_text(), re.MULTILINE)
    return tuple(name for names in lists for name in re.findall(r'"([^"]+)"', names))
