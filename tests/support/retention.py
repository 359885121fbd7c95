"""Fakes of retention's ports. They keep the contract; tests/contract/audit asks the real ones the same questions."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime

from phivault.audit.retain import Listed
from phivault.audit.retention import EXTENDED, LIFTED, PLACED, Change, Hold, Rules
from phivault.errors import Conflict, NotFound, Unavailable


class MemoryRules:
    def __init__(self) -> None:
        self.days: dict[str, int] = {}
        self.held: dict[tuple[str, str, str], Hold] = {}
        self.changes: dict[str, list[Change]] = {}
        self.down = False

    def rules(self) -> Rules:
        if self.down:
            raise Unavailable("down")
        return Rules(dict(self.days), tuple(self.held.values()))

    def history(self, tenant: str) -> Sequence[Change]:
        return self.changes.get(tenant, [])

    def extend(self, tenant: str, days: int, at: str) -> None:
        if self.days.get(tenant, 0) >= days:
            raise Conflict("not shorter")
        self.days[tenant] = days
        self._note(tenant, Change(at, EXTENDED, days=days))

    def place(self, hold: Hold) -> None:
        if (hold.tenant, hold.case, hold.patient) in self.held:
            raise Conflict("stands")
        self.held[hold.tenant, hold.case, hold.patient] = hold
        self._note(hold.tenant, Change(hold.since, PLACED, case=hold.case, patient=hold.patient))

    def lift(self, hold: Hold, at: str) -> None:
        if self.held.pop((hold.tenant, hold.case, hold.patient), None) is None:
            raise NotFound("none")
        self._note(hold.tenant, Change(at, LIFTED, case=hold.case, patient=hold.patient))

    def _note(self, tenant: str, change: Change) -> None:
        self.changes.setdefault(tenant, []).append(change)


class MemoryObjects:
    """LockedObjects; ``fail_after`` calls of ``retain`` and ``hold`` it goes down."""

    def __init__(self, bodies: dict[str, bytes], written: datetime) -> None:
        self.bodies, self.written = bodies, written
        self.until: dict[str, datetime] = {}
        self.on: dict[str, bool] = {}
        self.fail_after = 10**9

    def after(self, prefix: str, key: str) -> Iterator[Listed]:
        for found in sorted(self.bodies):
            if found.startswith(prefix) and found > key:
                yield Listed(found, self.written)

    def read(self, key: str) -> bytes:
        return self.bodies[key]

    def retain(self, key: str, until: datetime) -> None:
        self._call()
        self.until[key] = max(until, self.until.get(key, until))

    def hold(self, key: str, on: bool) -> None:
        self._call()
        self.on[key] = on

    def _call(self) -> None:
        self.fail_after -= 1
        if self.fail_after < 0:
            raise Unavailable("down")
