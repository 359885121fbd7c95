"""What the verbs need."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Protocol

from phivault.access.decide import Decider
from phivault.access.facts import FactStore
from phivault.audit.event import AuditEvent
from phivault.crypto.subject_keys import SubjectKeys
from phivault.records.anchors import Anchors
from phivault.records.consents import Consents
from phivault.records.store import ResourceStore


class EventLog(Protocol):
    """``phivault.audit.recorder.Recorder``, or what holds events back until it is asked."""

    def append(self, events: Sequence[AuditEvent]) -> None:
        """Return once all ``events`` are in one locked object; else raise Unavailable."""


@dataclass(frozen=True, slots=True)
class Records:
    """The records of every tenant, as their verbs use them. ``now`` gives an aware time; ``new_id`` gives an
    identifier that was never given before and says nothing about its resource."""

    store: ResourceStore
    anchors: Anchors
    keys: SubjectKeys
    recorder: EventLog
    facts: FactStore
    consents: Consents
    decider: Decider
    now: Callable[[], datetime]
    new_id: Callable[[], str]
