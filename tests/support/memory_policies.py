"""A store of tenants' own policies in memory that keeps the contract and can be out of reach."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from phivault.errors import Conflict, Unavailable
from phivault.permissions.policies.state import MOST_OPEN, PolicyVersion, Proposal


class MemoryPolicies:
    """``down`` refuses every call; ``before_change`` runs once when a change begins, as somebody faster would."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.versions: dict[str, list[tuple[PolicyVersion, str]]] = {}
        self.open: dict[str, list[Proposal]] = {}
        self.down = False
        self.before_change: Callable[[], None] | None = None
        self._now = now

    def current(self, tenant: str) -> int:
        self._answer()
        return len(self.versions.get(tenant, ()))

    def text(self, tenant: str, version: int) -> str:
        if not 1 <= version <= self.current(tenant):
            raise Unavailable("No such version")
        return self.versions[tenant][version - 1][1]

    def version(self, tenant: str, version: int) -> PolicyVersion | None:
        return self.versions[tenant][version - 1][0] if 1 <= version <= self.current(tenant) else None

    def history(self, tenant: str, limit: int) -> Sequence[PolicyVersion]:
        self._answer()
        return [one for one, _ in reversed(self.versions.get(tenant, []))][:limit]

    def proposals(self, tenant: str) -> Sequence[Proposal]:
        self._answer()
        found = [one for one in self.open.get(tenant, []) if one.expires > self._now()]
        return sorted(found, key=lambda one: (one.proposed, one.id))

    def propose(self, tenant: str, proposal: Proposal) -> None:
        self._change()
        if len(self.proposals(tenant)) >= MOST_OPEN:
            raise Conflict("Too many are open")
        self.open.setdefault(tenant, []).append(proposal)

    def approve(self, tenant: str, proposal: Proposal, by: str, now: int) -> None:
        self._change()
        stands = proposal in self.proposals(tenant) and proposal.base == self.current(tenant)
        if not stands or by == proposal.proposed_by:
            raise Conflict("Gone, one's own, or outdated")
        self.open[tenant].remove(proposal)
        version = PolicyVersion(
            version=proposal.base + 1,
            ids=proposal.ids,
            sha256=proposal.sha256,
            proposal=proposal.id,
            proposed_by=proposal.proposed_by,
            proposed=proposal.proposed,
            approved_by=by,
            approved=now,
            restores=proposal.restores,
        )
        self.versions.setdefault(tenant, []).append((version, proposal.text))

    def withdraw(self, tenant: str, proposal: Proposal) -> None:
        self._change()
        if proposal not in self.proposals(tenant):
            raise Conflict("Gone")
        self.open[tenant].remove(proposal)

    def _change(self) -> None:
        self._answer()
        faster, self.before_change = self.before_change, None
        if faster is not None:
            faster()

    def _answer(self) -> None:
        if self.down:
            raise Unavailable("Policies are out of reach")
