"""References between resources: which there are, and resolving those of a transaction. FHIR R4, section 2.3.0."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Set
from typing import Any

from phivault.errors import Unprocessable
from phivault.records.json_members import encode, parse
from phivault.records.types import TYPES

_RELATIVE = re.compile(r"([A-Za-z]{1,64})/([A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?")
_ABSOLUTE = re.compile(r"https?://[^\s?#]+")

_TEXT = rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"'
_SPACE = rb"[ \t\n\r]*+"
# In valid JSON only a name is followed by a colon, and matching string after string never starts inside one.
_PAIR = re.compile(rb"(%s)(%s:%s)(%s)|%s" % (_TEXT, _SPACE, _SPACE, _TEXT, _TEXT), re.DOTALL)
_PLAIN = re.compile(rb'("reference")(%s:%s)("[^"]*+")' % (_SPACE, _SPACE))


def references(members: Mapping[str, bytes], known: Set[str] = frozenset()) -> list[tuple[str, str]]:
    """The (type, id) of each relative reference anywhere in a resource, once each, in order.

    Absolute http(s) URLs name other servers and ``#id`` what is contained: neither is listed. Raises Unprocessable
    for a reference to nothing that can be: a URN that no entry of the transaction has, a conditional one, a type
    that isn't served, a contained id that isn't there nor ``known``, or any other form. It is named by its place in the
    order of all references, never by its text.
    """
    values = {name: parse(value) for name, value in members.items() if name == "contained" or _may_refer(value)}
    contained = _contained_ids(values.get("contained")) | known
    found: dict[tuple[str, str], None] = {}
    for number, reference in enumerate(_walk(values), start=1):
        target = _target(reference, contained, number)
        if target is not None:
            found[target] = None
    return list(found)


def seen_references(members: Mapping[str, bytes], hidden: Set[str]) -> tuple[tuple[str, str], ...]:
    """The references in members other than ``hidden`` ones. Where ``contained`` is hidden, those to what is contained
    aren't looked after: ``require_contained`` did that. Raises as ``references``."""
    shown = _shown(members, hidden)
    return tuple(references(shown, _fragments(shown) if "contained" in hidden else frozenset()))


def standing_references(members: Mapping[str, bytes], hidden: Set[str]) -> tuple[tuple[str, str], ...]:
    """The same of a version that stands: whoever didn't see its references to what it contained may have taken that
    away since, which keeps nobody from mending it."""
    shown = _shown(members, hidden)
    return tuple(references(shown, _fragments(shown)))


def require_contained(before: Mapping[str, bytes], members: Mapping[str, bytes], hidden: Set[str]) -> None:
    """Raise Unprocessable, as ``references``, where a member that is seen refers to something contained that isn't
    seen: whether it is there isn't told. What the version ``before`` refers to may stay."""
    if "contained" in hidden:
        references(_shown(members, hidden), _fragments(_shown(before, hidden)))


def _shown(members: Mapping[str, bytes], hidden: Set[str]) -> dict[str, bytes]:
    return {name: value for name, value in members.items() if name not in hidden}


def _fragments(members: Mapping[str, bytes]) -> frozenset[str]:
    """The ids of what is contained that members refer to."""
    found = _walk({name: parse(value) for name, value in members.items() if _may_refer(value)})
    return frozenset(reference[1:] for reference in found if reference.startswith("#"))


def resolve(text: bytes, targets: Mapping[str, str]) -> bytes:
    """``text`` (valid JSON) with each member ``reference`` whose value is a key of ``targets`` (fullUrl) pointing
    to its value (Type/id). Every other byte stays, equal strings in other members included."""

    def replaced(match: re.Match[bytes]) -> bytes:
        name, colon, value = match[1], match[2], match[3]
        if name is None or parse(name) != "reference":
            return match[0]
        target = targets.get(parse(value))
        return match[0] if target is None else name + colon + encode(target)

    if not targets or not _may_refer(text):
        return text
    # Without a backslash no string holds a quote: then only what is such a member reads like one.
    return (_PAIR if b"\\" in text else _PLAIN).sub(replaced, text)


def _may_refer(text: bytes) -> bool:
    """Whether JSON may have a member ``reference``; most has none, and needn't be read for it."""
    return b"reference" in text or b"\\u" in text


def _walk(value: Any) -> Iterator[str]:
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for item in value.values():
            yield from _walk(item)
    elif isinstance(value, list):
        for item in value:
            yield from _walk(item)


def _contained_ids(contained: Any) -> frozenset[str]:
    items = contained if isinstance(contained, list) else []
    ids = (item.get("id") for item in items if isinstance(item, dict))
    return frozenset(name for name in ids if isinstance(name, str))


def _target(reference: str, contained: frozenset[str], number: int) -> tuple[str, str] | None:
    if reference.startswith("#"):
        if reference != "#" and reference[1:] not in contained:
            raise _broken(number, "names a contained resource that is not there")
        return None
    if reference.startswith("urn:"):
        raise _broken(number, "is a URN that no entry of the same transaction has as its fullUrl")
    if "?" in reference:
        raise _broken(number, "is conditional, which is not supported")
    if _ABSOLUTE.fullmatch(reference):
        return None
    match = _RELATIVE.fullmatch(reference)
    if match is None:
        raise _broken(number, "has no form that FHIR knows")
    if match[1] not in TYPES:
        raise _broken(number, "names a resource type that is not served")
    return match[1], match[2]


def _broken(number: int, rule: str) -> Unprocessable:
    return Unprocessable(f"Reference {number} of the resource {rule}")
