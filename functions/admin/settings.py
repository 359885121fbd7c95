"""A tenant's settings: limits of sessions, sign-up by oneself, the cooling period, default purposes."""

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

SETTINGS = "/v1/admin/settings"


@web.operation(
    app,
    "GET",
    SETTINGS,
    web.Operation(summary="The tenant's settings", permission="admin:settings", audit=(Action.SETTINGS_READ,)),
)
def _settings() -> Response[str]:
    return _answer(change_rules.settings(call()))


@web.operation(
    app,
    "PUT",
    SETTINGS,
    web.Operation(
        summary="Change the tenant's settings, from the version that was read",
        permission="admin:settings-change",
        audit=(Action.SETTINGS_CHANGE,),
        body=change_rules.SettingsChange,
        refusals=(409, 422),
    ),
)
def _change() -> Response[str]:
    asked = call()
    body = read(change_rules.SettingsChange, web.body(app.current_event))
    return _answer(change_rules.change_settings(asked, body))


def _answer(rules: TenantRules) -> Response[str]:
    shown = {
        "idle_minutes": rules.idle // 60,
        "absolute_minutes": rules.absolute // 60,
        "self_sign_up": rules.self_sign_up,
        "registration": rules.registration,
        "cooling_hours": rules.cooling // 3600,
        "purposes": dict(rules.purposes),
        "version": rules.version,
    }
    return web.answer(200, json.dumps(shown))
