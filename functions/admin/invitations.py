"""Invitations into a tenant: asked for, approved by another person, withdrawn."""

from __future__ import annotations

import json
from typing import Any

from aws_lambda_powertools.event_handler import Response

from functions.admin.app import app
from functions.admin.asked import USERS, about, call
from phivault import web
from phivault.audit.event import Action
from phivault.identity.invitations import Invitation
from phivault.identity.proposals import Proposal
from phivault.identity.users.approve_invitation import approve_invitation
from phivault.identity.users.inputs import InviteUser
from phivault.identity.users.invite_user import invite_user
from phivault.identity.users.list_invitations import list_invitations
from phivault.identity.users.withdraw_invitation import withdraw_invitation

INVITATIONS = "/v1/admin/invitations"


@web.operation(
    app,
    "POST",
    USERS,
    about(
        "Invite somebody, in a role: sent (201), or waiting for another person's approval (202)",
        Action.USER_INVITE,
        "admin:users-change",
        body=InviteUser,
        statuses=(201, 202),
    ),
)
def _invite() -> Response[str]:
    made = invite_user(call(), web.body(app.current_event))
    if isinstance(made, Proposal):
        return web.answer(202, json.dumps(made.shown()))
    return web.answer(201, json.dumps(_sent(made)))


@web.operation(
    app,
    "GET",
    INVITATIONS,
    about("The invitations that wait for approval, addresses masked", Action.USER_LIST, "admin:users"),
)
def _waiting() -> Response[str]:
    return web.answer(200, json.dumps(list_invitations(call())))


@web.operation(
    app,
    "POST",
    INVITATIONS + "/{id}/approve",
    about(
        "Approve an invitation that somebody else asked for; it is sent",
        Action.USER_APPROVE,
        "admin:users-approve",
        refusals=(409,),
    ),
)
def _approve(id: str) -> Response[str]:
    return web.answer(200, json.dumps(_sent(approve_invitation(call(), id))))


@web.operation(
    app,
    "DELETE",
    INVITATIONS + "/{id}",
    about(
        "Withdraw an invitation that nobody used",
        Action.USER_UNINVITE,
        "admin:users-change",
        statuses=(204,),
        refusals=(409,),
    ),
)
def _withdraw(id: str) -> Response[str]:
    withdraw_invitation(call(), id)
    return web.answer(204, "")


def _sent(invitation: Invitation) -> dict[str, Any]:
    sent = {"id": invitation.id, "state": "sent", "role": invitation.role.value, "patient_id": invitation.patient_id}
    return sent | {"expires": invitation.expires}
