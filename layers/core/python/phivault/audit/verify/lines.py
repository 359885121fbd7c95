"""V4: every line is of the schema, in its only form.

A segment's lines are matched by one expression made from the schema of phivault.audit.canonical. For speed some fields
are only delimited by it, and what they hold is then compared with their rules once per distinct text.
"""

from __future__ import annotations

import re
from collections.abc import Buffer, Iterable, Sequence
from dataclasses import dataclass, field
from hashlib import sha256
from itertools import pairwise
from operator import sub
from typing import Final, Literal

from phivault.audit.canonical import MAX_LINE, expression, field_expression
from phivault.audit.verify.finding import Findings, Step

_CAPTURED: Final = ("checkpoint", "prev", "sequence", "timestamp", "writer")
# Neighbours that lines share are taken as one text: a span's first field, and the one after its last.
_SPANS: Final = (("action", "id"), ("personal", "prev"))
# Never empty: in a row "" is what a line has that is no event's.
_DELIMITED_ONLY: Final = {"writer": '[^"]++'}
_GENESIS: Final = expression("genesis", captured={})
_WITHHELD: Final = (
    rf'\{{"hash":"[0-9a-f]{{64}}","kind":"withheld","leaf":"[0-9a-f]{{64}}",'
    rf'"sequence":{field_expression("sequence")},"v":1,"writer":"[0-9a-f]{{32}}"\}}'
)


def _spans(event: str) -> list[str]:
    """The parts of an event's expression that are one of ``_SPANS`` each."""
    return [event[event.index(f'"{first}":') : event.index(f',"{after}":')] for first, after in _SPANS]


def _delimited(span: str) -> str:
    """Of texts and lists, where each ends; captures what ``span`` does."""
    names = re.findall(r'"([a-z_]+)":', span)
    fields = [(name, '"([^"]*+)"' if name in _CAPTURED else r'(?:"[^"]*+"|\[[^\]]*+\])') for name in names]
    return ",".join(f'"{name}":{text}' for name, text in fields)


def _whole(*, strict: bool) -> re.Pattern[str]:
    event = expression("event", captured=dict.fromkeys(_CAPTURED) | ({} if strict else _DELIMITED_ONLY))
    for span in _spans(event):
        event = event.replace(span, f"({span if strict else _delimited(span)})")
    return re.compile(f"^(?:{event}|({_GENESIS}|{_WITHHELD}))\n", re.ASCII | re.MULTILINE)


_DELIMITED: Final = _whole(strict=False)
_STRICT: Final = _whole(strict=True)
# For the groups of the expressions, in their order: what is left to compare with a rule.
_RULES: Final = tuple(
    rule and re.compile(rule, re.ASCII)
    for first, second in [_spans(expression("event", captured={}))]
    for rule in (first, "", second, "", "", "", field_expression("writer"))
)
_OTHER: Final = re.compile(
    r'\{"(?:hash":"(?P<hash>\w+)","kind":"withheld","leaf":"(?P<leaf>\w+)","sequence":(?P<sequence>\d+),"v":1,'
    r'"writer":"(?P<withheld>\w+)"|kind":"genesis","predecessor":"(?P<predecessor>\w*)",'
    r'"predecessor_hash":"(?P<predecessor_hash>\w+)","predecessor_sequence":(?P<predecessor_sequence>-?\d+),'
    r'"sequence":0,"timestamp":"(?P<timestamp>[^"]+)","v":1,"writer":"(?P<writer>\w+)")\}'
)
_BLOCK: Final = 1 << 19  # bytes looked at together: what stays in a processor's cache
_LEAF: Final = sha256(b"\0")
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
    data: memoryview
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

    def line(self, at: int) -> bytes:
        return bytes(self.data[self.offsets[at] : self.offsets[at + 1] - 1])

    def event(self, at: int) -> str:
        """The id of the event at ``at``, where there is one."""
        return _event(self.line(at))


def accepts(line: bytes) -> bool:
    """Whether ``line`` is a line of the schema: what phivault.audit.canonical.parse accepts, or a withheld one."""
    return len(line) <= MAX_LINE and b"\n" not in line and _STRICT.fullmatch(line.decode("latin-1") + "\n") is not None


def read_lines(found: Findings, first: int, data: Buffer, count: int, tenant: str) -> Lines:
    """``tenant`` is "" where no line may be withheld."""
    taken = Lines(first, memoryview(data))
    while taken.offsets[-1] < len(taken.data):
        _read_block(found, taken, tenant)
    if len(taken) != count:
        found.add(Step.LINES, f"A segment has {len(taken)} lines instead of {count}", leaf=first)
    return taken


