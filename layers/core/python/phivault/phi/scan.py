"""Where identifiers stand in a document: by line and column of a text, by element path of JSON.

Of FHIR JSON more is known than its text says: a family name is a name whatever it looks like, and an XHTML narrative or
a text attachment is read as the text that it is.
"""

from __future__ import annotations

import base64
import binascii
import html
import json
import re
from bisect import bisect_right
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from phivault.errors import InvalidInput
from phivault.phi.detect import Finding, Kind, find

_TAG = re.compile(r"<[^<>]{0,2000}>")
_MEANT = {
    "HumanName": dict.fromkeys(("family", "given", "text"), Kind.NAME),
    "Address": {"line": Kind.ADDRESS, "city": Kind.ADDRESS, "district": Kind.ADDRESS, "text": Kind.ADDRESS}
    | {"postalCode": Kind.POSTCODE},
    "Identifier": {"value": Kind.ID},
    "ContactPoint": {"value": Kind.PHONE},
}
_TYPES_OF = {
    "name": "HumanName",
    "address": "Address",
    "identifier": "Identifier",
    "masterIdentifier": "Identifier",
    "telecom": "ContactPoint",
}
_CONTACT = {"email": Kind.EMAIL, "fax": Kind.FAX, "url": Kind.URL}
_TECHNICAL = frozenset({"system", "code", "profile", "reference", "fullUrl", "url", "versionId", "id", "resourceType"})
"""Members of FHIR whose strings are codes, URIs and ids: nobody's unless they are one of these kinds."""
_EVEN_THERE = frozenset({Kind.EMAIL, Kind.SSN, Kind.NHS, Kind.CARD})


@dataclass(frozen=True, slots=True)
class Found:
    """``place`` is "line:column" (both from 1, in characters) or a path such as ``Patient.name[0].family``; ``text`` is
    what was found, and isn't printed."""

    place: str
    kind: Kind
    score: float
    text: str = field(repr=False)


def scan(document: str, *, name: str = "") -> list[Found]:
    """What is found in a document: JSON or lines of JSON by its name's ending or its first character, else text.

    Raises InvalidInput for a name that says JSON over a text that isn't.
    """
    if name.endswith((".ndjson", ".jsonl")):
        return list(_lines_of_json(document))
    if name.endswith(".json"):
        return list(_json(_parsed(document, "The document"), ""))
    if document.lstrip("\ufeff \t\r\n")[:1] in ("{", "["):
        try:
            return list(_json(_parsed(document, ""), ""))
        except InvalidInput:
            return list(_text(document))
    return list(_text(document))


def _text(document: str) -> Iterator[Found]:
    starts = [0, *(match.end() for match in re.finditer("\n", document))]
    for one in find(document):
        line = bisect_right(starts, one.start)
        yield _found(f"{line}:{one.start - starts[line - 1] + 1}", document, one)


def _lines_of_json(document: str) -> Iterator[Found]:
    for number, line in enumerate(document.split("\n"), start=1):
        if line.strip():
            for one in _json(_parsed(line, f"Line {number}"), ""):
                yield Found(f"{number}:{one.place}", one.kind, one.score, one.text)


def _parsed(text: str, what: str) -> Any:
    try:
        return json.loads(text.removeprefix("\ufeff"), parse_int=str, parse_float=str)
    except (ValueError, RecursionError):
        raise InvalidInput(f"{what} is not JSON") from None


def _json(value: Any, path: str, *, type: str = "", member: str = "", among: Any = None) -> Iterator[Found]:
    """Findings below ``value``, which is the ``member`` of the object ``among`` whose FHIR type, where it counts, is
    ``type``."""
    if isinstance(value, dict):
        own = value.get("resourceType")
        path = own if isinstance(own, str) and not path else path or "$"
        for name, part in value.items():
            kind = type if member == "" else _TYPES_OF.get(member, "")
            yield from _json(part, f"{path}.{name}", type=kind, member=name, among=value)
    elif isinstance(value, list):
        for at, part in enumerate(value):
            yield from _json(part, f"{path or '$'}[{at}]", type=type, member=member, among=among)
    elif isinstance(value, str):
        yield from _string(value, path or "$", type, member, among)


def _string(value: str, path: str, type: str, member: str, among: Any) -> Iterator[Found]:
    meant = _MEANT.get(type, {}).get(member)
    if meant is Kind.PHONE:
        meant = _CONTACT.get(str(among.get("system")), meant)
    if meant is not None and value.strip():
        yield Found(path, meant, 1.0, value)
        return
    text = _readable(value, member, among)
    for one in find(text):
        if member not in _TECHNICAL or one.kind in _EVEN_THERE:
            yield _found(path, text, one)


def _readable(value: str, member: str, among: Any) -> str:
    if member == "div":
        return _of_markup(value)
    kind = among.get("contentType") if isinstance(among, dict) else None
    if member != "data" or not isinstance(kind, str):
        return value
    if not kind.startswith("text/"):
        return ""
    try:
        text = base64.b64decode(value, validate=True).decode("utf-8", "replace")
    except (binascii.Error, ValueError):
        return value
    return _of_markup(text) if "html" in kind else text


def _of_markup(text: str) -> str:
    return " ".join(html.unescape(_TAG.sub(" ", text)).split())


def _found(place: str, text: str, one: Finding) -> Found:
    return Found(place, one.kind, one.score, text[one.start : one.end])
