"""The OpenAPI 3.1 document, merged from the functions: ``make openapi`` writes it where functions/pages serves it."""

from __future__ import annotations

import importlib
import json
import os
from collections.abc import Collection
from pathlib import Path
from typing import Any

from aws_lambda_powertools.event_handler.openapi import OpenAPIMerge
from pydantic import BaseModel

from functions.table import TABLE
from phivault.access.purpose import PurposeOfUse
from phivault.records.types import TYPES

ROOT = Path(__file__).resolve().parent.parent
TARGET = ROOT / "functions" / "pages" / "openapi.json"
PATCH = "application/json-patch+json"
RAW = {"application/octet-stream": {"schema": {"type": "string", "format": "binary"}}}
"""What a Binary holds; any of records.binary.RAW_TYPES."""
FORM = "application/x-www-form-urlencoded"
PROBLEM = {
    "type": "object",
    "properties": {
        "type": {"type": "string"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "detail": {"type": "string"},
        "instance": {"type": "string", "description": "urn:uuid of the log entry, on every 5xx"},
    },
    "required": ["type", "title", "status"],
}
SUCCESSES: dict[int, dict[str, Any]] = {
    200: {"description": "Done"},
    201: {"description": "Created"},
    202: {"description": "Accepted: something is on its way"},
    204: {"description": "Done"},
}
STATUSES = {
    "400": "The request is not valid",
    "401": "Sign-in required, or wrong password or code",
    "403": "Not permitted, or no purpose of use",
    "404": "Absent, or another tenant's",
    "405": "The method is not allowed here",
    "409": "The present state does not allow it",
    "410": "The resource was deleted",
    "412": "If-Match is stale",
    "413": "The body is too large",
    "415": "The content type is not supported",
    "422": "The request breaks a rule",
    "429": "Too many requests; see Retry-After",
    "500": "Internal error; instance is found in the log",
    "503": "A dependency is down, nothing was released; see Retry-After",
}

QUERIES: dict[str, dict[str, Any]] = {
    "_count": {"type": "integer", "minimum": 1},
    "limit": {"type": "integer", "minimum": 1},
    "_format": {"enum": ["json", "application/json", "application/fhir+json"]},
    "_summary": {"enum": ["true", "text", "data", "count", "false"]},
    "_id": {"type": "string", "pattern": "^[A-Za-z0-9.-]{1,64}(,[A-Za-z0-9.-]{1,64})*$"},
    "_lastUpdated": {"type": "string", "pattern": "^(eq|ge|gt|le|lt|sa|eb)?[12][0-9]{3}(-.*)?$"},
}
"""Query parameters that aren't any text; what else there is to say of them stands in docs/api.md."""
HEADERS: dict[str, dict[str, Any]] = {
    "X-Purpose-Of-Use": {"enum": list(PurposeOfUse)},
    "X-Research-Project": {"type": "string", "pattern": "^[a-z0-9-]{1,64}$"},
    "Idempotency-Key": {"type": "string", "pattern": "^[!-~]{1,255}$"},
    "If-None-Exist": {"type": "string", "maxLength": 2048},
    "Prefer": {"type": "string"},
    "If-Match": {"type": "string", "pattern": '^(W/)?"[0-9]{1,10}"$'},
    "X-Security-Context": {"type": "string", "pattern": "^Patient/[A-Za-z0-9.-]{1,64}$"},
}


def build() -> dict[str, Any]:
    """The merged document, completed with bodies, errors, headers and security."""
    os.environ.setdefault("PHIVAULT_PROFILE", "local")
    document = _merged()
    operations = _operations()
    public = {(route.method, route.path): route.public for function in TABLE for route in function.routes}
    for path, methods in document["paths"].items():
        for method, operation in methods.items():
            key = (method.upper(), path)
            _complete(operation, key, operations[key], public[key])
    document["components"] = _components(operations)
    return document


def _merged() -> dict[str, Any]:
    merge = OpenAPIMerge(title="phivault", version="1", openapi_version="3.1.0", on_conflict="error")
    for function in TABLE:
        if function.routes:
            merge.add_file(ROOT / "functions" / function.name / "handler.py", resolver_name="app")
    document: dict[str, Any] = merge.get_openapi_schema()
    plain: dict[str, Any] = json.loads(json.dumps(document, default=str))
    return plain | {"paths": {path.replace("\\$", "$"): item for path, item in plain["paths"].items()}}


def _operations() -> dict[tuple[str, str], Any]:
    from phivault import web

    for function in TABLE:
        if function.routes:
            importlib.import_module(f"functions.{function.name}.handler")
    return web.OPERATIONS


def _complete(operation: dict[str, Any], key: tuple[str, str], about: Any, public: bool) -> None:
    method, path = key
    fhir = path.startswith("/v1/fhir")
    content = {"application/fhir+json" if fhir else "application/json": {"schema": {"type": "object"}}}
    if about.answer:
        content = {about.answer: {"schema": {"type": "string"}}}
    elif not path.startswith("/v1") and path != "/healthz":
        content = {"text/html": {"schema": {"type": "string"}}}
    if about.raw and about.body is None:
        content |= RAW
    success = {
        str(status): SUCCESSES[status] | ({"content": content} if status != 204 else {}) for status in about.statuses
    }
    refused = "OperationOutcome" if fhir else "Problem"
    operation["responses"] = success | {
        status: {"$ref": f"#/components/responses/{refused}{status}"} for status in _possible(fhir, about.refusals)
    }
    operation["security"] = [] if public else [{"accessToken": ["phivault/api"]}]
    operation["parameters"] = _parameters(method, path, about, fhir and about.phi)
    if about.body is not None:
        taken = _body(about.body) | (RAW if about.raw else {})
        operation["requestBody"] = {"required": not about.body_optional, "content": taken}


def _possible(fhir: bool, more: Collection[int]) -> list[str]:
    left_out = set() if fhir else {"409", "410", "412", "422"} - {str(status) for status in more}
    return [status for status in STATUSES if status not in left_out]


def _body(body: type[BaseModel] | str) -> dict[str, Any]:
    if body == PATCH:
        return {body: {"schema": {"type": "array", "items": {"type": "object", "required": ["op", "path"]}}}}
    if body == FORM:
        return {body: {"schema": {"type": "object", "additionalProperties": {"type": "string"}}}}
    if isinstance(body, str):
        return {body: {"schema": {"type": "object", "required": ["resourceType"]}}}
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{body.__name__}"}}}


def _parameters(method: str, path: str, about: Any, releases: bool) -> list[dict[str, Any]]:
    named = [part.strip("{}") for part in path.split("/") if part.startswith("{")]
    found = [{"name": name, "in": "path", "required": True, "schema": _path_schema(path, name)} for name in named]
    found += [
        {"name": name, "in": "query", "schema": QUERIES.get(name, {"type": "string"})} for name in about.parameters
    ]
    headers = ["X-Purpose-Of-Use", "X-Research-Project"] if releases else []
    headers += ["Idempotency-Key"] if releases and method != "GET" and about.body != FORM and "$" not in path else []
    headers += ["If-None-Exist"] if (method, path) == ("POST", "/v1/fhir/{type}") else []
    headers += ["Prefer"] if releases and method in ("POST", "PUT", "PATCH") and about.body not in (FORM, None) else []
    headers += ["If-Match"] if releases and method in ("PUT", "PATCH", "DELETE") else []
    headers += ["X-Security-Context"] if about.raw and about.body is not None else []
    return found + [{"name": name, "in": "header", "schema": HEADERS[name]} for name in headers]


def _path_schema(path: str, name: str) -> dict[str, Any]:
    if name == "version":
        return {"type": "integer", "minimum": 0}
    if not path.startswith("/v1/fhir"):
        return {"type": "string"}
    types = ["Patient"] if path.endswith("/$everything") else sorted(TYPES)
    return {"enum": types} if name == "type" else {"type": "string", "pattern": "^[A-Za-z0-9.-]{1,64}$"}


def _components(operations: dict[tuple[str, str], Any]) -> dict[str, Any]:
    models = {about.body.__name__: about.body for about in operations.values() if isinstance(about.body, type)}
    responses = {}
    for status, text in STATUSES.items():
        problem = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}}
        outcome = {"application/fhir+json": {"schema": {"$ref": "#/components/schemas/OperationOutcome"}}}
        responses[f"Problem{status}"] = {"description": text, "content": problem}
        responses[f"OperationOutcome{status}"] = {"description": text, "content": outcome}
    schemas: dict[str, Any] = {name: _schema(model) for name, model in models.items()}
    outcome_schema = {"type": "object", "properties": {"resourceType": {"const": "OperationOutcome"}}}
    schemas |= {"Problem": PROBLEM, "OperationOutcome": outcome_schema}
    token = {"type": "http", "scheme": "bearer", "bearerFormat": "JWT"}
    return {"schemas": schemas, "responses": responses, "securitySchemes": {"accessToken": token}}


def _schema(model: type[BaseModel]) -> dict[str, Any]:
    schema = model.model_json_schema()
    definitions = schema.pop("$defs", {})
    text = json.dumps(schema)
    for name, definition in definitions.items():
        text = text.replace(json.dumps({"$ref": f"#/$defs/{name}"}), json.dumps(definition))
    inlined: dict[str, Any] = json.loads(text)
    return inlined


def main() -> None:
    TARGET.write_text(json.dumps(build(), indent=1, sort_keys=True) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
