"""Answers of the FHIR API: headers that say version, time and place. FHIR R4 section 3.1.0."""

from __future__ import annotations

from datetime import UTC
from email.utils import format_datetime

from aws_lambda_powertools.event_handler import Response

from phivault import web
from phivault.records.operation_outcome import MEDIA_TYPE
from phivault.records.released import Released


def resource(
    released: Released,
    *,
    status: int = 200,
    location: str | None = None,
    body: str | None = None,
    media: str = MEDIA_TYPE,
    **more: str,
) -> Response[str]:
    """One resource, or ``body`` in its place, with its ETag and Last-Modified, where it has them: a de-identified one
    has neither."""
    headers = more | ({"ETag": f'W/"{released.version}"'} if released.version else {})
    if released.at is not None:
        headers["Last_Modified"] = format_datetime(released.at.astimezone(UTC), usegmt=True)
    if location is not None:
        headers["Location"] = f"{location}/{released.type}/{released.id}/_history/{released.version}"
    return web.answer(status, released.body.decode() if body is None else body, media=media, **headers)


def document(body: bytes, **headers: str) -> Response[str]:
    """A Bundle or CapabilityStatement."""
    return web.answer(200, body.decode(), media=MEDIA_TYPE, **headers)
