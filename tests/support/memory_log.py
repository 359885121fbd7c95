"""A published log in memory, made as the sealer makes one: tiles grown, checkpoints signed and cosigned."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from phivault.audit.log.checkpoint import Checkpoint
from phivault.audit.log.merkle import EMPTY_ROOT
from phivault.audit.log.note import Note, VerifierKey, cosign, log_vkey, sign, witness_vkey
from phivault.audit.log.tiles import grow, parse_path
from phivault.errors import NotFound
from tests.support.log_signer import LocalSigner

ORIGIN, WITNESS = "log.example/north", "witness.example"
AT = 1_772_600_000


class MemoryLog:
    """Fills ``phivault.audit.log.store.LogReader``. ``reads`` counts the tiles that were asked for."""

    def __init__(self) -> None:
        self._log, self._witness = LocalSigner("log"), LocalSigner("witness")
        self.log_key = VerifierKey.parse(log_vkey(ORIGIN, self._log.public_key))
        self.witness_key = VerifierKey.parse(witness_vkey(WITNESS, self._witness.public_key))
        self.files: dict[str, bytes] = {}
        self.size, self.root = 0, EMPTY_ROOT
        self.note: bytes | None = None
        self.hourly: list[tuple[str, bytes]] = []
        self.reads = 0

    def append(self, lines: Sequence[bytes], *, witnessed: bool = True, at: int = AT) -> None:
        grown = grow(self.files.__getitem__, self.size, lines, old_root=self.root)
        self.files |= dict(grown.files)
        self.size, self.root = grown.size, grown.root
        self.publish(witnessed=witnessed, at=at)

    def publish(self, *, witnessed: bool, at: int = AT) -> None:
        """``at`` is the time of the cosignature in Unix seconds."""
        text = Checkpoint(ORIGIN, self.size, self.root).text()
        signatures = [sign(text, ORIGIN, self._log)]
        signatures += [cosign(text, WITNESS, self._witness, at)] if witnessed else []
        self.note = Note(text, tuple(signatures)).encode()

    def checkpoint(self) -> bytes:
        if self.note is None:
            raise NotFound
        return self.note

    def tile(self, path: str) -> bytes:
        self.reads += 1
        parse_path(path)
        try:
            return self.files[path]
        except KeyError:
            raise NotFound from None

    def checkpoints(self, since: str = "") -> Iterator[tuple[str, bytes]]:
        yield from (entry for entry in self.hourly if entry[0] >= since)
