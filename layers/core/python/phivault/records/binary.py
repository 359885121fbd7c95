"""Binary as what it holds: raw content in, raw content out. FHIR R4 2.37.5.

API Gateway carries bytes only of media types that it was told of (``RAW_TYPES``), and gives them back as bytes only to
who accepts one of these first; everything else it takes for text, which would break them. So raw content of another
type is refused, and whoever accepts something else first is answered JSON.
"""

from __future__ import annotations

import base64
from dataclasses import dataclass, field
from typing import Final

from phivault.errors import ContentTooLarge, InvalidInput
from phivault.records.json_members import encode, join, parse, split
from phivault.records.released import Released
from phivault.records.types import MAX_CONTENT

BINARY: Final = "Binary"
CONTENT: Final = ("contentType", "data")
"""What a raw answer is made of."""
OCTETS: Final = "application/octet-stream"
RAW_TYPES: Final = (
    "application/dicom",
    "application/gzip",
    "application/hl7-v3+xml",
    "application/pdf",
    "application/vnd.openxmlformats-officedocument.wordprocessingml.document",
    "application/zip",
    "audio/mpeg",
    "audio/ogg",
    "audio/wav",
    "image/gif",
    "image/jpeg",
    "image/png",
    "image/tiff",
    "image/webp",
    "text/csv",
    "text/plain",
    "video/mp4",
    OCTETS,
)
"""None of them is a page that a browser would run."""


@dataclass(frozen=True, slots=True)
class Content:
    """``media`` is one of RAW_TYPES. Prints without what it holds."""

    media: str
    raw: bytes = field(repr=False)


def wants_raw(accept: str | None) -> bool:
    """Whether who sends this Accept header is answered raw content: what they accept first is one of RAW_TYPES."""
    first = (accept or "").partition(",")[0].partition(";")[0]
    return first.strip().lower() in RAW_TYPES


def wrapped(raw: bytes, media: str, context: str | None, id: str | None = None) -> bytes:
    """The JSON of a Binary with this content. ``context`` is whose it is (Patient/<id>). Raises InvalidInput without
    one, ContentTooLarge beyond 3 MiB."""
    if context is None:
        raise InvalidInput("Send X-Security-Context: Patient/<id>, the patient whose data it is")
    check_size(raw)
    members = {"resourceType": encode(BINARY)} | ({} if id is None else {"id": encode(id)})
    members |= {"contentType": encode(media), "securityContext": encode({"reference": context})}
    return join(members | ({"data": b'"' + base64.b64encode(raw) + b'"'} if raw else {}))


def check_size(raw: bytes) -> None:
    """Raise ContentTooLarge for more than a Binary may hold."""
    if len(raw) > MAX_CONTENT:
        raise ContentTooLarge(f"A Binary holds at most {MAX_CONTENT} bytes")


def content_of(released: Released) -> Content:
    """What a Binary holds that was released with its CONTENT. A media type that isn't one of RAW_TYPES goes out as
    octets: it could be anything, a page with script in it too, or no media type at all."""
    members = split(released.body)
    media = str(parse(members["contentType"])).partition(";")[0].strip().lower() if "contentType" in members else ""
    data = parse(members["data"]) if "data" in members else ""
    return Content(media if media in RAW_TYPES else OCTETS, base64.b64decode(data))
