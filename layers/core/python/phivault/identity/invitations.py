"""Invitations: an administrator's word that an address may have an account, as a random token sent to it alone.

The token (256 bits) is kept as its SHA-256, which is also the invitation's id. It is good once, for three days, and
until it is withdrawn.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Protocol
from uuid import uuid4

from phivault.access.principal import Personal
from phivault.access.roles import Role
from phivault.errors import AccessDenied, PhivaultError
from phivault.identity import contact
from phivault.identity.contact import Contact
from phivault.identity.directory import Status
from phivault.identity.messages import Purpose, code_message
from phivault.identity.proposals import APPROVING

if TYPE_CHECKING:
    from phivault.identity.service import Identity

LIFE_SECONDS = 3 * 24 * 3600


@dataclass(frozen=True, slots=True)
class Invitation:
    """``email`` is sealed (``contact``); ``invited_by`` is a user's id, ``approved_by`` another's, "" where one person
    was enough; ``expires`` in Unix seconds."""

    id: str
    tenant: str
    role: Role
    patient_id: str | None
    email: Personal = field(repr=False)
    invited_by: str
    expires: int
    used: bool = False
    approved_by: str = ""


class InvitationStore(Protocol):
    """Obligations: reads see every earlier write; an expired invitation is absent; each write is atomic and durable
    once it returns. Raises Unavailable when the store doesn't answer."""

    def add_invitation(self, invitation: Invitation) -> None: ...

    def invitation(self, id: str) -> Invitation | None: ...

    def use_invitation(self, id: str, now: int) -> bool:
        """Mark it used; True for exactly one of however many ask, and for none after it was withdrawn."""

    def withdraw_invitation(self, tenant: str, id: str) -> None:
        """Forget it. NotFound where it isn't this tenant's, or was used."""


def invite(
    identity: Identity,
    tenant: str,
    role: Role,
    patient_id: str | None,
    email: str,
    invited_by: str,
    *,
    approved_by: str = "",
    record: Callable[[str], None] = lambda _: None,
) -> Invitation:
    """Send an invitation to ``email``. ``record`` hears its id before it is kept and sent, and may refuse by raising.

    A patient who isn't linked to anybody gets a fresh random id. Raises Unavailable where it couldn't be sent; it is
    then withdrawn, for a token that may never have arrived must not lie about.
    """
    token = secrets.token_urlsafe(32)
    id, now = id_of(token), identity.now()
    record(id)
    invitation = Invitation(
        id=id,
        tenant=tenant,
        role=role,
        patient_id=(patient_id or str(uuid4())) if role is Role.PATIENT else None,
        email=contact.seal(identity.keys, Contact(email), id, now),
        invited_by=invited_by,
        expires=int(now) + LIFE_SECONDS,
        approved_by=approved_by,
    )
    identity.invitations.add_invitation(invitation)
    try:
        identity.messenger.email(email, code_message(Purpose.INVITATION, token))
    except PhivaultError:
        with suppress(PhivaultError):  # the first error is the one to tell
            identity.invitations.withdraw_invitation(tenant, id)
        raise
    return invitation


def withdraw(identity: Identity, tenant: str, id: str) -> None:
    """Raises NotFound for another tenant's, a used, expired or unknown invitation, or Unavailable."""
    identity.invitations.withdraw_invitation(tenant, id)


def invited(identity: Identity, token: str) -> Invitation:
    """The invitation of a token. Raises AccessDenied, alike for every reason that it isn't good."""
    invitation = identity.invitations.invitation(id_of(token))
    if invitation is None or invitation.used or not _stands(identity, invitation):
        raise not_good()
    return invitation


def use(identity: Identity, id: str) -> None:
    """Use it up. Raises AccessDenied as ``invited`` does; of however many at once, for all but one."""
    invitation = identity.invitations.invitation(id)
    if invitation is None or not _stands(identity, invitation):
        raise not_good()
    if not identity.invitations.use_invitation(id, int(identity.now())):
        raise not_good()


def _stands(identity: Identity, invitation: Invitation) -> bool:
    """Whether the people behind it may still invite and approve: else somebody sent away could come back by an
    invitation of their own."""
    by = identity.directory.user(invitation.tenant, invitation.invited_by)
    if by is None:
        return True  # an operator's: whoever invites in a session has a row, and none is ever removed
    if by.status is not Status.ACTIVE or by.role is not Role.TENANT_ADMIN:
        return False
    if not invitation.approved_by:
        return invitation.role is Role.PATIENT
    other = identity.directory.user(invitation.tenant, invitation.approved_by)
    return other is not None and other.status is Status.ACTIVE and other.role in APPROVING


def not_good() -> AccessDenied:
    return AccessDenied("The invitation isn't good: ask for another one")


def id_of(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
