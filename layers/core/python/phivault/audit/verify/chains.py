"""V5: every writer's lines follow each other, sequence by sequence and hash by hash, from its genesis on.

A segment is checked by itself and leaves each writer's two ends; joining the ends of one segment to those of the one
before checks the whole.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

from phivault.audit.verify.finding import Findings, Step
from phivault.audit.verify.lines import Genesis, Lines


class Ends(NamedTuple):
    """Of a writer's lines in a segment: the first's leaf, sequence and ``prev`` ("" for a genesis and where it is
    withheld), the last's sequence and hash (hex), and sequence and ``prev`` of the first line of the last object."""

    leaf: int
    sequence: int
    prev: str
    last: int
    hash: str
    object_sequence: int
    object_prev: str


def check_segment(found: Findings, taken: Lines) -> dict[str, Ends]:
    firsts: dict[str, int] = {}
    tips: dict[str, tuple[int, str]] = {}
    rows = zip(taken.writers, taken.sequences, taken.prevs, taken.hashes, strict=True)
    for at, (writer, sequence, prev, own) in enumerate(rows):
        tip = tips.get(writer)
        if tip is None:
            firsts[writer] = at
        elif tip[0] + 1 != sequence:
            _add(found, taken, at, "A writer's sequence doesn't count up by one")
        elif prev != tip[1] and at not in taken.withheld:
            _add(found, taken, at, "prev is not the hash of the writer's line before")
        tips[writer] = sequence, own
    firsts.pop("", None)  # refused lines
    return {
        writer: Ends(taken.first + at, taken.sequences[at], taken.prevs[at], *tips[writer], -1, "")
        for writer, at in firsts.items()
    }


def _add(found: Findings, taken: Lines, at: int, text: str) -> None:
    if taken.writers[at]:
        found.add(Step.CHAINS, text, leaf=taken.first + at, event=taken.event(at))


@dataclass(slots=True)
class Chains:
    """Every writer's end so far. ``whole`` says that the export has the log from its first line on."""

    whole: bool
    ends: dict[str, Ends] = field(default_factory=dict)
    named: list[tuple[int, Genesis]] = field(default_factory=list)

    def join(self, found: Findings, first: int, ends: dict[str, Ends], genesis: list[Genesis]) -> None:
        for writer, here in ends.items():
            end, before = here, self.ends.get(writer)
            if before is None:
                self._check_beginning(found, end)
            elif before.last + 1 != end.sequence:
                found.add(Step.CHAINS, "A writer's sequence doesn't count up by one", leaf=end.leaf)
            elif end.prev and before.hash != end.prev:
                found.add(Step.CHAINS, "prev is not the hash of the writer's line before", leaf=end.leaf)
            if before is not None and end.object_sequence < 0:  # its last object began in a segment before
                end = end._replace(object_sequence=before.object_sequence, object_prev=before.object_prev)
            self.ends[writer] = end
        self.named += [(first + each.at, each) for each in genesis if each.predecessor]

    def _check_beginning(self, found: Findings, end: Ends) -> None:
        if end.sequence and self.whole:
            found.add(Step.CHAINS, "A writer's first line is not its genesis", leaf=end.leaf)

    def check_predecessors(self, found: Findings) -> None:
        """A retired writer has the line that its successor names, and at most one object beyond it."""
        for leaf, genesis in self.named:
            end = self.ends.get(genesis.predecessor)
            if end is None:
                if self.whole:
                    found.add(Step.CHAINS, "A genesis names a writer without a line", leaf=leaf)
            elif end.last < genesis.sequence:
                found.add(Step.CHAINS, "A retired writer lacks lines that its successor names", leaf=leaf)
            elif (genesis.sequence, genesis.hash) == (end.last, end.hash):
                continue
            elif end.object_sequence != genesis.sequence + 1:
                found.add(Step.CHAINS, "A retired writer went on for more than one object", leaf=leaf)
            elif end.object_prev and end.object_prev != genesis.hash:
                found.add(Step.CHAINS, "A genesis names another line than its predecessor's", leaf=leaf)
