"""The users of a tenant: listed, shown, exported, changed, suspended, offboarded."""

from __future__ import annotations

import json
from typing import Any

from aws_lambda_powertools.event_handler import Response

from functions.admin.app import app
from functions.admin.asked import USER, USERS, about, call
from phivault import web
from phivault.audit.event import Action
from phivault.identity.users.approve_role import approve_role
from phivault.identity.users.change_role import change_role
from phivault.identity.users.export_users import export_users
from phivault.identity.users.inputs import PARAMETERS, ChangeRole
from phivault.identity.users.list_users import list_users
from phivault.identity.users.offboard import offboard
from phivault.identity.users.resume import resume
from phivault.identity.users.show_user import show_user
from phivault.identity.users.suspend import suspend
from phivault.identity.users.withdraw_role import withdraw_role

NDJSON = "application/x-ndjson"


@web.operation(
    app,
    "GET",
    USERS,
    about("The tenant's users, addresses masked", Action.USER_LIST, "admin:users", parameters=PARAMETERS),
)
def _users() -> Response[str]:
    return _answer(list_users(call(), web.parameters(app.current_event)))


@web.operation(
    app,
    "GET",
    USERS + "/export",
    about(
        "The tenant's users with their addresses, a line each",
        Action.USER_EXPORT,
        "admin:users-export",
        parameters=PARAMETERS,
        answer=NDJSON,
    ),
)
def _export() -> Response[str]:
    lines = export_users(call(), web.parameters(app.current_event))
    return web.answer(200, "".join(lines), media=NDJSON)


@web.operation(app, "GET", USER, about("One user", Action.USER_READ, "admin:users"))
def _user(id: str) -> Response[str]:
    return _answer(show_user(call(), id))


@web.operation(
    app,
    "PUT",
    USER + "/role",
    about(
        "Ask for another role of a user",
        Action.USER_ROLE,
        "admin:users-change",
        body=ChangeRole,
        statuses=(202,),
        refusals=(409,),
    ),
)
def _role(id: str) -> Response[str]:
    return web.answer(202, json.dumps(change_role(call(), id, web.body(app.current_event)).shown()))


@web.operation(
    app,
    "POST",
    USER + "/role/approve",
    about(
        "Approve the role that somebody else asked for; the user's sessions end",
        Action.USER_APPROVE,
        "admin:users-approve",
        refusals=(409,),
    ),
)
def _approve_role(id: str) -> Response[str]:
    return _answer({"user_id": id, "sessions_ended": approve_role(call(), id)})


@web.operation(
    app,
    "DELETE",
    USER + "/role",
    about(
        "Withdraw the role that was asked for", Action.USER_ROLE, "admin:users-change", statuses=(204,), refusals=(409,)
    ),
)
def _withdraw_role(id: str) -> Response[str]:
    withdraw_role(call(), id)
    return web.answer(204, "")


@web.operation(
    app,
    "POST",
    USER + "/suspend",
    about("Suspend a user; their sessions end", Action.USER_SUSPEND, "admin:users-change", refusals=(409,)),
)
def _suspend(id: str) -> Response[str]:
    return _answer({"user_id": id, "sessions_ended": suspend(call(), id)})


@web.operation(
    app,
    "POST",
    USER + "/resume",
    about("End a suspension", Action.USER_RESUME, "admin:users-change", statuses=(204,), refusals=(409,)),
)
def _resume(id: str) -> Response[str]:
    resume(call(), id)
    return web.answer(204, "")


@web.operation(
    app,
    "DELETE",
    USER,
    about("End a user's access for good", Action.USER_OFFBOARD, "admin:users-change", refusals=(409,)),
)
def _offboard(id: str) -> Response[str]:
    done = offboard(call(), id)
    return _answer(
        {
            "user_id": id,
            "sessions_ended": done.sessions,
            "ending_ms": round(done.ending * 1000),
            "ended_ms": round(done.ended * 1000),
        }
    )


def _answer(content: dict[str, Any]) -> Response[str]:
    return web.answer(200, json.dumps(content))
