"""What one administrator asks for and another person has to approve: an invitation, or another role of a user.

::

    (none) --an administrator--> WAITING --another administrator or officer--> done

One person could else give a second account of their own a patient's record or a role that sees PHI or decides about
access. Whoever asked can't approve, and must still be an active administrator then. It waits for three days; either of
them, or any other administrator, withdraws it until it is done.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final, Protocol

from phivault.access.principal import Personal
from phivault.access.roles import Role
from phivault.crypto import envelope
from phivault.crypto.element import Element, SealContext
from phivault.errors import AccessDenied, Conflict
from phivault.identity.directory import Status
from phivault.phi.data_class import DataClass

if TYPE_CHECKING:
    from phivault.crypto.subject_keys import SubjectKeys
    from phivault.identity.service import Identity

LIFE_SECONDS: Final = 3 * 24 * 3600
APPROVING: Final = frozenset({Role.TENANT_ADMIN, Role.PRIVACY_OFFICER, Role.SECURITY_OFFICER})
_SUBJECT: Final = "Tenant"
_EMAIL: Final = "email"


@dataclass(frozen=True, slots=True)
class Proposal:
    """``id`` is 64 random hexadecimal digits for an invitation, whose address ``email`` holds sealed, and the user's id
    for a role; ``nonce`` is random, so that a decision about one never meets the next. ``expires`` in Unix seconds."""

    id: str
    tenant: str
    role: Role
    patient_id: str | None
    proposed_by: str
    expires: int
    nonce: str
    email: Personal | None = field(default=None, repr=False)
    approved_by: str = ""

    def shown(self) -> dict[str, Any]:
        """To whoever decides about it."""
        return {
            "id": self.id,
            "state": "waiting",
            "role": self.role.value,
            "patient_id": self.patient_id,
            "proposed_by": self.proposed_by,
            "expires": self.expires,
        }


class ProposalStore(Protocol):
    """Obligations: reads see every earlier write; one past its ``expires`` is absent; each write is atomic, and of two
    that exclude each other one raises Conflict. Unavailable when the store doesn't answer."""

    def propose(self, proposal: Proposal) -> None:
        """Conflict where one with this id stands in the tenant."""

    def proposal(self, tenant: str, id: str) -> Proposal | None: ...

    def proposals(self, tenant: str) -> Sequence[Proposal]:
        """All of a tenant that stand, in the order of ids."""

    def approve(self, proposal: Proposal) -> None:
        """Keep its ``approved_by``. Conflict unless it stands, with this nonce, by another person than that one."""

    def drop(self, proposal: Proposal) -> None:
        """Conflict unless it stands as it is."""


def made(identity: Identity, id: str, tenant: str, role: Role, patient_id: str | None, by: str) -> Proposal:
    expires = int(identity.now()) + LIFE_SECONDS
    return Proposal(id, tenant, role, patient_id, by, expires, secrets.token_hex(16))


def require_another(identity: Identity, proposal: Proposal, approver: str) -> None:
    """Raises AccessDenied where the approver proposed it, Conflict where who proposed it may do so no more."""
    if proposal.proposed_by == approver:
        raise AccessDenied("Another person than the one who asked has to approve")
    by = identity.directory.user(proposal.tenant, proposal.proposed_by)
    if by is None or by.status is not Status.ACTIVE or by.role is not Role.TENANT_ADMIN:
        raise Conflict("Who asked for this may do so no more: withdraw it and ask again")


def seal_email(keys: SubjectKeys, tenant: str, id: str, email: str) -> Personal:
    """Under the tenant's own key: to list what waits opens it, and every event of the tenant accounts for that key."""
    element = Element(_EMAIL, DataClass.CONTACT.value, email.encode())
    sealed = envelope.seal(keys.for_sealing(tenant, _SUBJECT), _context(tenant, id), [element])
    return Personal(_SUBJECT, id, sealed)


def unseal_email(keys: SubjectKeys, proposal: Proposal) -> str:
    """Raises IntegrityError where it was altered or moved, Gone or Unavailable."""
    sealed = proposal.email.sealed if proposal.email else b""
    key = keys.for_unsealing(proposal.tenant, _SUBJECT, envelope.read_header(sealed).key_version)
    return envelope.unseal(key, _context(proposal.tenant, proposal.id), sealed)[_EMAIL].decode()


def _context(tenant: str, id: str) -> SealContext:
    return SealContext(tenant, _SUBJECT, "Proposal", id, 1)
