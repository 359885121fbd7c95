"""The folder that a reconciliation reads: ``cloudtrail/**``, ``gateway/**`` and ``roles.json``."""

from __future__ import annotations

import gzip
import json
import re
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from phivault.audit.export import layout, manifest, segments
from phivault.audit.reconcile import access_log, cloudtrail, mentions
from phivault.audit.reconcile.claims import Mention, Request, Unwrap
from phivault.errors import IntegrityError, InvalidInput

ROLES: Final = "roles.json"
_DIGESTS: Final = "CloudTrail-Digest"
_CLOUDTRAIL: Final = (".json", ".json.gz")
_GATEWAY: Final = (".ndjson", ".json", ".log", ".gz")
_MAX_FILE: Final = 1 << 30
_MAX_LINE: Final = 1 << 16
# CloudWatch's export to S3 puts the time of arrival before each line.
_ARRIVAL = re.compile(rb"\d{4}-\d\d-\d\dT[0-9:.]+Z ")


def unwraps(folder: Path) -> Iterator[Unwrap]:
    """Raises InvalidInput for a file that isn't CloudTrail's, or where there is none."""
    for path in _files(folder, "cloudtrail", _CLOUDTRAIL):
        if _DIGESTS not in path.parts:
            yield from cloudtrail.parse(_read(path), str(path.relative_to(folder)))


def requests(folder: Path) -> Iterator[Request]:
    """Raises InvalidInput for a line that isn't the gateway's, or where there is no file."""
    for path in _files(folder, "gateway", _GATEWAY):
        name = str(path.relative_to(folder))
        for number, line in enumerate(_lines(path, name), 1):
            yield access_log.parse_line(_ARRIVAL.sub(b"", line, count=1), f"{name}: line {number}")


def roles(path: Path) -> dict[str, str]:
    """Functions by the ARN of their role, from a file that names them the other way round. Raises InvalidInput."""
    try:
        document = json.loads(_read(path))
    except ValueError:
        raise InvalidInput(f"{path.name} is not JSON") from None
    if not isinstance(document, dict) or not all(isinstance(arn, str) for arn in document.values()):
        raise InvalidInput(f"{path.name} doesn't name the ARN of each function's role")
    return {arn: function for function, arn in document.items()}


def export_of(folder: Path) -> manifest.Manifest:
    """What the export says of itself. Raises InvalidInput where it isn't one, or one for a single tenant."""
    try:
        found = manifest.parse(_read(folder / layout.MANIFEST))
    except IntegrityError as error:
        raise InvalidInput(f"{folder.name} is no export: {error.detail}") from None
    if found.tenant:
        raise InvalidInput("The export is for one tenant: reconcile with an export of all")
    return found


def events(folder: Path, export: manifest.Manifest) -> Iterator[Mention]:
    """Every event in the export. Raises InvalidInput naming the file that can't be read."""
    for segment in export.segments:
        try:
            lines = segments.unpack(_read(folder / segment.lines), segments.MAX_LINES)
            yield from filter(None, map(mentions.of_line, lines))
        except IntegrityError as error:
            raise InvalidInput(f"{segment.lines}: {error.detail}") from None


def _files(folder: Path, name: str, endings: tuple[str, ...]) -> Iterator[Path]:
    found = sorted(path for path in (folder / name).rglob("*") if path.name.endswith(endings) and path.is_file())
    if not found:
        raise InvalidInput(f"{folder.name} has no files in {name}/: without them nothing can be said")
    yield from found


def _lines(path: Path, name: str) -> Iterator[bytes]:
    """One at a time, however long the file is. Raises InvalidInput for a file that is damaged, or a line too long."""
    try:
        with path.open("rb") as plain:
            zipped = plain.read(2) == b"\x1f\x8b"
            plain.seek(0)
            file = gzip.GzipFile(fileobj=plain) if zipped else plain
            while line := file.readline(_MAX_LINE):
                if len(line) == _MAX_LINE:
                    raise InvalidInput(f"{name} has a line longer than {_MAX_LINE} bytes")
                yield line
    except (OSError, EOFError, zlib.error):
        raise InvalidInput(f"{name} is damaged or can't be read") from None


def _read(path: Path) -> bytes:
    try:
        if path.exists() and not path.is_file():
            raise InvalidInput(f"{path.name} is no file")  # a device or a pipe may never end
        if path.stat().st_size > _MAX_FILE:
            raise InvalidInput(f"{path.name} is larger than {_MAX_FILE >> 20} MiB")
        return path.read_bytes()
    except OSError as error:
        raise InvalidInput(f"{path.name} can't be read: {error.strerror}") from None
