"""A store of grants in memory that keeps the contract and can be out of reach."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace

from phivault.errors import Conflict, Unavailable
from phivault.permissions.grants.state import Approved, Grant, State, Terms, Waiting


class MemoryGrants:
    """``facts`` are what decisions would read: (tenant, id) -> grantee and terms. ``down`` refuses every call;
    ``before_change`` runs once when a change begins, as somebody faster would."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.kept: dict[tuple[str, str], Grant] = {}
        self.approved: dict[tuple[str, str], list[Approved]] = {}
        self.facts: dict[tuple[str, str], tuple[str, Terms]] = {}
        self.down = False
        self.before_change: Callable[[], None] | None = None
        self._now = now

    def grant(self, tenant: str, id: str) -> Grant | None:
        self._answer()
        return self.kept.get((tenant, id))

    def grants(
        self, tenant: str, *, patient: str = "", user_id: str = "", after: str = "", limit: int
    ) -> tuple[Sequence[Grant], str]:
        self._answer()
        found = sorted(
            (
                one
                for (owner, id), one in self.kept.items()
                if owner == tenant and id > after and patient in ("", one.patient) and user_id in ("", one.user_id)
            ),
            key=lambda one: one.id,
        )
        return found[:limit], found[limit - 1].id if len(found) > limit else ""

    def versions(self, tenant: str, id: str, limit: int) -> Sequence[Approved]:
        self._answer()
        return self.approved.get((tenant, id), [])[::-1][:limit]

    def version(self, tenant: str, id: str, version: int) -> Approved | None:
        return next((one for one in self.versions(tenant, id, 1000) if one.version == version), None)

    def add(self, tenant: str, grant: Grant) -> None:
        self._change()
        if (tenant, grant.id) in self.kept:
            raise Conflict("It stands already")
        self.kept[tenant, grant.id] = grant

    def wait(self, tenant: str, grant: Grant, waiting: Waiting) -> None:
        now = self._moved(tenant, grant)
        if now.state is not State.ACTIVE or now.waiting_at(self._now()):
            raise Conflict("It isn't one that holds, or one waits")
        self.kept[tenant, grant.id] = replace(now, waiting=waiting, latest=waiting.version)

    def approve(self, tenant: str, grant: Grant, by: str, now: int) -> None:
        kept = self._moved(tenant, grant)
        waits = kept.waiting_at(self._now())
        ended = kept.state_at(self._now()) not in (State.PROPOSED, State.ACTIVE)
        if ended or waits is None or by in (waits.proposed_by, kept.user_id):
            raise Conflict("Nothing waits, or not for them")
        holds = waits.approved(by, now)
        self.kept[tenant, grant.id] = replace(kept, state=State.ACTIVE, holds=holds, waiting=None)
        self.approved.setdefault((tenant, grant.id), []).append(holds)
        self.facts[tenant, grant.id] = grant.user_id, waits.terms

    def withdraw(self, tenant: str, grant: Grant, by: str, now: int) -> None:
        kept = self._moved(tenant, grant)
        if kept.waiting is None or kept.state not in (State.PROPOSED, State.ACTIVE):
            raise Conflict("Nothing waits")
        if kept.state is State.ACTIVE:
            self.kept[tenant, grant.id] = replace(kept, waiting=None)
        else:
            self.kept[tenant, grant.id] = replace(kept, state=State.WITHDRAWN, closed_by=by, closed=now)

    def revoke(self, tenant: str, grant: Grant, by: str, now: int) -> None:
        self._change()
        kept = self.kept[tenant, grant.id]
        if kept.state is not State.ACTIVE:
            raise Conflict("It doesn't hold")
        self.kept[tenant, grant.id] = replace(kept, state=State.REVOKED, waiting=None, closed_by=by, closed=now)
        del self.facts[tenant, grant.id]

    def _moved(self, tenant: str, grant: Grant) -> Grant:
        self._change()
        kept = self.kept[tenant, grant.id]
        seen, stands = grant.waiting and grant.waiting.version, kept.waiting and kept.waiting.version
        if (kept.state, kept.version, kept.latest, stands) != (grant.state, grant.version, grant.latest, seen):
            raise Conflict("It moved on")
        return kept

    def _change(self) -> None:
        self._answer()
        faster, self.before_change = self.before_change, None
        if faster is not None:
            faster()

    def _answer(self) -> None:
        if self.down:
            raise Unavailable("Grants are out of reach")