def _read_block(found: Findings, taken: Lines, tenant: str) -> None:
    base, text = len(taken), _next_block(taken)
    if taken.offsets[-1] > len(taken.data):
        found.add(Step.LINES, "The last line of a segment has no end", leaf=taken.first + len(taken.offsets) - 2)
    _hash(taken, base)
    _, checkpoints, _, prevs, sequences, timestamps, writers, others = zip(*_rows(found, taken, text), strict=True)
    taken.writers += writers
    taken.prevs += prevs
    taken.timestamps += timestamps
    taken.checkpoints += checkpoints
    if any(others):
        taken.sequences += [int(sequence or 0) for sequence in sequences]
        for at, other in enumerate(others, base):
            if other:
                taken.sequences[at] = _place(taken, at, other)
    else:
        taken.sequences += map(int, sequences)
    _check_tenant(found, taken, base, tenant)


def _next_block(taken: Lines) -> str:
    """The next lines, and perhaps a part of one more. Adds where each ends."""
    start, size = taken.offsets[-1], _BLOCK
    while True:
        # Latin-1 maps bytes to characters one to one; the expressions admit ASCII alone.
        text = str(taken.data[start : start + size], "latin-1")
        end, ends = 0, taken.offsets
        while end := text.find("\n", end) + 1:
            ends.append(start + end)
        if start + len(text) == len(taken.data) and not text.endswith("\n"):
            ends.append(len(taken.data) + 1)
        if ends[-1] > start:
            return text
        size *= 2


def _hash(taken: Lines, base: int) -> None:
    """Both hashes of each line from ``base`` on: of a view, which isn't copied, and of a leaf behind its first byte."""
    view, leaf, add_hash, add_leaf = taken.data, _LEAF.copy, taken.hashes.append, taken.leaves.append
    for start, end in pairwise(taken.offsets[base:]):
        line = view[start : end - 1]
        add_hash(sha256(line).hexdigest())
        hashed = leaf()
        hashed.update(line)
        add_leaf(hashed.digest())


def _rows(found: Findings, taken: Lines, text: str) -> Sequence[tuple[str, ...]]:
    """A row for each line of the block: spans and captured fields, and the line itself if it is no event's."""
    offsets = taken.offsets[len(taken) :]
    rows = _DELIMITED.findall(text, 0, offsets[-1] - offsets[0])
    # A match begins where a line does and ends with one, so as many matches as lines means that each is one line.
    if (
        len(rows) == len(offsets) - 1
        and max(map(sub, offsets[1:], offsets)) <= MAX_LINE + 1
        and all(map(_holds, _RULES, zip(*rows, strict=True)))
    ):
        return rows
    return [_row(found, taken, at) for at in range(len(taken), len(taken.offsets) - 1)]


_REFUSED: Final = ("", "", "", "", "0", "", "", "")


def _holds(rule: re.Pattern[str] | Literal[""], values: Iterable[str]) -> bool:
    # A row that is no event's has "" everywhere; an event's nowhere that there is a rule.
    return not rule or all(map(rule.fullmatch, set(values) - {""}))


def _row(found: Findings, taken: Lines, at: int) -> tuple[str, ...]:
    line = taken.line(at)
    match = _STRICT.fullmatch(line.decode("latin-1") + "\n") if len(line) <= MAX_LINE else None
    if match is not None:
        return match.groups("")
    found.add(Step.LINES, "A line is not of the schema", leaf=taken.first + at, event=_event(line))
    return _REFUSED


def _place(taken: Lines, at: int, line: str) -> int:
    """Sets what a line has that is no event's. Its sequence."""
    match = _OTHER.fullmatch(line)
    assert match is not None, "both expressions are of one schema"
    if match["withheld"]:
        taken.writers[at] = match["withheld"]
        taken.withheld.add(at)
        taken.hashes[at], taken.leaves[at] = match["hash"], bytes.fromhex(match["leaf"])
        return int(match["sequence"])
    taken.writers[at], taken.timestamps[at] = match["writer"], match["timestamp"]
    named = match["predecessor"], int(match["predecessor_sequence"]), match["predecessor_hash"]
    taken.genesis.append(Genesis(at, match["writer"], *named))
    return 0


def _check_tenant(found: Findings, taken: Lines, base: int, tenant: str) -> None:
    if not tenant:
        for at in taken.withheld:
            if at >= base:
                found.add(Step.LINES, "A line is withheld in an export of all tenants", leaf=taken.first + at)
        return
    own = f'"tenant":"{tenant}",'.encode()
    for at in range(base, len(taken)):
        if taken.prevs[at] and own not in taken.line(at):
            found.add(
                Step.LINES, "A line of another tenant isn't withheld", leaf=taken.first + at, event=taken.event(at)
            )


def _event(line: bytes) -> str:
    named = _ID.search(line)
    return named[1].decode() if named else ""
