"""From where a tenant's users may come."""

from __future__ import annotations

import json

from aws_lambda_powertools.event_handler import Response

from functions.admin.app import app
from functions.admin.asked import call
from phivault import web
from phivault.audit.event import Action
from phivault.identity import change_rules
from phivault.identity.tenant_rules import TenantRules
from phivault.inputs import read

ALLOW_LIST = "/v1/admin/ip-allow-list"


@web.operation(
    app,
    "GET",
    ALLOW_LIST,
    web.Operation(
        summary="The networks that each role may come from; none: anywhere",
        permission="admin:settings",
        audit=(Action.SETTINGS_READ,),
    ),
)
def _networks() -> Response[str]:
    return _answer(change_rules.settings(call()))


@web.operation(
    app,
    "PUT",
    ALLOW_LIST,
    web.Operation(
        summary="Change those networks, from the version that was read",
        permission="admin:settings-change",
        audit=(Action.SETTINGS_CHANGE,),
        body=change_rules.AllowListChange,
        refusals=(409, 422),
    ),
)
def _change() -> Response[str]:
    asked = call()
    body = read(change_rules.AllowListChange, web.body(app.current_event))
    return _answer(change_rules.change_allow_list(asked, body))


def _answer(rules: TenantRules) -> Response[str]:
    networks = {role: list(blocks) for role, blocks in rules.networks.items()}
    return web.answer(200, json.dumps({"networks": networks, "version": rules.version}))
