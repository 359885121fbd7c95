"""Invite somebody as the operator of a deployment: how a tenant gets its first administrator.

No one in the tenant decides here: who may run it is who has the deployment's AWS rights.
"""

from __future__ import annotations

from dataclasses import replace

from phivault.audit.event import Action, RiskLevel
from phivault.audit.system import system_event
from phivault.errors import Conflict, InvalidInput, NotFound, PhivaultError
from phivault.identity import invitations
from phivault.identity.claims import TENANT_ID
from phivault.identity.invitations import Invitation
from phivault.identity.service import Identity
from phivault.identity.users.call import changed_to
from phivault.identity.users.inputs import InviteUser
from phivault.inputs import read


def invite_by_operator(identity: Identity, tenant: str, body: bytes, *, by: str, new: bool = False) -> Invitation:
    """Sent, once it is recorded. ``by`` is the operator's AWS id; ``new`` says that the tenant has no user yet.

    Raises InvalidInput, NotFound for a tenant without users that isn't said to be new (a typing error), Conflict for
    one with users that is (another customer's), or Unavailable; what is refused or fails is recorded too, but for input
    that can't be read.
    """
    if not TENANT_ID.fullmatch(tenant):
        raise InvalidInput("A tenant is named by its id")
    asked = read(InviteUser, body)

    def record(id: str = "", error: PhivaultError | None = None) -> None:
        event = system_event(
            Action.USER_INVITE,
            tenant=tenant,
            error=error,
            user_id=by,
            role="operator",
            resource="Invitation",
            resource_id=id,
            patient=asked.patient_id or "",
            flags=changed_to(asked.role),
        )
        identity.recorder.append([replace(event, risk=RiskLevel.HIGH) if asked.is_grave else event])

    try:
        has_users = bool(identity.directory.users(tenant, limit=1))
        if not new and not has_users:
            raise NotFound("This tenant has no users; of one yet to be created, say --new")
        if new and has_users:
            raise Conflict("This tenant has users, so it isn't new; if it is the one that you mean, leave out --new")
        return invitations.invite(identity, tenant, asked.role, asked.patient_id, asked.email, by, record=record)
    except PhivaultError as error:
        record(error=error)
        raise
