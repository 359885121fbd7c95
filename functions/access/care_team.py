"""Who cares for a patient."""

from __future__ import annotations

import json

from aws_lambda_powertools.event_handler import Response

from functions.access.app import app
from functions.access.asked import about, call
from phivault import web
from phivault.audit.event import Action
from phivault.inputs import read
from phivault.permissions.care_team_join import CareTeamMember, join_care_team
from phivault.permissions.care_team_leave import leave_care_team
from phivault.permissions.care_team_show import show_care_team

TEAM = "/v1/patients/{id}/care-team"
MEMBER = TEAM + "/{user}"
CHANGE = "care-team:change"


@web.operation(app, "GET", TEAM, about("A patient's care team", Action.CARE_TEAM_READ, "care-team:read"))
def _show(id: str) -> Response[str]:
    return web.answer(200, json.dumps(show_care_team(call(), id)))


@web.operation(
    app,
    "PUT",
    MEMBER,
    about(
        "Add somebody else to a care team, or change their membership",
        Action.CARE_TEAM_JOIN,
        CHANGE,
        body=CareTeamMember,
        refusals=(409,),
    ),
)
def _join(id: str, user: str) -> Response[str]:
    asked = call()
    member = read(CareTeamMember, web.body(app.current_event))
    return web.answer(200, json.dumps(join_care_team(asked, id, user, member).shown()))


@web.operation(
    app,
    "DELETE",
    MEMBER,
    about("Leave a care team, or take somebody out of it", Action.CARE_TEAM_LEAVE, CHANGE, statuses=(204,)),
)
def _leave(id: str, user: str) -> Response[str]:
    leave_care_team(call(), id, user)
    return web.answer(204, "")
