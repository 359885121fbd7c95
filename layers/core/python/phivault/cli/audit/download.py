"""An export, brought into a new folder: every file checked against the manifest before it counts as there."""

from __future__ import annotations

import hashlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Protocol

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from phivault.audit.export import layout
from phivault.audit.export.ahead import ahead
from phivault.audit.export.manifest import Manifest, parse
from phivault.errors import IntegrityError, InvalidInput

type Fetch = Callable[[], bytes]


class Export(Protocol):
    """A finished export, wherever it lies. Its methods raise Unavailable, NotFound, AccessDenied."""

    def files(self) -> Iterable[tuple[str, Fetch]]:
        """Each file's path and how to get it, the manifest first."""

    def personal(self) -> bytes:
        """The personal fields beside it."""


def check_target(folder: Path) -> None:
    """Raises InvalidInput unless a new folder can be made there; an empty one may stand there."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise InvalidInput(f"{folder} stands there and is no folder")
    if folder.is_dir() and any(folder.iterdir()):
        raise InvalidInput(f"{folder} is not empty: an export is never mixed with anything")
    if not folder.absolute().parent.is_dir():
        raise InvalidInput(f"{folder.absolute().parent} is no folder")


def save(export: Export, folder: Path, console: Console) -> Manifest:
    """Download into a folder beside ``folder`` and rename it at the end: whatever fails leaves nothing behind, and no
    name for a half. Raises IntegrityError for a file that isn't what the manifest says, or for another than those;
    InvalidInput where the disk doesn't take it."""
    check_target(folder)
    try:
        return _saved(export, folder, console)
    except OSError as error:
        raise InvalidInput(f"{folder} can't be written: {error.strerror}") from None


def _saved(export: Export, folder: Path, console: Console) -> Manifest:
    draft = Path(tempfile.mkdtemp(prefix=f".{folder.name}.unfinished-", dir=folder.absolute().parent))
    try:
        manifest = _fill(export, draft, console)
        draft.chmod(0o755)
        if folder.is_dir():
            folder.rmdir()
        draft.rename(folder)
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    return manifest


def save_personal(body: bytes, file: Path) -> None:
    """Write what was opened, for its owner's eyes alone. Raises InvalidInput where the file exists."""
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
    except OSError as error:
        raise InvalidInput(f"{file} can't be written: {error.strerror}") from None
    try:
        with os.fdopen(descriptor, "wb") as target:
            target.write(body)
    except OSError as error:
        file.unlink(missing_ok=True)
        raise InvalidInput(f"{file} can't be written: {error.strerror}") from None


def _fill(export: Export, draft: Path, console: Console) -> Manifest:
    files = iter(export.files())
    path, fetch = next(files)
    if path != layout.MANIFEST:
        raise IntegrityError("The export doesn't begin with its manifest")
    data = fetch()
    manifest = parse(data)
    _write(draft, layout.MANIFEST, data)
    expected = {layout.SIGNATURE, *manifest.files}
    columns = (TextColumn("files"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn())
    with Progress(*columns, console=console, transient=True) as bar:
        task = bar.add_task("", total=len(expected))
        for done in ahead(lambda file: _one(draft, manifest, *file), files):
            if done not in expected:
                raise IntegrityError("The export has a file twice, or one that its manifest doesn't list")
            expected.remove(done)
            bar.advance(task)
    if expected:
        raise IntegrityError("The export lacks a file that its manifest lists")
    return manifest


def _one(draft: Path, manifest: Manifest, path: str, fetch: Fetch) -> str:
    layout.check_path(path)
    body = fetch()
    listed = manifest.files.get(path)
    if listed is not None and (len(body), hashlib.sha256(body).hexdigest()) != (listed.size, listed.sha256):
        raise IntegrityError(f"{path} isn't what the manifest says")
    _write(draft, path, body)
    return path


def _write(draft: Path, path: str, body: bytes) -> None:
    target = draft / path
    target.parent.mkdir(parents=True, exist_ok=True)
    target.write_bytes(body)
