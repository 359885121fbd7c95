"""What the verbs need."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime

from phivault.access.decide import Decider
from phivault.access.facts import FactStore
from phivault.audit.recorder import Recorder
from phivault.crypto.subject_keys import SubjectKeys
from phivault.records.store import ResourceStore


@dataclass(frozen=True, slots=True)
class Records:
    """The records of every tenant, as their verbs use them. ``now`` gives an aware time; ``new_id`` gives an
    identifier that was never given before and says nothing about its resource."""

    store: ResourceStore
    keys: SubjectKeys
    recorder: Recorder
    facts: FactStore
    decider: Decider
    now: Callable[[], datetime]
    new_id: Callable[[], str]
