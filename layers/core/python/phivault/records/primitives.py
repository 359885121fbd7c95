"""FHIR primitives as JSON writes them, where the R4B models accept more than FHIR does."""

from __future__ import annotations

import base64
import binascii
import re
from decimal import Decimal

from phivault.records.narrative import narrative_problem

_INTEGERS = frozenset({"integer", "unsignedInt", "positiveInt"})
_URIS = frozenset({"uri", "url", "canonical", "oid", "uuid"})
_ID = re.compile(r"[A-Za-z0-9\-.]{1,64}")
_CONTROL = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_SPACE = re.compile(r"\s")
_SCRIPT = re.compile(r"(?:javascript|vbscript|data):", re.IGNORECASE)


def primitive_problem(kind: str, value: object) -> str | None:
    """The rule that ``value`` (as ``json_members.parse`` gives it) breaks as a primitive of type ``kind``, or None.

    Patterns and ranges that the models check are left to them. FHIR R4, section 2.24.0.1.
    """
    if kind == "boolean":
        return None if isinstance(value, bool) else "must be true or false"
    if kind in _INTEGERS:
        return None if type(value) is int else "must be a whole number"
    if kind == "decimal":
        return None if type(value) in (int, Decimal) else "must be a number"
    return _string_problem(kind, value) if isinstance(value, str) else "must be a string"


def _string_problem(kind: str, value: str) -> str | None:
    if not value or _CONTROL.search(value):
        return "must be text without control characters"
    if kind in _URIS and (_SPACE.search(value) or _SCRIPT.match(value)):
        return "must be a URI without spaces, script or data"
    if kind == "id" and not _ID.fullmatch(value):
        return "must be an id of 1 to 64 letters, digits, - and ."
    if kind == "base64Binary" and not _is_base64(value):
        return "must be base64"
    return narrative_problem(value) if kind == "xhtml" else None


def _is_base64(value: str) -> bool:
    try:
        base64.b64decode(_SPACE.sub("", value), validate=True)
    except (binascii.Error, ValueError):
        return False
    return True
