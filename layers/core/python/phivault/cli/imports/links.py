"""What a resource is called in its source, what it refers to, and how it refers to what the server made of that."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from phivault.cli.imports.source import Found
from phivault.errors import InvalidInput
from phivault.records.json_members import parse
from phivault.records.references import resolve
from phivault.records.types import TYPES

_FIRST: Final = ("Organization", "Practitioner", "Location", "PractitionerRole", "Patient", "RelatedPerson")
_RELATIVE: Final = re.compile(r"([A-Za-z]{1,64}/[A-Za-z0-9\-.]{1,64})(?:/_history/[A-Za-z0-9\-.]{1,64})?")
_ID: Final = re.compile(r"[A-Za-z0-9\-.]{1,64}")


@dataclass(frozen=True, slots=True)
class Linked:
    """A resource by its hashed names. ``needs`` says of each that it refers to whether the folder must have it: a URL
    may as well be another server's."""

    type: str
    rank: int
    digest: bytes
    names: tuple[bytes, ...]
    needs: dict[bytes, bool]
    resource: bytes = field(repr=False)


class Names:
    """Hashes names with the journal's salt. A URN holds in its own file, any other name in the whole folder."""

    def __init__(self, salt: bytes, file: int) -> None:
        self._salt, self._file = salt, str(file).encode()

    def of(self, reference: str) -> bytes:
        scope = self._file if reference.startswith("urn:") else b""
        return hashlib.sha256(self._salt + b"name" + scope + b"\0" + reference.encode()).digest()[:20]

    def of_content(self, found: Found) -> bytes:
        """Of all that is sent: the resource, and behind it the condition on which it is made."""
        condition = b"\0" + found.if_none_exist.encode() if found.if_none_exist else b""
        return hashlib.sha256(self._salt + b"content" + (found.resource or b"") + condition).digest()[:20]

    def linked(self, found: Found) -> Linked:
        """Raises InvalidInput for what can't be a resource that is served."""
        resource = found.resource or b""
        document = parse(resource)
        kind = document.get("resourceType") if isinstance(document, dict) else None
        if not isinstance(kind, str) or kind not in TYPES:
            raise InvalidInput("The resource's type is not served")
        id, names = document.get("id"), []
        if isinstance(id, str) and _ID.fullmatch(id):
            names.append(self.of(f"{kind}/{id}"))
        if found.full_url:
            names.append(self.of(found.full_url))
        needs = {self.of(target(one)): not one.startswith("http") for one in references(document) if leads(one)}
        rank = _FIRST.index(kind) if kind in _FIRST else len(_FIRST)
        return Linked(kind, rank, self.of_content(found), tuple(dict.fromkeys(names)), needs, resource)

    def rewritten(self, resource: bytes, made: Mapping[bytes, str]) -> bytes:
        """The resource with each reference to a key of ``made`` leading to its value; all other bytes stay."""
        texts = set(references(parse(resource)))
        targets = {text: made[name] for text in texts if (name := self.of(target(text))) in made}
        return resolve(resource, targets)


def references(value: Any) -> Iterator[str]:
    """The text of every reference, wherever it stands."""
    if isinstance(value, dict):
        if isinstance(value.get("reference"), str):
            yield value["reference"]
        for item in value.values():
            yield from references(item)
    elif isinstance(value, list):
        for item in value:
            yield from references(item)


def target(reference: str) -> str:
    """What it names, without a version."""
    relative = _RELATIVE.fullmatch(reference)
    return relative[1] if relative else reference


def leads(reference: str) -> bool:
    """Whether it names a resource of its own: not what is contained, nor what only the API can judge."""
    return reference.startswith(("urn:", "https://", "http://")) or _RELATIVE.fullmatch(reference) is not None
