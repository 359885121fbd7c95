"""The functions themselves: one folder per row of the table, thin, and with nothing of their own below them."""

from __future__ import annotations

import ast
import sys
from pathlib import Path

import pytest

from functions.table import TABLE
from phivault.settings import Settings

FOLDER = Path(__file__).resolve().parents[2] / "functions"
SOURCES = sorted(FOLDER.rglob("*.py"))
ALLOWED = {"phivault", "functions", "aws_lambda_powertools", "pydantic"}
MAX_LINES, MAX_FUNCTION = 150, 30


def _imports(tree: ast.AST) -> set[str]:
    found = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "relative import"
            found.add(node.module or "")
    return found


def test_rows_are_folders_and_folders_rows() -> None:
    folders = {path.parent.name for path in FOLDER.glob("*/handler.py")}
    assert {row.name for row in TABLE} == folders
    assert {path.name for path in FOLDER.iterdir() if path.is_dir() and path.name != "__pycache__"} == folders


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_function_imports_only_what_stands_below_it(source: Path) -> None:
    names = _imports(ast.parse(source.read_text("utf-8")))
    assert {name.partition(".")[0] for name in names} <= ALLOWED | set(sys.stdlib_module_names)
    for name in names:
        if name.startswith("functions.") and source.parent != FOLDER:
            assert name.split(".")[1] == source.parent.name, "one function imports another"


@pytest.mark.parametrize("source", SOURCES, ids=lambda path: str(path.relative_to(FOLDER)))
def test_a_function_is_thin(source: Path) -> None:
    text = source.read_text("utf-8")
    assert source.parent == FOLDER or len(text.splitlines()) <= MAX_LINES
    for node in ast.walk(ast.parse(text)):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            assert (node.end_lineno or 0) - node.lineno < MAX_FUNCTION, node.name


@pytest.mark.parametrize("row", TABLE, ids=lambda row: row.name)
def test_a_row_names_what_there_is(row: object) -> None:
    function = next(one for one in TABLE if one is row)
    assert set(function.settings) <= set(Settings.model_fields)
    assert len(set(function.settings)) == len(function.settings)
    for grant in function.grants:
        assert grant.setting in Settings.model_fields
        assert grant.actions
        assert not [action for action in grant.actions if "*" in action]
    assert bool(function.routes) != bool(function.trigger)
    assert ("postgres_dsn" in function.settings) == bool(function.database_role) == function.postgres


def test_no_two_functions_answer_the_same_request() -> None:
    routes = [(route.method, route.path) for row in TABLE for route in row.routes]
    assert len(set(routes)) == len(routes)


def test_what_needs_no_token_is_written_here() -> None:
    public = {f"{route.method} {route.path}" for row in TABLE for route in row.routes if route.public}
    assert public == {
        "POST /v1/auth/sign-in",
        "POST /v1/auth/challenge",
        "POST /v1/auth/mfa/totp",
        "POST /v1/auth/refresh",
        "POST /v1/auth/sign-up",
        "POST /v1/auth/confirm-sign-up",
        "POST /v1/auth/resend-code",
        "POST /v1/auth/mfa/recover",
        "POST /v1/auth/password/forgot",
        "POST /v1/auth/password/reset",
        "GET /v1/fhir/metadata",
        "GET /v1/openapi.json",
        "GET /test-security",
        "GET /healthz",
    }


def test_nobody_may_destroy_what_protects() -> None:
    actions = {action for row in TABLE for grant in row.grants for action in grant.actions}
    forbidden = ("s3:Delete", "s3:Bypass", "kms:Schedule", "kms:Disable", "kms:Put", "iam:", "sts:", "dynamodb:Scan")
    assert {action for action in actions if action.startswith(forbidden)} == {"s3:DeleteObject", "dynamodb:Scan"}
    scanners = {(row.name, g.setting) for row in TABLE for g in row.grants if "dynamodb:Scan" in g.actions}
    assert scanners == {("rotator", "subject_keys_table")}, "to find whose keys are to be wrapped again"
    cleaners = {(row.name, g.setting) for row in TABLE for g in row.grants if "s3:DeleteObject" in g.actions}
    assert cleaners == {("sealer", "audit_head_bucket")}, "what was staged, and tiles that the log outgrew"
    deleters = {(row.name, g.setting) for row in TABLE for g in row.grants if "dynamodb:DeleteItem" in g.actions}
    assert deleters == {(name, "access_state_table") for name in ("auth", "accounts", "me", "admin", "access")}
