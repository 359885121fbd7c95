"""Grants: access for one user by name, proposed by one person and approved by another."""

from __future__ import annotations

import json
from typing import Any

from aws_lambda_powertools.event_handler import Response

from functions.access.app import app
from functions.access.asked import about, call
from phivault import bootstrap, web
from phivault.audit.event import Action
from phivault.permissions.grants.approve import approve_grant
from phivault.permissions.grants.called import APPROVE, PROPOSE, REVOKE, SEE, shown
from phivault.permissions.grants.change import change_grant
from phivault.permissions.grants.end import PARAMETERS as ENDING
from phivault.permissions.grants.end import end_grant
from phivault.permissions.grants.propose import propose_grant
from phivault.permissions.grants.rollback import roll_back_grant
from phivault.permissions.grants.show import PARAMETERS, list_grants, show_grant
from phivault.permissions.grants.state import Grant
from phivault.permissions.grants.terms import ApproveGrant, ChangeGrant, ProposeGrant, RollBackGrant

GRANTS = "/v1/admin/grants"
GRANT = GRANTS + "/{id}"
_PROPOSED: dict[str, Any] = {"statuses": (202,), "refusals": (409, 422)}


@web.operation(
    app, "GET", GRANTS, about("The tenant's grants, a page of them", Action.GRANT_LIST, SEE, parameters=PARAMETERS)
)
def _list() -> Response[str]:
    return web.answer(200, json.dumps(list_grants(call(), web.parameters(app.current_event))))


@web.operation(
    app,
    "POST",
    GRANTS,
    about("Propose a grant", Action.GRANT_PROPOSE, PROPOSE, body=ProposeGrant, **_PROPOSED),
)
def _propose() -> Response[str]:
    return _answer(202, propose_grant(call(), web.body(app.current_event)))


@web.operation(app, "GET", GRANT, about("A grant and its approved versions", Action.GRANT_LIST, SEE))
def _show(id: str) -> Response[str]:
    return web.answer(200, json.dumps(show_grant(call(), id)))


@web.operation(
    app,
    "PUT",
    GRANT,
    about("Propose other terms for a grant that holds", Action.GRANT_PROPOSE, PROPOSE, body=ChangeGrant, **_PROPOSED),
)
def _change(id: str) -> Response[str]:
    return _answer(202, change_grant(call(), id, web.body(app.current_event)))


@web.operation(
    app,
    "POST",
    GRANT + "/rollback",
    about(
        "Propose an earlier version's terms for a grant that holds",
        Action.GRANT_PROPOSE,
        PROPOSE,
        body=RollBackGrant,
        **_PROPOSED,
    ),
)
def _roll_back(id: str) -> Response[str]:
    return _answer(202, roll_back_grant(call(), id, web.body(app.current_event)))


@web.operation(
    app,
    "POST",
    GRANT + "/approve",
    about(
        "Approve what somebody else proposed about a grant; it holds at once",
        Action.GRANT_APPROVE,
        APPROVE,
        body=ApproveGrant,
        refusals=(409, 422),
    ),
)
def _approve(id: str) -> Response[str]:
    return _answer(200, approve_grant(call(), id, web.body(app.current_event)))


@web.operation(
    app,
    "DELETE",
    GRANT,
    about(
        "Revoke a grant, or withdraw what waits of it",
        Action.GRANT_REVOKE,
        REVOKE,
        Action.GRANT_WITHDRAW,
        parameters=ENDING,
        statuses=(204,),
        refusals=(409,),
    ),
)
def _end(id: str) -> Response[str]:
    end_grant(call(), id, web.parameters(app.current_event))
    return web.answer(204, "")


def _answer(status: int, grant: Grant) -> Response[str]:
    return web.answer(status, json.dumps(shown(grant, bootstrap.permissions().now())))
