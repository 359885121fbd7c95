"""The reset of a user's second factors once all are lost: two people, a notice at each step, and time to object.

::

    (none) --request--> REQUESTED --approve, by another person--> APPROVED --the cooling period--> effective --> (none)

From REQUESTED and APPROVED alike it is cancelled by an administrator, an officer or the user, until it is used. A
request that nobody approves ends after seven days, an approval that nobody uses seven days after it took effect, and
either counts for nothing once one of the two people may decide no more. What it is good for, and once: ``recover`` asks
``effective`` and takes it with ``done``.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from phivault.access.roles import Role
from phivault.errors import Conflict
from phivault.identity.directory import Status

if TYPE_CHECKING:
    from phivault.identity.service import Identity

LIFETIME_SECONDS = 7 * 24 * 3600
DECIDING = frozenset({Role.TENANT_ADMIN, Role.SECURITY_OFFICER})


@dataclass(frozen=True, slots=True)
class MfaReset:
    """``id`` is random, so that a decision about one request never meets the next; times are Unix seconds;
    ``approved_by`` is "" and ``effective`` 0 until it is approved."""

    id: str
    user_id: str
    tenant: str
    requested_by: str
    requested: int
    expires: int
    approved_by: str = ""
    effective: int = 0

    def is_effective(self, now: float) -> bool:
        return self.approved_by != "" and self.effective <= now < self.expires

    def shown(self) -> dict[str, Any]:
        """To whoever decides about it."""
        return {
            "state": "approved" if self.approved_by else "requested",
            "requested_by": self.requested_by,
            "requested": self.requested,
            "approved_by": self.approved_by or None,
            "effective": self.effective or None,
            "expires": self.expires,
        }


class MfaResetStore(Protocol):
    """Obligations: reads see every earlier write; one past its ``expires`` is absent; each write is atomic, and of two
    that exclude each other one raises Conflict. Unavailable when the store doesn't answer."""

    def reset(self, user_id: str) -> MfaReset | None: ...

    def request(self, reset: MfaReset) -> None:
        """Conflict where the user has one already."""

    def approve(self, reset: MfaReset) -> None:
        """Keep ``approved_by``, ``effective`` and ``expires`` of the request with this id. Conflict unless it stands,
        unapproved, by another requester than ``approved_by``."""

    def drop(self, reset: MfaReset) -> None:
        """Conflict unless the one with this id stands."""

    def use(self, reset: MfaReset, now: float) -> None:
        """Drop it. Conflict unless the one with this id stands, approved and effective at ``now``."""


def effective(identity: Identity, user_id: str) -> bool:
    """Whether the user may enrol a new factor without the lost ones. Decides nothing by itself: ``done`` does."""
    return _effective(identity, user_id) is not None


def done(identity: Identity, user_id: str) -> None:
    """Use the reset up, before anything is done in its name. Conflict where it was cancelled or used meanwhile."""
    reset = _effective(identity, user_id)
    if reset is None:
        raise Conflict("There is no reset that is in effect")
    identity.mfa_resets.use(reset, identity.now())


def may_decide(identity: Identity, tenant: str, user_id: str) -> bool:
    """Whether who asked for or approved a reset counts as one of its two people, still."""
    person = identity.directory.user(tenant, user_id)
    return person is not None and person.status is Status.ACTIVE and person.role in DECIDING


def _effective(identity: Identity, user_id: str) -> MfaReset | None:
    reset = identity.mfa_resets.reset(user_id)
    if reset is None or not reset.is_effective(identity.now()):
        return None
    people = (reset.requested_by, reset.approved_by)
    return reset if all(may_decide(identity, reset.tenant, one) for one in people) else None
