"""Entity tags: the weak tag of a resource is its version (FHIR R4 3.1.0.5, RFC 9110 section 8.8.3)."""

from __future__ import annotations

import re

from phivault.errors import InvalidInput, PreconditionFailed

_TAG = re.compile(r'(?:W/)?"([0-9]{1,10})"')


def check_if_match(if_match: str | None, version: int) -> None:
    """Raise PreconditionFailed where ``If-Match`` names another version, InvalidInput where it names none."""
    if if_match is None or if_match.strip() == "*":
        return
    tag = _TAG.fullmatch(if_match.strip())
    if tag is None:
        raise InvalidInput('If-Match is not of the form W/"1"')
    if int(tag[1]) != version:
        raise PreconditionFailed("If-Match names a version that is not the current one")
