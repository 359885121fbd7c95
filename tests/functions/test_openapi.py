"""The API document says what the functions do: made from them, equal to the function table, whole."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from functions.table import TABLE
from phivault.audit.event import Action
from tests.support.answers import ok

if TYPE_CHECKING:
    from tests.support.stack import RunningStack

ROOT = Path(__file__).resolve().parents[2]
SERVED = json.loads((ROOT / "functions" / "pages" / "openapi.json").read_text("utf-8"))
BODILESS = {
    "/v1/me/mfa/recovery-codes",
    "/v1/admin/users/{id}/suspend",
    "/v1/admin/users/{id}/resume",
    "/v1/admin/users/{id}/mfa-reset",
    "/v1/admin/users/{id}/mfa-reset/approve",
    "/v1/admin/users/{id}/role/approve",
    "/v1/admin/invitations/{id}/approve",
    "/v1/admin/policies/proposals/{id}/approve",
    "/v1/break-glass/{id}/end",
}
"""What is posted to these is told by the path."""
METHODS = ("get", "post", "put", "patch", "delete")
OPERATIONS = [(path, method) for path, item in SERVED["paths"].items() for method in item]
ROUTES = {(route.path, route.method.lower()): route for row in TABLE for route in row.routes}


@cache
def _built() -> Any:
    """In a process of its own: building imports every function, which takes over its process's logs."""
    code = "import json, sys; from local.openapi import build; json.dump(build(), sys.stdout)"
    made = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    return json.loads(made.stdout)


def _operation(path: str, method: str) -> dict[str, Any]:
    operation: dict[str, Any] = SERVED["paths"][path][method]
    return operation


def test_the_file_is_what_the_functions_make() -> None:
    assert _built() == SERVED, "run: make openapi"


def test_it_is_served_to_anyone(stack: RunningStack) -> None:
    answer = stack.anyone().get("/openapi.json")
    assert ok(answer) == SERVED
    assert answer.headers["content-type"] == "application/json"


def test_paths_are_the_function_tables_routes() -> None:
    assert SERVED["openapi"].startswith("3.1.")
    assert SERVED["info"]["title"] == "phivault"
    assert set(OPERATIONS) == set(ROUTES)
    assert all(method in METHODS for _, method in OPERATIONS)


def test_operation_ids_are_unique() -> None:
    ids = [_operation(*one)["operationId"] for one in OPERATIONS]
    assert len(set(ids)) == len(ids)


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_operation_says_what_it_takes_and_leaves(path: str, method: str) -> None:
    operation, route = _operation(path, method), ROUTES[path, method]
    assert operation["summary"]
    assert operation["x-permission"]
    assert isinstance(operation["x-phi"], bool)
    assert set(operation["x-audit"]) <= set(Action)
    assert operation["security"] == ([] if route.public else [{"accessToken": ["phivault/api"]}])
    # Whatever needs a token is recorded, and PHI passes nowhere unrecorded.
    assert bool(operation["x-audit"]) or route.public
    assert bool(operation["x-audit"]) or not operation["x-phi"]
    assert ("requestBody" in operation) == (method in ("post", "put", "patch") and path not in BODILESS)


def test_bodies_are_required_but_where_an_empty_one_will_do() -> None:
    bodies = {one: body for one in OPERATIONS if (body := _operation(*one).get("requestBody"))}
    optional = {one for one, body in bodies.items() if not body["required"]}
    assert optional == {("/v1/audit/exports", "post"), ("/v1/auth/sign-out", "post")}


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_every_operation_says_how_it_answers(path: str, method: str) -> None:
    responses = _operation(path, method)["responses"]
    assert [status for status in responses if status.startswith("2")]
    expected = {"400", "401", "403", "404", "405", "413", "415", "429", "500", "503"}
    assert expected <= set(responses)
    kind = "OperationOutcome" if path.startswith("/v1/fhir") else "Problem"
    for status, response in responses.items():
        if not status.startswith("2"):
            assert response == {"$ref": f"#/components/responses/{kind}{status}"}


@pytest.mark.parametrize(("path", "method"), OPERATIONS)
def test_path_parameters_are_declared(path: str, method: str) -> None:
    parameters = _operation(path, method)["parameters"]
    declared = {one["name"] for one in parameters if one["in"] == "path"}
    assert declared == set(re.findall(r"{(\w+)}", path))
    assert all(one["required"] for one in parameters if one["in"] == "path")
    assert all(one["schema"] for one in parameters)
    names = [(one["in"], one["name"]) for one in parameters]
    assert len(set(names)) == len(names)


def test_whatever_touches_records_takes_a_purpose_and_writes_take_conditions() -> None:
    for path, method in OPERATIONS:
        headers = {one["name"] for one in _operation(path, method)["parameters"] if one["in"] == "header"}
        records = path.startswith("/v1/fhir") and _operation(path, method)["x-phi"]
        assert ("X-Purpose-Of-Use" in headers) == ("X-Research-Project" in headers) == records
        assert ("If-Match" in headers) == (records and method in ("put", "patch", "delete"))
        keeps = not path.endswith(("/_search", "/$validate"))
        assert ("Idempotency-Key" in headers) == (records and method != "get" and keeps)


def test_every_reference_leads_somewhere() -> None:
    def resolve(reference: str) -> None:
        place: Any = SERVED
        for part in reference.removeprefix("#/").split("/"):
            place = place[part]

    references = re.findall(r'"\$ref": "([^"]*)"', json.dumps(SERVED))
    assert references
    for reference in set(references):
        assert reference.startswith("#/components/")
        resolve(reference)


def test_bodies_of_sign_in_are_closed_schemas() -> None:
    schemas = SERVED["components"]["schemas"]
    for name in ("SignIn", "Challenge", "MfaTotp", "Refresh", "SignOut"):
        assert schemas[name]["additionalProperties"] is False
    assert set(schemas["SignIn"]["required"]) == {"email", "password"}


def test_media_types_are_the_ones_that_are_sent(stack: RunningStack) -> None:
    for path, method in OPERATIONS:
        if not ROUTES[path, method].public or method != "get":
            continue
        answer = stack.anyone().get(f"{stack.base_url}{path}")
        (media,) = _operation(path, method)["responses"]["200"]["content"]
        assert answer.headers["content-type"].partition(";")[0] == media, path
