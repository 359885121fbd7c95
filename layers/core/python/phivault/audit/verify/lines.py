"""V4: every line is of the schema, in its only form.

A segment's lines are matched by one expression made from the schema of phivault.audit.canonical. For speed some fields
are only delimited by it, and what they hold is then compared with their rule once per distinct value; ``prev``, which
has no equal, is left to V5.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from typing import Final

from phivault.audit.canonical import MAX_LINE, expression, field_expression
from phivault.audit.log.merkle import leaf_hashes
from phivault.audit.verify.finding import Findings, Step

_CAPTURED: Final = ("checkpoint", "prev", "sequence", "timestamp", "writer")
_BY_VALUE: Final = {"action": '[^"]++', "checkpoint": '[^"]*+', "personal": '[^"]*+', "writer": '[^"]++'}
_COLUMNS: Final = sorted({*_CAPTURED, *_BY_VALUE})
_GENESIS: Final = expression("genesis", captured={})
_WITHHELD: Final = (
    rf'\{{"hash":"[0-9a-f]{{64}}","kind":"withheld","leaf":"[0-9a-f]{{64}}",'
    rf'"sequence":{field_expression("sequence")},"v":1,"writer":"[0-9a-f]{{32}}"\}}'
)


def _whole(**instead: str) -> re.Pattern[str]:
    event = expression("event", captured=dict.fromkeys(_COLUMNS) | instead)
    return re.compile(f"^(?:{event}|({_GENESIS}|{_WITHHELD}))\n", re.ASCII | re.MULTILINE)


_DELIMITED: Final = _whole(**_BY_VALUE, prev='[^"]*+')
_STRICT: Final = _whole()
_RULES: Final = {name: re.compile(field_expression(name), re.ASCII) for name in _BY_VALUE}
PREV: Final = re.compile(field_expression("prev"), re.ASCII)
_OTHER: Final = re.compile(
    r'\{"(?:hash":"(?P<hash>\w+)","kind":"withheld","leaf":"(?P<leaf>\w+)","sequence":(?P<sequence>\d+),"v":1,'
    r'"writer":"(?P<withheld>\w+)"|kind":"genesis","predecessor":"(?P<predecessor>\w*)",'
    r'"predecessor_hash":"(?P<predecessor_hash>\w+)","predecessor_sequence":(?P<predecessor_sequence>-?\d+),'
    r'"sequence":0,"timestamp":"(?P<timestamp>[^"]+)","v":1,"writer":"(?P<writer>\w+)")\}'
)
_BLOCK: Final = 1 << 19  # bytes looked at together: what stays in a processor's cache
_ID: Final = re.compile(rb'"id":"([0-9a-f-]{36})"')


@dataclass(frozen=True, slots=True)
class Genesis:
    """A writer's first line, at ``at`` of the segment, and whom it names."""

    at: int
    writer: str
    predecessor: str
    sequence: int
    hash: str


@dataclass(slots=True)
class Lines:
    """A segment's lines by column; ``at`` counts from the segment's first. ``offsets`` are where each begins in
    ``data``, and the end; ``hashes`` (hex) are of each line, ``leaves`` its leaf hash. A refused line's writer is "", a
    withheld one's timestamp."""

    first: int
    data: bytes
    offsets: list[int] = field(default_factory=lambda: [0])
    hashes: list[str] = field(default_factory=list)
    leaves: list[bytes] = field(default_factory=list)
    writers: list[str] = field(default_factory=list)
    prevs: list[str] = field(default_factory=list)
    sequences: list[int] = field(default_factory=list)
    timestamps: list[str] = field(default_factory=list)
    checkpoints: list[str] = field(default_factory=list)
    withheld: set[int] = field(default_factory=set)
    genesis: list[Genesis] = field(default_factory=list)

    def __len__(self) -> int:
        return len(self.writers)

    def event(self, at: int) -> str:
        """The id of the event at ``at``, where there is one."""
        return _event(self.data[self.offsets[at] : self.offsets[at + 1]])


def accepts(line: bytes) -> bool:
    """Whether ``line`` is a line of the schema: what phivault.audit.canonical.parse accepts, or a withheld one."""
    return len(line) <= MAX_LINE and b"\n" not in line and _STRICT.fullmatch(line.decode("latin-1") + "\n") is not None


