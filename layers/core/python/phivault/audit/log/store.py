"""Where the Merkle log stands: the ports of whoever reads it, and of whoever signs."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Protocol


class Signer(Protocol):
    """An Ed25519 key (RFC 8032). Obligations: ``sign`` answers 64 bytes over ``message`` as given (at most 4096
    bytes, not hashed beforehand), which ``public_key`` (32 bytes) verifies. Raises Unavailable."""

    @property
    def public_key(self) -> bytes: ...

    def sign(self, message: bytes) -> bytes: ...


class LogReader(Protocol):
    """The published log, read. ``path`` is a tile's as C2SP tlog-tiles names it: ``tile/0/x001/234``,
    ``tile/entries/000.p/17``. Raises NotFound for what isn't there, Unavailable."""

    def checkpoint(self) -> bytes:
        """The newest checkpoint, a signed note; it may lack the witness's cosignature for a moment."""

    def tile(self, path: str) -> bytes:
        """A tile or entry bundle. A partial one may be answered from a wider one, cut."""

    def checkpoints(self, since: str = "") -> Iterator[tuple[str, bytes]]:
        """The locked, witnessed checkpoints, one for each hour that had one, oldest first: their hour
        (``yyyy-mm-ddTHH``) from ``since`` on, and the note."""


@dataclass(frozen=True, slots=True)
class StoredObject:
    """An object of the audit bucket, as S3 lists it. ``modified`` is S3's own time, RFC 3339 with milliseconds and Z;
    ``etag`` the MD5 of the body in hex; ``versions`` counts versions and delete markers of the key."""

    key: str
    size: int
    etag: str
    modified: str
    versions: int = 1


class EventObjects(Protocol):
    """The objects under ``ev/``, read. Obligations: a listing has every object whose PUT was acknowledged before it
    began. ``hour`` is ``yyyy/mm/dd/HH``. Raises Unavailable."""

    def hours(self, since: str = "") -> Iterator[str]:
        """Hours that have objects, oldest first, from ``since`` on."""

    def writers(self, hour: str) -> Sequence[str]:
        """Prefixes ``ev/<hour>/<shard>/<writer>-`` of the writers that wrote in that hour."""

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        """Keys that begin with ``prefix``, in order, those after ``after`` alone."""

    def objects(self, hour: str) -> Iterator[StoredObject]:
        """Every key of that hour with its newest version, in order."""

    def get(self, key: str) -> bytes:
        """The body. Raises NotFound."""
