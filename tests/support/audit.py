"""Fakes and samples of the audit log."""

from __future__ import annotations

import time
from collections.abc import Sequence
from typing import Any

from phivault.audit.event import Action, AuditEvent, RiskLevel
from phivault.audit.store import RecordedEvent
from phivault.errors import Conflict, PhivaultError, Unavailable
from phivault.ids import uuid7


def an_event(**changes: Any) -> AuditEvent:
    members: dict[str, Any] = {
        "id": uuid7(),
        "timestamp": "2026-03-04T05:06:07.089Z",
        "tenant": "north",
        "action": Action.READ,
        "success": True,
        "risk": RiskLevel.LOW,
        "request_id": uuid7(),
        "user_id": "user-1",
        "role": "clinician",
        "session": "session-1",
        "resource": "Observation",
        "resource_id": uuid7(),
        "version": 1,
        "patient": "patient-1",
        "purpose": "TREATMENT",
        "purpose_asserted": True,
        "classes": ("clinical",),
    }
    return AuditEvent(**members | changes)


class MemoryEvents:
    """An EventStore in memory. ``failures`` says how the next puts fail: ``before`` storing, ``after`` storing
    (the answer is lost), or with an exception of its own."""

    def __init__(self, *failures: str | BaseException) -> None:
        self.objects: dict[str, bytes] = {}
        self.failures = list(failures)
        self.slow = 0.0

    def put(self, key: str, body: bytes, *, deadline: float) -> None:
        if self.slow:
            time.sleep(max(0.0, min(self.slow, deadline - time.monotonic())))
            if time.monotonic() >= deadline:
                raise Unavailable("late")
        failure = self.failures.pop(0) if self.failures else ""
        if isinstance(failure, BaseException):
            raise failure
        if failure == "before":
            raise Unavailable("lost on the way")
        if self.objects.setdefault(key, body) != body:
            raise Conflict("taken")
        if failure == "after":
            raise Unavailable("answer lost")

    def chains(self) -> dict[str, list[bytes]]:
        """Every writer's lines, in the order of their keys' sequences."""
        chains: dict[str, list[bytes]] = {}
        for key in sorted(self.objects, key=lambda key: key.rpartition("/")[2]):
            writer = key.rpartition("/")[2].partition("-")[0]
            chains.setdefault(writer, []).extend(self.objects[key].splitlines())
        return chains


class MemoryIndex:
    """An EventIndex in memory; raises ``failure`` where one is set."""

    def __init__(self, failure: PhivaultError | None = None) -> None:
        self.rows: list[RecordedEvent] = []
        self.failure = failure

    def add(self, events: Sequence[RecordedEvent]) -> None:
        if self.failure is not None:
            raise self.failure
        self.rows.extend(events)