def read_lines(found: Findings, first: int, data: bytes, count: int, tenant: str) -> Lines:
    """``tenant`` is "" where no line may be withheld."""
    taken, start = Lines(first, data), 0
    while start < len(data):
        end = data.find(b"\n", min(start + _BLOCK, len(data) - 1)) + 1 or len(data)
        _read_block(found, taken, data[start:end], tenant)
        start = end
    if len(taken) != count:
        found.add(Step.LINES, f"A segment has {len(taken)} lines instead of {count}", leaf=first)
    return taken


def _read_block(found: Findings, taken: Lines, block: bytes, tenant: str) -> None:
    base, lines = len(taken), block.split(b"\n")
    if lines[-1]:
        found.add(Step.LINES, "The last line of a segment has no end", leaf=taken.first + base + len(lines) - 1)
    else:
        lines.pop()
    rows = _rows(found, taken.first + base, block, lines)
    _, checkpoints, _, prevs, sequences, timestamps, writers, others = map(list, zip(*rows, strict=True))
    lengths = accumulate((len(line) + 1 for line in lines), initial=taken.offsets.pop())
    taken.offsets += lengths
    taken.hashes += [hashlib.sha256(line).hexdigest() for line in lines]
    taken.leaves += leaf_hashes(lines)
    taken.writers += writers
    taken.prevs += prevs
    taken.timestamps += timestamps
    taken.checkpoints += checkpoints
    if any(others):
        for at, other in enumerate(others):
            if other:
                sequences[at] = _place(taken, base + at, other)
    taken.sequences += map(int, sequences)
    _check_tenant(found, taken, base, lines, tenant)


def _rows(found: Findings, first: int, data: bytes, lines: Sequence[bytes]) -> Sequence[tuple[str, ...]]:
    """A row for each line: ``_COLUMNS``, and the line itself if it is no event's."""
    # Latin-1 maps bytes to characters one to one; the expression admits ASCII alone.
    rows = _DELIMITED.findall(data.decode("latin-1"))
    # A match begins where a line does and ends with one, so as many matches as lines means that each is one line.
    if (
        len(rows) == len(lines)
        and max(map(len, lines), default=0) <= MAX_LINE
        and all(map(_holds, _COLUMNS, zip(*rows, strict=True)))
    ):
        return rows
    return [_row(found, first + at, line) for at, line in enumerate(lines)]


_REFUSED: Final = ("", "", "", "", "0", "", "", "")


def _holds(name: str, values: Iterable[str]) -> bool:
    # Rows that are no event's have "" everywhere; an event's have it where the rule, or the expression, allows it.
    return name not in _RULES or all(map(_RULES[name].fullmatch, set(values) - {""}))


def _row(found: Findings, leaf: int, line: bytes) -> tuple[str, ...]:
    match = _STRICT.fullmatch(line.decode("latin-1") + "\n") if len(line) <= MAX_LINE else None
    if match is not None:
        return match.groups("")
    found.add(Step.LINES, "A line is not of the schema", leaf=leaf, event=_event(line))
    return _REFUSED


def _place(taken: Lines, at: int, line: str) -> str:
    """Sets what a line has that is no event's. Its sequence."""
    match = _OTHER.fullmatch(line)
    assert match is not None, "both expressions are of one schema"
    if match["withheld"]:
        taken.writers[at] = match["withheld"]
        taken.withheld.add(at)
        taken.hashes[at], taken.leaves[at] = match["hash"], bytes.fromhex(match["leaf"])
        return match["sequence"]
    taken.writers[at], taken.timestamps[at] = match["writer"], match["timestamp"]
    named = match["predecessor"], int(match["predecessor_sequence"]), match["predecessor_hash"]
    taken.genesis.append(Genesis(at, match["writer"], *named))
    return "0"


def _check_tenant(found: Findings, taken: Lines, base: int, lines: Sequence[bytes], tenant: str) -> None:
    if not tenant:
        for at in taken.withheld:
            if at >= base:
                found.add(Step.LINES, "A line is withheld in an export of all tenants", leaf=taken.first + at)
        return
    own = f'"tenant":"{tenant}",'.encode()
    for at, line in enumerate(lines, base):
        if taken.prevs[at] and own not in line:
            found.add(Step.LINES, "A line of another tenant isn't withheld", leaf=taken.first + at, event=_event(line))


def _event(line: bytes) -> str:
    named = _ID.search(line)
    return named[1].decode() if named else ""
