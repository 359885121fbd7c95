"""What stands behind a checkpoint before the checkpoint does: the tiles to publish, the progress, the objects taken.

One JSON line, then the tiles' bodies one after the other. It is written before the swap, so whoever finds a
checkpoint also finds how to finish what its maker may not have lived to do.
"""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Final

from phivault.audit.log.checkpoint import Checkpoint
from phivault.audit.seal.progress import Progress
from phivault.errors import IntegrityError

_VERSION: Final = 1
_NAME: Final = re.compile(r"(\d{1,15})-[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Staged:
    """``files`` are paths and bodies; ``objects`` the keys whose lines the checkpoint added, in order."""

    progress: Progress
    objects: tuple[str, ...] = ()
    files: tuple[tuple[str, bytes], ...] = ()

    def encode(self) -> bytes:
        header = {
            "v": _VERSION,
            "progress": self.progress.members(),
            "objects": self.objects,
            "files": [(path, len(body)) for path, body in self.files],
        }
        return b"".join([json.dumps(header).encode(), b"\n", *(body for _, body in self.files)])

    @classmethod
    def decode(cls, body: bytes) -> Staged:
        """Raises IntegrityError."""
        line, _, rest = body.partition(b"\n")
        try:
            header = json.loads(line)
            if header["v"] != _VERSION:
                raise ValueError
            files, at = [], 0
            for path, length in header["files"]:
                files.append((path, rest[at : at + length]))
                at += length
            if at != len(rest):
                raise ValueError
            return cls(Progress.of_members(header["progress"]), tuple(header["objects"]), tuple(files))
        except (ValueError, KeyError, TypeError, AttributeError):
            raise IntegrityError("What is staged for a checkpoint can't be read") from None


def name_of(checkpoint: Checkpoint) -> str:
    return f"{checkpoint.size}-{checkpoint.root.hex()}"


def size_of(name: str) -> int | None:
    """The size of the tree that this is staged for; None for a name that isn't one."""
    match = _NAME.fullmatch(name)
    return int(match[1]) if match else None
