"""The inventory is whole: what requests, lines, messages and settings have is in it, and it has nothing else.

What is found here is read from the models and the code themselves, so that something new fails by its name. Columns
are compared in tests/contract/postgres/test_app_schema_holds_no_phi.py, rows and objects in
tests/attacks/stack/test_taint.py, row kinds here too."""

from __future__ import annotations

import ast
import io
import json
import logging
import os
import re
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel

from phivault import logs, web
from phivault.audit import canonical
from phivault.audit.event import AuditEvent
from phivault.identity.messages import Message, Purpose
from phivault.monitoring.alert import Alert
from phivault.phi import inventory
from phivault.phi.inventory import Kind
from phivault.records import bundle
from phivault.records.types import TYPES, model
from phivault.settings import Settings

ROOT = Path(__file__).parents[3]
PACKAGE = ROOT / "layers" / "core" / "python" / "phivault"
FREE = {"fhir_comments", "id", "resource_type"}
"""What fhir.resources adds to an element of its own, and what is no element."""


def listed(kind: Kind, *groups: str) -> set[str]:
    return {f"{place.group} {place.name}" for place in inventory.of_kind(kind) if not groups or place.group in groups}


@pytest.fixture(scope="module")
def operations() -> dict[tuple[str, str], web.Operation]:
    import importlib

    from functions.table import TABLE

    os.environ.setdefault("PHIVAULT_PROFILE", "local")
    for function in TABLE:
        if function.routes:
            importlib.import_module(f"functions.{function.name}.handler")
    return web.OPERATIONS


def models(found: type[BaseModel]) -> Iterator[type[BaseModel]]:
    """The model and those within it."""
    yield found
    for field in found.model_fields.values():
        yield from (one for inner in within(field.annotation) for one in models(inner))


def within(annotation: Any) -> Iterator[type[BaseModel]]:
    value = getattr(annotation, "__value__", None)  # a type alias
    if value is not None:
        yield from within(value)
    elif isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    else:
        yield from (one for part in get_args(annotation) for one in within(part))


def test_every_field_of_every_body(operations: dict[tuple[str, str], web.Operation]) -> None:
    bodies = [about.body for about in operations.values() if isinstance(about.body, type)]
    had = {f"{one.__name__} {name}" for body in bodies for one in models(body) for name in one.model_fields}
    assert had == listed(Kind.BODY) - listed(Kind.BODY, "Bundle")


def test_a_new_field_of_a_body_would_be_named(operations: dict[tuple[str, str], web.Operation]) -> None:
    class Address(BaseModel):
        street: str

    class Move(BaseModel):
        to: list[Address] | None

    had = {f"{one.__name__} {name}" for one in models(Move) for name in one.model_fields}
    assert had - listed(Kind.BODY) == {"Move to", "Address street"}


def test_every_member_of_a_bundle() -> None:
    entry = {f"entry.{name}" for name in bundle._ENTRY} | {f"entry.request.{name}" for name in bundle._REQUEST}
    assert {f"Bundle {name}" for name in bundle._BUNDLE | entry} == listed(Kind.BODY, "Bundle")


def test_every_query_parameter(operations: dict[tuple[str, str], web.Operation]) -> None:
    had = {f"{' '.join(key)} {name}" for key, about in operations.items() for name in about.parameters}
    assert had == listed(Kind.QUERY) - {"GET /v1/fhir/{type} *", "POST /v1/fhir/{type}/_search *"}


def test_every_path_parameter() -> None:
    from functions.table import TABLE

    routes = [route.path for function in TABLE for route in function.routes]
    assert {f"route {name}" for path in routes for name in re.findall(r"{(\w+)}", path)} == listed(Kind.PATH)


def sources(*folders: Path) -> Iterator[ast.Module]:
    for folder in folders:
        for path in sorted(folder.rglob("*.py")):
            yield ast.parse(path.read_text("utf-8"))


def constants(tree: ast.Module) -> dict[str, Any]:
    """Names that a module gives to constants."""
    found = {}
    for node in tree.body:
        target = node.targets[0] if isinstance(node, ast.Assign) else getattr(node, "target", None)
        if isinstance(target, ast.Name) and isinstance(node, (ast.Assign, ast.AnnAssign)) and node.value is not None:
            try:
                found[target.id] = ast.literal_eval(node.value)
            except ValueError:
                continue
    return found


def headers_read() -> set[str]:
    """Second arguments of ``header(event, ...)``: texts, constants and, for what loops over one, its members."""
    known: dict[str, Any] = {}
    trees = list(sources(PACKAGE, ROOT / "functions"))
    for tree in trees:
        known |= constants(tree)
    found: set[str] = set()
    for tree in trees:
        loops = {
            ast.unparse(node.target): ast.unparse(node.iter)
            for node in ast.walk(tree)
            if isinstance(node, ast.comprehension)
        }
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and ast.unparse(node.func).split(".")[-1] == "header":
                named = node.args[1]
                if isinstance(named, ast.Constant):
                    found.add(str(named.value))
                elif isinstance(named, ast.Name) and named.id in loops:
                    found |= set(known[loops[named.id]])
                else:  # a constant of this module or of another
                    found.add(known[ast.unparse(named).split(".")[-1]])
    return found


def test_every_header_that_the_code_reads() -> None:
    # The authorizer reads one itself; what else is sent is read by nobody.
    assert {f"request {name}" for name in headers_read() | {"Authorization", "*"}} == listed(Kind.HEADER)


