"""The manifest of an export: what lies in it, file by file, and which tree and segments it shows.

Canonical JSON (sorted keys, no white space, ASCII), one line without a newline: accepted bytes re-encode to themselves.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from typing import Any, Final

from phivault.audit import strict_json
from phivault.audit.export import layout
from phivault.errors import IntegrityError

VERSION: Final = 1
KIND: Final = "phivault-audit-export"
MAX_MANIFEST: Final = 64 << 20
"""Bytes; room for the tiles of about 100 million leaves."""

_MAX_INT: Final = 2**53 - 1
_HASH: Final = re.compile("[0-9a-f]{64}", re.ASCII)
_ID: Final = re.compile("[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.ASCII)
_TIME: Final = re.compile(
    r"\d{4}-(0[1-9]|1[0-2])-(0[1-9]|[12]\d|3[01])T([01]\d|2[0-3]):[0-5]\d:[0-5]\d\.\d{3}Z", re.ASCII
)
_NAME: Final = re.compile(r"[!-*,-~]{1,128}", re.ASCII)  # a key name of a signed note: no space, no plus
_TENANT: Final = re.compile("[A-Za-z0-9._:-]{0,64}", re.ASCII)
_ACCOUNT: Final = re.compile(r"(\d{12})?", re.ASCII)


@dataclass(frozen=True, slots=True)
class File:
    """Its size in bytes and the SHA-256 (hex) of its bytes."""

    sha256: str
    size: int


@dataclass(frozen=True, slots=True)
class Segment:
    """Leaves ``first`` to ``first + count - 1``: the paths of their lines and objects, and the Merkle root (hex) over
    their leaf hashes alone."""

    first: int
    count: int
    lines: str
    objects: str
    root: str


@dataclass(frozen=True, slots=True)
class WitnessIdentity:
    """The witness's name, and the AWS accounts of its key and the log's: "" where unknown."""

    name: str
    account: str
    log_account: str


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """``checkpoint`` is the SHA-256 (hex) of the file of that name, whose tree has ``size`` leaves; ``first`` is the
    first leaf whose line is here; ``tenant`` is "" where no line is withheld; ``created`` is UTC with milliseconds."""

    id: str
    created: str
    origin: str
    tenant: str
    first: int
    size: int
    checkpoint: str
    witness: WitnessIdentity
    segments: tuple[Segment, ...]
    files: Mapping[str, File]


def encode(manifest: Manifest) -> bytes:
    """The canonical bytes. Raises IntegrityError naming the rule that the manifest breaks."""
    members = asdict(manifest) | {"v": VERSION, "kind": KIND}
    _check(manifest)
    return json.dumps(members, sort_keys=True, separators=(",", ":"), ensure_ascii=True).encode("ascii")


def parse(data: bytes) -> Manifest:
    """What the bytes say. Raises IntegrityError for anything but a canonical manifest of this version."""
    members = _members(data)
    try:
        if members.pop("kind") != KIND or type(members["v"]) is not int or members.pop("v") != VERSION:
            raise IntegrityError("The manifest is of another kind or version")
        segments = tuple(Segment(**segment) for segment in members.pop("segments"))
        files = {path: File(**file) for path, file in members.pop("files").items()}
        manifest = Manifest(
            **members | {"witness": WitnessIdentity(**members["witness"]), "segments": segments, "files": files}
        )
    except (TypeError, KeyError, AttributeError):
        raise IntegrityError("The manifest has a missing or an unknown field") from None
    if encode(manifest) != data:
        raise IntegrityError("The manifest is not canonical")
    return manifest


def signed_text(origin: str, manifest: bytes) -> str:
    """The text of the note ``manifest.sig``, which the log's key signs under the name ``origin``."""
    return f"{origin}/export\n{hashlib.sha256(manifest).hexdigest()}\n"


def _check(manifest: Manifest) -> None:
    for name, holds in {
        "id": _matches(_ID, manifest.id),
        "created": _matches(_TIME, manifest.created),
        "origin": _matches(_NAME, manifest.origin),
        "tenant": _matches(_TENANT, manifest.tenant),
        "checkpoint": _matches(_HASH, manifest.checkpoint),
        "size": _whole(manifest.size, layout.MAX_SIZE) and manifest.size > 0,
        "witness": _matches(_NAME, manifest.witness.name)
        and _matches(_ACCOUNT, manifest.witness.account)
        and _matches(_ACCOUNT, manifest.witness.log_account),
        "files": all(map(_file_holds, manifest.files.items())),
    }.items():
        if not holds:
            raise IntegrityError(f"The manifest breaks the schema at {name}")
    _check_segments(manifest)
    listed = manifest.files.get(layout.CHECKPOINT)
    if listed is None or listed.sha256 != manifest.checkpoint:
        raise IntegrityError("The manifest lists another checkpoint than it names")


def _check_segments(manifest: Manifest) -> None:
    """Segments are aligned, follow each other from ``first`` to ``size``, and their files are listed."""
    if not _whole(manifest.first, manifest.size - 1) or manifest.first % layout.SEGMENT:
        raise IntegrityError("The manifest breaks the schema at first")
    at = manifest.first
    for segment in manifest.segments:
        expected = min(layout.SEGMENT, manifest.size - at)
        paths = (layout.lines_path(at), layout.objects_path(at))
        if (
            not _whole(segment.first)
            or not _whole(segment.count)
            or (segment.first, segment.count, segment.lines, segment.objects) != (at, expected, *paths)
            or not _matches(_HASH, segment.root)
            or not manifest.files.keys() >= set(paths)
        ):
            raise IntegrityError("The manifest breaks the schema at segments")
        at += expected
    if at != manifest.size:
        raise IntegrityError("The manifest breaks the schema at segments")


def _file_holds(item: tuple[str, File]) -> bool:
    path, file = item
    return layout.is_path(path) and path not in layout.UNLISTED and _matches(_HASH, file.sha256) and _whole(file.size)


def _matches(pattern: re.Pattern[str], value: object) -> bool:
    return isinstance(value, str) and pattern.fullmatch(value) is not None


def _whole(value: object, most: int = _MAX_INT) -> bool:
    return type(value) is int and 0 <= value <= most


def _members(data: bytes) -> dict[str, Any]:
    if len(data) > MAX_MANIFEST:
        raise IntegrityError("The manifest is larger than 64 MiB")
    return strict_json.parse(data, "The manifest")
