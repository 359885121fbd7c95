"""The API document and the pages: files of this folder, nothing else."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from aws_lambda_powertools.event_handler import Response

from phivault import web

app = web.resolver("pages")
FOLDER = Path(__file__).parent
# The page's script and style are its own files' content, inline; it talks to its own host alone.
POLICY = (
    "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'; "
    "base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
)


@web.operation(app, "GET", "/v1/openapi.json", web.Operation(summary="This document", permission="anyone", audit=()))
def _openapi() -> Response[str]:
    return web.answer(200, (FOLDER / "openapi.json").read_text("utf-8"))


@web.operation(
    app,
    "GET",
    "/test-security",
    web.Operation(summary="The security of this stack, shown at work", permission="anyone", audit=()),
)
def _test_security() -> Response[str]:
    page = (FOLDER / "test-security.html").read_text("utf-8")
    return web.answer(200, page, media="text/html; charset=utf-8", Content_Security_Policy=POLICY)


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    return app.resolve(event, context)
