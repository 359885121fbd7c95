"""What an export is read through: a folder, an archive or memory may stand behind it."""

from __future__ import annotations

from collections.abc import Collection
from typing import Protocol


class Files(Protocol):
    """The files of an export. Paths are relative, with ``/``. Obligations: whatever lies there is named, links and
    devices too, but only regular files are read, and nothing outside of the export. Picklable where segments are
    checked by other processes."""

    def names(self) -> Collection[str]:
        """The path of everything but folders."""

    def read(self, path: str, limit: int) -> bytes:
        """The whole file. Raises NotFound; IntegrityError, before reading, where it has more than ``limit`` bytes or
        isn't a regular file."""
