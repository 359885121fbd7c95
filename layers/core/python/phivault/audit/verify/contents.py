"""V1: the manifest is signed by the log's key; what it lists is there, as it says, and nothing else."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Mapping
from typing import Final

from phivault.audit.export import layout, manifest
from phivault.audit.export.manifest import MAX_MANIFEST, File, Manifest
from phivault.audit.export.segments import MAX_LINES, MAX_OBJECTS
from phivault.audit.log.note import MAX_NOTE, VerifierKey, open_note
from phivault.audit.log.note import parse as parse_note
from phivault.audit.verify.files import Files
from phivault.audit.verify.finding import Findings, Step
from phivault.errors import IntegrityError, InvalidInput, NotFound

_SLACK: Final = 1 << 20  # zstd adds a little to what it can't compress
_LARGEST: Final = {"segments": MAX_LINES + _SLACK, "objects": MAX_OBJECTS + _SLACK}
_OTHERWISE: Final = _SLACK
_SHOWN: Final = 80


def read_manifest(files: Files) -> tuple[Manifest, bytes]:
    """The manifest, not yet believed, and its bytes. Raises InvalidInput where this is no export of this version."""
    try:
        data = files.read(layout.MANIFEST, MAX_MANIFEST)
        return manifest.parse(data), data
    except NotFound:
        raise InvalidInput("This is not an export: it has no manifest.json") from None
    except IntegrityError as error:
        raise InvalidInput(f"This is not an export that can be read: {error.detail}") from None


def check_signature(found: Findings, files: Files, stated: Manifest, data: bytes, log_key: VerifierKey) -> None:
    with found.catch(Step.FILES, layout.SIGNATURE):
        note = parse_note(files.read(layout.SIGNATURE, MAX_NOTE))
        open_note(note, [log_key])
        if note.text != manifest.signed_text(log_key.name, data):
            raise IntegrityError("The manifest isn't the one that was signed")
    if stated.origin != log_key.name:
        found.add(Step.FILES, "The manifest is of another log than the given key", path=layout.MANIFEST)


def check_names(found: Findings, files: Files, stated: Manifest) -> None:
    """Every listed file is there, none besides, and the list has all that an export needs."""
    present, listed = set(files.names()), set(stated.files)
    required = {layout.README, layout.LOG_KEY, layout.WITNESS_KEY, layout.UNSEALED, *layout.tile_paths(stated.size)}
    for path in sorted(listed - present):
        found.add(Step.FILES, "A listed file is missing", path=path)
    for path in sorted(present - listed - layout.UNLISTED):
        # A stranger chose this name: it is shown without what a terminal would act on.
        found.add(Step.FILES, "A file is not in the manifest", path=ascii(path)[:_SHOWN])
    for path in sorted(required - listed):
        found.add(Step.FILES, "The manifest doesn't list a file that every such export has", path=path)
    for path in sorted(listed - required - _varying(stated)):
        found.add(Step.FILES, "The manifest lists a file that belongs to no such export", path=path)


def _varying(stated: Manifest) -> set[str]:
    segments = {path for segment in stated.segments for path in (segment.lines, segment.objects)}
    return {layout.CHECKPOINT, *segments, *(path for path in stated.files if path.startswith("checkpoints/"))}


def read(found: Findings, files: Files, path: str, listed: Mapping[str, File]) -> bytes | None:
    """The file's bytes, compared with what is listed; None where there is nothing to go on with. A file that differs
    is read all the same, so that later steps can name what was changed in it."""
    stated = listed.get(path)
    if stated is None:
        return None  # check_names said so
    most = _LARGEST.get(path.partition("/")[0], _OTHERWISE)
    try:
        data = files.read(path, most)
    except NotFound:
        return None  # check_names said so
    except IntegrityError as error:
        found.add(Step.FILES, error.detail, path=path)
        return None
    if len(data) != stated.size:
        found.add(Step.FILES, "A file's size is not the listed one", path=path)
    elif hashlib.sha256(data).hexdigest() != stated.sha256:
        found.add(Step.FILES, "A file's SHA-256 is not the listed one", path=path)
    return data


def check_files(files: Files, listed: Mapping[str, File], paths: Iterable[str]) -> Findings:
    found = Findings()
    for path in paths:
        read(found, files, path, listed)
    return found
