"""What a check found, and at which step of docs/audit-format.md section 10."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Final

from phivault.errors import IntegrityError, NotFound

KEPT: Final = 50
"""Findings of a step that are kept; more are only counted: an altered export can have one for every line."""


class Step(StrEnum):
    """``value`` is the number in the document, ``meaning`` what holds once the step found nothing."""

    meaning: str

    def __new__(cls, value: str, meaning: str) -> Step:
        step = str.__new__(cls, value)
        step._value_, step.meaning = value, meaning
        return step

    FILES = "V1", "every file is the one that the log's key signed for"
    CHECKPOINT = "V2", "the log signed the checkpoint and the witness saw it"
    TREE = "V3", "lines and tiles give the checkpoint's root"
    LINES = "V4", "every line is of the schema, in its only form"
    CHAINS = "V5", "every writer's lines follow each other without a gap"
    OBJECTS = "V6", "every line lies in a stored object, and every object is in the log"
    HISTORY = "V7", "every older checkpoint is a prefix of this log"
    TIME = "V8", "every event is as old as it says"


@dataclass(frozen=True, slots=True)
class Finding:
    """``leaf`` is a line's place in the log; ``event`` its id; ``object`` the key of the object that holds it;
    ``path`` a file of the export."""

    step: Step
    text: str
    path: str = ""
    leaf: int | None = None
    event: str = ""
    object: str = ""

    def __str__(self) -> str:
        places = {
            "file": self.path,
            "leaf": "" if self.leaf is None else f"{self.leaf}",
            "event": self.event,
            "object": self.object,
        }
        where = ", ".join(f"{name} {place}" for name, place in places.items() if place)
        return f"{self.step.value} {self.text}{f' ({where})' if where else ''}"


@dataclass(slots=True)
class Findings:
    """The first of each step, and how many there are."""

    kept: list[Finding] = field(default_factory=list)
    counts: Counter[Step] = field(default_factory=Counter)

    def add(
        self, step: Step, text: str, *, path: str = "", leaf: int | None = None, event: str = "", object: str = ""
    ) -> None:
        if self.counts[step] < KEPT:
            self.kept.append(Finding(step, text, path, leaf, event, object))
        self.counts[step] += 1

    def merge(self, other: Findings) -> None:
        for finding in other.kept:
            if sum(kept.step is finding.step for kept in self.kept) < KEPT:
                self.kept.append(finding)
        self.counts += other.counts

    @contextmanager
    def catch(self, step: Step, path: str = "") -> Iterator[None]:
        """What is wrong inside becomes a finding; the rest of the block is skipped."""
        try:
            yield
        except (IntegrityError, NotFound) as error:
            self.add(step, error.detail or error.title, path=path)
