"""Invitations into a tenant: sent and withdrawn."""

from __future__ import annotations

import json

from aws_lambda_powertools.event_handler import Response

from functions.admin.app import app
from functions.admin.asked import USERS, about, call
from phivault import web
from phivault.audit.event import Action
from phivault.identity.users.inputs import InviteUser
from phivault.identity.users.invite_user import invite_user
from phivault.identity.users.withdraw_invitation import withdraw_invitation


@web.operation(
    app,
    "POST",
    USERS,
    about("Invite somebody, in a role", Action.USER_INVITE, "admin:users-change", body=InviteUser, statuses=(201,)),
)
def _invite() -> Response[str]:
    invitation = invite_user(call(), web.body(app.current_event))
    sent = {"id": invitation.id, "role": invitation.role.value, "patient_id": invitation.patient_id}
    return web.answer(201, json.dumps(sent | {"expires": invitation.expires}))


@web.operation(
    app,
    "DELETE",
    "/v1/admin/invitations/{id}",
    about("Withdraw an invitation that nobody used", Action.USER_UNINVITE, "admin:users-change", statuses=(204,)),
)
def _withdraw(id: str) -> Response[str]:
    withdraw_invitation(call(), id)
    return web.answer(204, "")
