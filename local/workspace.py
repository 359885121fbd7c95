"""The folder of local state: emptied at every start, held by one stack at a time."""

from __future__ import annotations

import fcntl
import os
import shutil
from pathlib import Path
from typing import IO

DEFAULT = Path(__file__).resolve().parent.parent / ".local"
LOCK = "lock"


class WorkspaceHeld(Exception):
    """Another local stack runs in this folder, or it holds what isn't a stack's to empty."""


class Workspace:
    """``PHIVAULT_LOCAL`` names another folder, for a second stack beside the first."""

    def __init__(self) -> None:
        self.folder = Path(os.environ.get("PHIVAULT_LOCAL") or DEFAULT).resolve()
        self.folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._refuse_foreign()
        self._lock = self._hold()
        for entry in self.folder.iterdir():
            if entry.name != LOCK:
                shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
        self.logs = self.folder / "logs"
        self.logs.mkdir()

    def _refuse_foreign(self) -> None:
        # Everything in the folder is about to be deleted: a slip of the variable must not cost somebody's files.
        if not (self.folder / LOCK).exists() and any(self.folder.iterdir()):
            raise WorkspaceHeld(
                f"{self.folder} holds files that no local stack made. Name an empty or new folder: PHIVAULT_LOCAL=..."
            )

    def _hold(self) -> IO[bytes]:
        lock = (self.folder / LOCK).open("wb")
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise WorkspaceHeld(
                f"A local stack runs in {self.folder}. End it, or name another folder: PHIVAULT_LOCAL=..."
            ) from None
        return lock
