"""The routes that reconciliation leaves out are those that record nothing, by the API document."""

from __future__ import annotations

import json
from pathlib import Path

from functions.table import TABLE
from phivault.audit.reconcile.match import EXEMPT

DOCUMENT = Path(__file__).resolve().parents[2] / "functions" / "pages" / "openapi.json"


def test_exempt_is_what_records_nothing() -> None:
    paths = json.loads(DOCUMENT.read_text())["paths"]
    recorded = {
        (method.upper(), path)
        for path, methods in paths.items()
        for method, operation in methods.items()
        if operation["x-audit"]
    }
    routes = {(route.method, route.path) for function in TABLE for route in function.routes}
    assert routes - recorded == EXEMPT
