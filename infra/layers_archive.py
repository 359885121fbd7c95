"""A folder that is the same every time: bytecode, modes, times and a zip that depend on its content alone."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator
from pathlib import Path

MOUNT = "/opt/python"
"""Where Lambda mounts a layer's ``python`` folder: tracebacks name sources by it."""
EPOCH = (1980, 1, 1, 0, 0, 0)
"""The earliest time that a zip can hold."""
_EPOCH_SECONDS = 315532800


class WrongPython(Exception):
    """The bytecode would be another version's, which the functions would ignore."""


def compile_all(python: Path, version: str) -> None:
    """Write the bytecode of every module below ``python``. Raises WrongPython unless this Python is ``version``.

    It is found by the source's hash, which nobody checks when it is loaded: times, which bytecode usually names,
    differ from one unpacking to the next. A fixed hash seed keeps the order of sets, and so the bytes.
    """
    running = "{}.{}".format(*sys.version_info)
    if running != version:
        raise WrongPython(f"The functions run Python {version}; this is {running}")
    options = ["-q", "-j", "1", "--invalidation-mode", "unchecked-hash", "-s", str(python), "-p", MOUNT]
    subprocess.run(  # noqa: S603  (our own list, no shell)
        [sys.executable, "-S", "-P", "-W", "ignore", "-m", "compileall", *options, str(python)],
        env=os.environ | {"PYTHONHASHSEED": "0"},
        stdout=subprocess.DEVNULL,
        check=True,
    )


def settle(folder: Path) -> None:
    """Give everything in ``folder`` the same modes and time."""
    for path in [*folder.rglob("*"), folder]:
        path.chmod(0o755 if path.is_dir() else 0o644)
        os.utime(path, (_EPOCH_SECONDS, _EPOCH_SECONDS))


def write_zip(folder: Path, archive: Path) -> None:
    """The files of ``folder`` in the order of their paths' text."""
    with zipfile.ZipFile(archive, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as zipped:
        for path in _files(folder):
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), EPOCH)
            entry.compress_type = zipfile.ZIP_DEFLATED
            entry.create_system = 3  # Unix, which the modes are of, wherever it is made
            entry.external_attr = (0o100644) << 16
            zipped.writestr(entry, path.read_bytes())


def size(folder: Path) -> int:
    """Bytes of all files."""
    return sum(path.stat().st_size for path in _files(folder))


def sha256(path: Path) -> str:
    """Of the file, in hex."""
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()


def _files(folder: Path) -> Iterator[Path]:
    yield from sorted((path for path in folder.rglob("*") if path.is_file()), key=Path.as_posix)
