"""An export as a folder on disk: fills ``phivault.audit.verify.files.Files``."""

from __future__ import annotations

import os
import stat
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path

from phivault.errors import IntegrityError, InvalidInput, NotFound

# A link isn't followed, and a pipe with nobody at its other end isn't waited for.
_CAREFULLY = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


@dataclass(frozen=True, slots=True)
class Folder:
    """``root`` is followed where it is a link; nothing in it is."""

    root: Path

    def names(self) -> set[str]:
        """Raises InvalidInput for what is no folder, or can't be listed."""
        names: set[str] = set()
        for here, folders, files in os.walk(self.root, onerror=_refuse):
            linked = [name for name in folders if Path(here, name).is_symlink()]
            names.update(Path(here, name).relative_to(self.root).as_posix() for name in [*files, *linked])
        return names

    def read(self, path: str, limit: int) -> bytes:
        *parents, target = accumulate(path.split("/"), "{}/{}".format, initial=str(self.root))
        if any(map(os.path.islink, parents[1:])):
            raise IntegrityError("A file lies behind a link")
        try:
            descriptor = os.open(target, _CAREFULLY)
        except (FileNotFoundError, NotADirectoryError):
            raise NotFound from None
        except (OSError, ValueError):
            raise IntegrityError("A file is a link, or can't be opened") from None
        try:
            status = os.fstat(descriptor)
            if not stat.S_ISREG(status.st_mode):
                raise IntegrityError("A file is not a regular file")
            if status.st_size > limit:
                raise IntegrityError("A file is larger than it may be")
            with open(descriptor, "rb", closefd=False) as file:
                return _whole(file.read(limit + 1), limit)
        finally:
            os.close(descriptor)


def _whole(data: bytes, limit: int) -> bytes:
    if len(data) > limit:
        raise IntegrityError("A file is larger than it may be")
    return data


def _refuse(error: OSError) -> None:
    raise InvalidInput(f"The export can't be listed: {error.strerror}") from None
