"""An export for verifiers that aren't ours, and falsifications that each of them must notice."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Final

from phivault.audit.export.segments import pack, unpack
from phivault.audit.log.checkpoint import Checkpoint
from phivault.audit.log.note import Note, cosign, sign
from tests.support.exported import World, write
from tests.support.log_signer import LocalSigner
from tests.support.memory_log import ORIGIN, WITNESS

EVENTS: Final = 66_000
"""Two segments, three levels of tiles, paths with an x."""
_LIMIT: Final = 1 << 28


@cache
def world() -> World:
    made = World()
    for start in range(0, EVENTS, 250):
        patients = [{"patient": f"patient-{number % 97}"} for number in range(start, start + 250)]
        made.record(*patients, writer=f"writer-{start % 3}")
    made.seal()
    return made


@cache
def _files() -> dict[str, bytes]:
    return world().export()[1]


def fresh_export(folder: Path) -> Path:
    return write(_files(), folder)


def segments(folder: Path) -> list[Path]:
    return sorted(folder.glob("segments/*"))


def _edit_lines(edit: Callable[[list[bytes]], list[bytes]], segment: int = 0) -> Callable[[Path], None]:
    def edited(folder: Path) -> None:
        path = segments(folder)[segment]
        path.write_bytes(pack(edit(unpack(path.read_bytes(), _LIMIT))))

    return edited


def _edit_file(path: str, edit: Callable[[bytes], bytes]) -> Callable[[Path], None]:
    def edited(folder: Path) -> None:
        (folder / path).write_bytes(edit((folder / path).read_bytes()))

    return edited


def _swap(first: str, second: str) -> Callable[[Path], None]:
    def swapped(folder: Path) -> None:
        one, other = (folder / first).read_bytes(), (folder / second).read_bytes()
        (folder / first).write_bytes(other)
        (folder / second).write_bytes(one)

    return swapped


def _remove(path: str) -> Callable[[Path], None]:
    return lambda folder: (folder / path).unlink()


def _flip(at: int) -> Callable[[bytes], bytes]:
    return lambda body: body[:at] + bytes([body[at] ^ 1]) + body[at + 1 :]


def _checkpoint(size: int, root: bytes, log: str = "log", witness: str = "witness") -> Callable[[Path], None]:
    """Another checkpoint in the place of the export's own, signed by those keys."""
    text = Checkpoint(ORIGIN, size, root).text()
    signatures = sign(text, ORIGIN, LocalSigner(log)), cosign(text, WITNESS, LocalSigner(witness), 1_772_600_000)
    return _edit_file("checkpoint", lambda _: Note(text, signatures).encode())


def _rolled_back(folder: Path) -> None:
    shorter = World()
    shorter.log.append(unpack(segments(folder)[0].read_bytes(), _LIMIT)[:300])
    _checkpoint(300, shorter.log.root)(folder)


_FIRST, _LAST = "segments/000000000000.ndjson.zst", "segments/000000065536.ndjson.zst"

FALSIFIED: Final[dict[str, Callable[[Path], None]]] = {
    "letter-in-a-line": _edit_lines(
        lambda lines: [*lines[:40_000], lines[40_000].replace(b"2", b"3"), *lines[40_001:]]
    ),
    "line-removed": _edit_lines(lambda lines: lines[:777] + lines[778:]),
    "line-inserted": _edit_lines(lambda lines: [*lines[:777], lines[3], *lines[777:]]),
    "line-replaced": _edit_lines(lambda lines: [*lines[:777], lines[3], *lines[778:]]),
    "lines-swapped": _edit_lines(lambda lines: [lines[1], lines[0], *lines[2:]]),
    "last-line-removed": _edit_lines(lambda lines: lines[:-1], segment=-1),
    "line-added-at-the-end": _edit_lines(lambda lines: [*lines, lines[0]], segment=-1),
    "all-lines-removed": _edit_lines(lambda _: [], segment=-1),
    "segment-missing": _remove(_LAST),
    "segments-swapped": _swap(_FIRST, _LAST),
    "segment-cut-off": _edit_file(_FIRST, lambda body: body[:-9]),
    "byte-in-a-leaf-tile": _edit_file("tile/0/100", _flip(5000)),
    "byte-in-the-last-leaf-tile": _edit_file("tile/0/257.p/211", _flip(7)),
    "byte-in-an-upper-tile": _edit_file("tile/1/000", _flip(0)),
    "byte-in-the-top-tile": _edit_file("tile/2/000.p/1", _flip(31)),
    "tile-missing": _remove("tile/0/200"),
    "tiles-swapped": _swap("tile/0/010", "tile/0/011"),
    "tile-cut-off": _edit_file("tile/0/100", lambda body: body[:-32]),
    "size-edited": _edit_file("checkpoint", lambda body: body.replace(b"\n66003\n", b"\n66002\n")),
    "root-edited": _edit_file("checkpoint", _flip(len(ORIGIN) + 10)),
    "checkpoint-by-another-key": lambda folder: _checkpoint(world().log.size, world().log.root, log="x")(folder),
    "checkpoint-of-another-tree": lambda folder: _checkpoint(world().log.size, bytes(32))(folder),
    "checkpoint-of-an-earlier-tree": _rolled_back,
    "checkpoint-missing": _remove("checkpoint"),
}
