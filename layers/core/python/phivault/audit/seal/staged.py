"""What stands behind a checkpoint before the checkpoint does: the tiles to publish, the progress, the objects taken.

It is written before the swap, so whoever finds a checkpoint also finds how to finish what its maker may not have
lived to do. It lies where things can be replaced, so it is signed by the log's key, for this checkpoint alone: a
progress that somebody turned back would seal lines a second time, and a leaf is there for good.

Format: a signed note over ``<origin>/staged``, the name and the SHA-256 of the rest; after two more newlines a JSON
line; then the tiles' bodies one after the other.
"""

from __future__ import annotations

import hashlib
import json
import re
from dataclasses import dataclass
from typing import Final

from phivault.audit.log.checkpoint import Checkpoint
from phivault.audit.log.note import Note, VerifierKey, open_note, parse, sign
from phivault.audit.log.store import Signer
from phivault.audit.seal.progress import Progress
from phivault.errors import IntegrityError

_VERSION: Final = 1
_END: Final = b"\n\n\n"
_NAME: Final = re.compile(r"(\d{1,15})-[0-9a-f]{64}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Staged:
    """``files`` are paths and bodies; ``objects`` the keys whose lines the checkpoint added, in order."""

    progress: Progress
    objects: tuple[str, ...] = ()
    files: tuple[tuple[str, bytes], ...] = ()

    def encode(self, name: str, origin: str, signer: Signer) -> bytes:
        """For the checkpoint of that name. Raises Unavailable."""
        header = {
            "v": _VERSION,
            "progress": self.progress.members(),
            "objects": self.objects,
            "files": [(path, len(body)) for path, body in self.files],
        }
        body = b"".join([json.dumps(header).encode(), b"\n", *(body for _, body in self.files)])
        text = _text(origin, name, body)
        return Note(text, (sign(text, origin, signer),)).encode() + b"\n\n" + body

    @classmethod
    def decode(cls, staged: bytes, name: str, key: VerifierKey) -> Staged:
        """Raises IntegrityError for what the log's ``key`` didn't sign for the checkpoint of that name."""
        note, _, body = staged.partition(_END)
        signed = parse(note + _END[:1])
        open_note(signed, [key])
        if signed.text != _text(key.name, name, body):
            raise IntegrityError("What is staged for a checkpoint isn't what was signed")
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


def _text(origin: str, name: str, body: bytes) -> str:
    return f"{origin}/staged\n{name}\n{hashlib.sha256(body).hexdigest()}\n"


def name_of(checkpoint: Checkpoint) -> str:
    return f"{checkpoint.size}-{checkpoint.root.hex()}"


def size_of(name: str) -> int | None:
    """The size of the tree that this is staged for; None for a name that isn't one."""
    match = _NAME.fullmatch(name)
    return int(match[1]) if match else None
