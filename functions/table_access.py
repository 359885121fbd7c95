"""The functions that change who may see what."""

from __future__ import annotations

from functions.row import (
    API_SETTINGS,
    KEYS,
    KEYS_SETTINGS,
    LISTS,
    POSTGRES,
    POSTGRES_SETTINGS,
    RECORD,
    RECORD_SETTINGS,
    SESSION_SETTINGS,
    STATE,
    Function,
    Grant,
    Route,
)

_POLICIES, _GRANTS = "/v1/admin/policies", "/v1/admin/grants"
_TEAM = "/v1/patients/{id}/care-team"
_GLASS = "/v1/break-glass"

ACCESS: tuple[Function, ...] = (
    Function(
        name="access",
        purpose="Policies, grants, care teams, restrictions, broken glass: who may see what, and why",
        postgres=True,
        routes=(
            Route("GET", _POLICIES),
            Route("POST", _POLICIES),
            Route("GET", _POLICIES + "/versions/{version}"),
            Route("POST", _POLICIES + "/rollback"),
            Route("POST", _POLICIES + "/proposals/{id}/approve"),
            Route("DELETE", _POLICIES + "/proposals/{id}"),
            Route("POST", _POLICIES + "/explain"),
            Route("GET", _GRANTS),
            Route("POST", _GRANTS),
            Route("GET", _GRANTS + "/{id}"),
            Route("PUT", _GRANTS + "/{id}"),
            Route("DELETE", _GRANTS + "/{id}"),
            Route("POST", _GRANTS + "/{id}/approve"),
            Route("POST", _GRANTS + "/{id}/rollback"),
            Route("GET", _TEAM),
            Route("PUT", _TEAM + "/{user}"),
            Route("DELETE", _TEAM + "/{user}"),
            Route("GET", "/v1/patients/{id}/restriction"),
            Route("PUT", "/v1/patients/{id}/restriction"),
            Route("DELETE", "/v1/patients/{id}/restriction"),
            Route("GET", _GLASS),
            Route("POST", _GLASS),
            Route("GET", _GLASS + "/{id}"),
            Route("POST", _GLASS + "/{id}/end"),
            Route("POST", _GLASS + "/{id}/review"),
        ),
        settings=(
            API_SETTINGS
            + RECORD_SETTINGS
            + KEYS_SETTINGS
            + SESSION_SETTINGS
            + POSTGRES_SETTINGS
            + ("tenant_context_keys",)
        ),
        grants=(*RECORD, *KEYS, *POSTGRES, STATE, LISTS),
    ),
    Function(
        name="overdue",
        purpose="Says of broken glasses that nobody reviewed in time that they are overdue",
        trigger="schedule:3600",
        settings=("profile", *RECORD_SETTINGS, "access_state_table"),
        grants=(*RECORD, Grant("access_state_table", ("dynamodb:Query", "dynamodb:UpdateItem"))),
        timeout_seconds=300,
        memory_mb=512,
    ),
)