def test_every_member_of_an_audit_line() -> None:
    assert {f"event {name}" for name in canonical._EVENT} == listed(Kind.AUDIT, "event")
    assert {f"genesis {name}" for name in canonical._GENESIS} == listed(Kind.AUDIT, "genesis")
    assert {field.name for field in fields(AuditEvent)} <= set(canonical._EVENT)


def test_every_field_of_an_alert() -> None:
    assert {f"sns {field.name}" for field in fields(Alert)} == listed(Kind.ALERT)


def test_every_part_of_a_message() -> None:
    parts = {field.name for field in fields(Message)} | {"to"}
    assert {f"email {name}" for name in parts} == listed(Kind.MESSAGE, "email")
    assert {f"sms {name}" for name in parts - {"subject"}} == listed(Kind.MESSAGE, "sms")  # a text has none


@pytest.mark.parametrize("purpose", Purpose)
def test_a_message_takes_nothing_of_its_reader_but_a_code(purpose: Purpose) -> None:
    from phivault.identity import messages

    texts = {**messages._CODES, **messages._NOTICES}[purpose]
    assert sum(text.count("{") for text in texts) == (1 if purpose in messages._CODES else 0)


def test_every_setting() -> None:
    assert {f"function {name}" for name in Settings.model_fields} == listed(Kind.SETTING)


def test_every_field_of_a_log_line() -> None:
    stream = io.StringIO()
    handler = logging.StreamHandler(stream)
    handler.setFormatter(logs.ScrubbingFormatter(str, log_record_order=["timestamp", "level"], service="x", utc=True))
    logger = logging.Logger("x")
    logger.addHandler(handler)
    try:
        raise ValueError("not shown")
    except ValueError:
        logger.exception("failed")
    given = {
        str(ast.literal_eval(key))
        for tree in sources(PACKAGE, ROOT / "functions")
        for node in ast.walk(tree)
        if isinstance(node, ast.Call) and is_logged(node)
        for keyword in node.keywords
        if keyword.arg == "extra" and isinstance(keyword.value, ast.Dict)
        for key in keyword.value.keys
        if key is not None
    }
    assert {f"function {name}" for name in set(json.loads(stream.getvalue())) | given} == listed(Kind.LOG)


def is_logged(call: ast.Call) -> bool:
    levels = {"debug", "info", "warning", "error", "exception", "critical", "log"}
    return isinstance(call.func, ast.Attribute) and call.func.attr in levels


def test_nothing_is_logged_with_fields_that_cant_be_read_here() -> None:
    for tree in sources(PACKAGE, ROOT / "functions"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Call) and is_logged(node):
                extra = [keyword.value for keyword in node.keywords if keyword.arg in ("extra", None)]
                assert all(isinstance(one, ast.Dict) for one in extra), ast.unparse(node)


def test_every_member_of_the_gateways_log_here_and_in_the_cloud() -> None:
    from local.gateway.access_log import Entry

    (api,) = [tree for tree in sources(ROOT / "infra") if "ACCESS_LOG" in constants(tree)]
    here = json.loads(Entry("r", 0.0, "GET", "/", 200, 1, 1).line())
    assert set(constants(api)["ACCESS_LOG"]) == set(here)
    assert {f"request {name}" for name in here} == listed(Kind.GATEWAY_LOG)


def test_every_attribute_of_an_account() -> None:
    (pool,) = [tree for tree in sources(ROOT / "infra") if "CLIENT_MAY_WRITE" in constants(tree)]
    custom = {f"user custom:{name}" for name in constants(pool)["ATTRIBUTES"]}
    assert {one for one in listed(Kind.COGNITO) if "custom:" in one} == custom


def pattern(node: ast.expr) -> str | None:
    """A key as it is written in the code, ``*`` for what it names."""
    if isinstance(node, ast.Constant):
        return str(node.value)
    if isinstance(node, ast.JoinedStr):
        return "".join(str(part.value) if isinstance(part, ast.Constant) else "*" for part in node.values)
    return None


def rows_built() -> Iterator[tuple[str, str]]:
    """``{"pk": ..., "sk": ...}`` of the adapters. A key that another function makes is ``*``."""
    for tree in sources(PACKAGE / "adapters"):
        for node in ast.walk(tree):
            if isinstance(node, ast.Dict):
                named = zip(node.keys, node.values, strict=True)
                members = {key.value: value for key, value in named if isinstance(key, ast.Constant)}
                if {"pk", "sk"} <= set(members):
                    yield pattern(members["pk"]) or "*", pattern(members["sk"]) or "*"


def test_every_kind_of_row_that_an_adapter_builds() -> None:
    groups = {place.group for place in inventory.of_kind(Kind.DYNAMODB)}
    kinds = {group.partition(" ")[2] for group in groups if group.startswith("AccessState ")}
    for pk, sk in rows_built():
        shape = re.compile("/".join("[^/]+".join(map(re.escape, part.split("*"))) for part in (pk, sk)))
        # A part that another function made can be anything here; that function's own row is looked at too.
        assert any(shape.fullmatch(kind) for kind in kinds), f"no row {pk} / {sk} in the inventory"


@pytest.mark.parametrize("type", sorted(TYPES))
def test_every_element_of_every_served_type(type: str) -> None:
    """Choice types by each of their names; what models add besides elements starts with an underscore or is FREE."""
    names = {field.alias or name for name, field in model(type).model_fields.items()}
    elements = {name for name in names if not name.startswith("_")} - FREE
    assert elements == {place.name for place in inventory.of_kind(Kind.FHIR) if place.group == type}
