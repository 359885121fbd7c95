"""Fakes of what user administration needs, which keep its ports' contracts."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from dataclasses import replace

from phivault.access.roles import Role
from phivault.errors import Conflict, NotFound, Unavailable
from phivault.identity.directory import Status, User
from phivault.identity.mfa_reset import MfaReset
from phivault.identity.proposals import Proposal


class MemoryDirectory:
    """DirectoryStore. ``down`` refuses before persisting, ``lost_answer`` fails after it."""

    def __init__(self) -> None:
        self.rows: dict[tuple[str, str], User] = {}
        self.down = self.lost_answer = False
        self._lock = threading.RLock()

    def user(self, tenant: str, user_id: str) -> User | None:
        self._check()
        return self.rows.get((tenant, user_id))

    def users(self, tenant: str, *, after: str = "", limit: int = 50) -> Sequence[User]:
        self._check()
        ids = sorted(id for kept, id in self.rows if kept == tenant and id > after)
        return [self.rows[tenant, id] for id in ids[:limit]]

    def add_user(self, user: User) -> None:
        self._check()
        with self._lock:
            if (user.tenant, user.user_id) in self.rows:
                raise Conflict
            self._keep(user)

    def change_role(self, tenant: str, user_id: str, role: Role, patient_id: str | None) -> None:
        with self._lock:
            user = self.user(tenant, user_id)
            if user is None or user.status is Status.OFFBOARDED:
                raise NotFound
            self._replace(user, replace(user, role=role, patient_id=patient_id))

    def change_status(self, tenant: str, user_id: str, status: Status) -> None:
        with self._lock:
            user = self.user(tenant, user_id)
            if user is None:
                raise NotFound
            if user.status is Status.OFFBOARDED or user.status is status:
                raise Conflict
            self._replace(user, replace(user, status=status))

    def signed_in(self, user: User) -> bool:
        """As the store of sessions does when one is opened: False where the user may not have it."""
        with self._lock:
            kept = self.rows.get((user.tenant, user.user_id))
            same = kept is None or (kept.status, kept.role, kept.patient_id) == (
                Status.ACTIVE,
                user.role,
                user.patient_id,
            )
            if same:
                self.rows[user.tenant, user.user_id] = replace(kept or user, last_sign_in=user.last_sign_in)
            return same

    def _replace(self, old: User, new: User) -> None:
        others = {u.user_id for u in self.rows.values() if u.tenant == old.tenant and _administers(u)} - {old.user_id}
        if _administers(old) and not _administers(new) and not others:
            raise Conflict
        self._keep(new)

    def _keep(self, user: User) -> None:
        self.rows[user.tenant, user.user_id] = user
        if self.lost_answer:
            raise Unavailable("No answer")

    def _check(self) -> None:
        if self.down:
            raise Unavailable("The table is down")


def _administers(user: User) -> bool:
    return user.role is Role.TENANT_ADMIN and user.status is Status.ACTIVE


class FakeUserAdmin:
    """UserAdmin. ``told`` are the calls in their order; ``down`` refuses all of them."""

    def __init__(self) -> None:
        self.told: list[tuple[str, ...]] = []
        self.disabled: set[str] = set()
        self.down = False

    def disable(self, user_id: str) -> None:
        self._call("disable", user_id)
        self.disabled.add(user_id)

    def enable(self, user_id: str) -> None:
        self._call("enable", user_id)
        self.disabled.discard(user_id)

    def sign_out(self, user_id: str) -> None:
        self._call("sign_out", user_id)

    def set_role(self, user_id: str, role: Role, patient_id: str | None) -> None:
        self._call("set_role", user_id, role.value, patient_id or "")

    def _call(self, *call: str) -> None:
        if self.down:
            raise Unavailable("The provider is down")
        self.told.append(call)


class MemoryMfaResets:
    """MfaResetStore."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self.rows: dict[str, MfaReset] = {}

    def reset(self, user_id: str) -> MfaReset | None:
        reset = self.rows.get(user_id)
        return reset if reset and reset.expires > self._now() else None

    def request(self, reset: MfaReset) -> None:
        if self.reset(reset.user_id):
            raise Conflict
        self.rows[reset.user_id] = reset

    def approve(self, reset: MfaReset) -> None:
        stands = self._standing(reset)
        if stands.approved_by or stands.requested_by == reset.approved_by:
            raise Conflict
        approved = {"approved_by": reset.approved_by, "effective": reset.effective, "expires": reset.expires}
        self.rows[reset.user_id] = replace(stands, **approved)

    def drop(self, reset: MfaReset) -> None:
        self._standing(reset)
        del self.rows[reset.user_id]

    def use(self, reset: MfaReset, now: float) -> None:
        if not self._standing(reset).is_effective(now):
            raise Conflict
        del self.rows[reset.user_id]

    def _standing(self, reset: MfaReset) -> MfaReset:
        stands = self.reset(reset.user_id)
        if stands is None or stands.id != reset.id:
            raise Conflict
        return stands


class MemoryProposals:
    """ProposalStore. ``now`` answers Unix seconds."""

    def __init__(self, now: Callable[[], float]) -> None:
        self.rows: dict[tuple[str, str], Proposal] = {}
        self._now = now
        self._lock = threading.RLock()

    def propose(self, proposal: Proposal) -> None:
        with self._lock:
            if self.proposal(proposal.tenant, proposal.id):
                raise Conflict
            self.rows[proposal.tenant, proposal.id] = proposal

    def proposal(self, tenant: str, id: str) -> Proposal | None:
        found = self.rows.get((tenant, id))
        return found if found and found.expires > self._now() else None

    def proposals(self, tenant: str) -> Sequence[Proposal]:
        found = (self.proposal(*place) for place in sorted(self.rows) if place[0] == tenant)
        return [each for each in found if each]

    def approve(self, proposal: Proposal) -> None:
        with self._lock:
            kept = self._standing(proposal)
            if kept.proposed_by == proposal.approved_by:
                raise Conflict
            self.rows[proposal.tenant, proposal.id] = replace(kept, approved_by=proposal.approved_by)

    def drop(self, proposal: Proposal) -> None:
        with self._lock:
            if self._standing(proposal).approved_by != proposal.approved_by:
                raise Conflict
            del self.rows[proposal.tenant, proposal.id]

    def _standing(self, proposal: Proposal) -> Proposal:
        kept = self.proposal(proposal.tenant, proposal.id)
        if kept is None or kept.nonce != proposal.nonce:
            raise Conflict
        return kept
