"""The labelled corpus, and how well findings agree with its labels."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

FOLDER = Path(__file__).parents[1] / "corpus"
PARTS = ("development", "held_out")
_LABEL = re.compile(r"\[\[(\w+):((?:[^\]]|\](?!\]))*)\]\]")

type Span = tuple[str, int, int]
"""Kind, start, end."""


@dataclass(frozen=True, slots=True)
class Sentence:
    text: str
    labels: tuple[Span, ...]


@dataclass(slots=True)
class Score:
    """``found`` and ``right`` count findings, ``labelled`` and ``met`` labels."""

    found: int = 0
    right: int = 0
    labelled: int = 0
    met: int = 0

    @property
    def precision(self) -> float | None:
        return self.right / self.found if self.found else None

    @property
    def recall(self) -> float | None:
        return self.met / self.labelled if self.labelled else None


@dataclass(slots=True)
class Scores:
    """By kind, and ``any``: found or labelled whatever the kind, as a redaction sees it. ``characters`` is the share of
    labelled characters that some finding covers."""

    kinds: dict[str, Score] = field(default_factory=dict)
    any: Score = field(default_factory=Score)
    characters: float = 0.0


def sentences(part: str) -> list[Sentence]:
    lines = (FOLDER / f"{part}.txt").read_text("utf-8").splitlines()
    return [read(line) for line in lines if line and not line.startswith("#")]


def read(line: str) -> Sentence:
    text, labels, at = "", [], 0
    for found in _LABEL.finditer(line):
        text += line[at : found.start()]
        labels.append((found[1], len(text), len(text) + len(found[2])))
        text, at = text + found[2], found.end()
    return Sentence(text + line[at:], tuple(labels))


def score(corpus: Iterable[Sentence], find: Callable[[str], Sequence[Span]]) -> Scores:
    """A finding is right, and a label met, where the two share a character and, by kind, are of one kind."""
    scores, counted = Scores(), Counter[str]()
    for sentence in corpus:
        found = find(sentence.text)
        for kind in {kind for kind, _, _ in (*found, *sentence.labels)}:
            _count(scores.kinds.setdefault(kind, Score()), _of(found, kind), _of(sentence.labels, kind))
        _count(scores.any, found, sentence.labels)
        covered = {at for _, start, end in found for at in range(start, end)}
        held = {at for _, start, end in sentence.labels for at in range(start, end)}
        counted.update(held=len(held), covered=len(held & covered))
    scores.characters = counted["covered"] / counted["held"]
    return scores


def _of(spans: Iterable[Span], kind: str) -> list[Span]:
    return [span for span in spans if span[0] == kind]


def _count(into: Score, found: Sequence[Span], labels: Sequence[Span]) -> None:
    into.found += len(found)
    into.labelled += len(labels)
    into.right += sum(any(_share(one, label) for label in labels) for one in found)
    into.met += sum(any(_share(label, one) for one in found) for label in labels)


def _share(one: Span, other: Span) -> bool:
    return one[1] < other[2] and other[1] < one[2]
