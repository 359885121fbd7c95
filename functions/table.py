"""The function table: every function, the routes it serves and what it may reach.

The CDK app makes roles, networks and API Gateway methods from it; the local gateway routes by it and refuses a
call beyond a function's row. A test holds it equal to the folders beside this file.
"""

from __future__ import annotations

from functions.row import (
    API_SETTINGS,
    KEYS,
    KEYS_SETTINGS,
    POSTGRES,
    POSTGRES_SETTINGS,
    RECORD,
    RECORD_SETTINGS,
    SESSION,
    SESSION_SETTINGS,
    Function,
    Grant,
    Route,
)
from functions.table_access import ACCESS
from functions.table_identity import IDENTITY
from functions.table_keys import KEEPING
from functions.table_log import LOG

_OTHERS: tuple[Function, ...] = (
    Function(
        name="records",
        purpose="FHIR resources",
        postgres=True,
        routes=(
            Route("GET", "/v1/fhir/metadata", public=True),
            Route("POST", "/v1/fhir", max_body=4 << 20),
            Route("POST", "/v1/fhir/{type}", max_body=5 << 20),  # a Binary; the limit is by type
            Route("POST", "/v1/fhir/{type}/$validate", max_body=5 << 20),
            Route("GET", "/v1/fhir/{type}"),
            Route("POST", "/v1/fhir/{type}/_search"),
            Route("GET", "/v1/fhir/{type}/{id}"),
            Route("PUT", "/v1/fhir/{type}/{id}", max_body=5 << 20),
            Route("PATCH", "/v1/fhir/{type}/{id}"),
            Route("DELETE", "/v1/fhir/{type}/{id}"),
            Route("GET", "/v1/fhir/{type}/{id}/_history"),
            Route("GET", "/v1/fhir/{type}/{id}/_history/{version}"),
            Route("GET", "/v1/fhir/{type}/{id}/$everything"),
        ),
        settings=(
            API_SETTINGS
            + RECORD_SETTINGS
            + KEYS_SETTINGS
            + SESSION_SETTINGS
            + POSTGRES_SETTINGS
            + ("tenant_context_keys",)
        ),
        grants=(
            *RECORD,
            *KEYS,
            *POSTGRES,
            *SESSION,
            Grant("access_state_table", ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query")),
        ),
    ),
    Function(
        name="health",
        purpose="Whether the stack is ready",
        postgres=True,
        routes=(Route("GET", "/healthz", public=True),),
        settings=(
            *API_SETTINGS,
            *POSTGRES_SETTINGS,
            "tenant_context_keys",
            "audit_bucket",
            "access_state_table",
        ),
        grants=(
            *POSTGRES,
            Grant("audit_bucket", ("s3:ListBucket",)),
            Grant("access_state_table", ("dynamodb:GetItem",)),
        ),
    ),
    Function(
        name="pages",
        purpose="The API document and the pages",
        routes=(Route("GET", "/v1/openapi.json", public=True), Route("GET", "/test-security", public=True)),
        settings=API_SETTINGS,
        grants=(),
        memory_mb=256,
    ),
    Function(
        name="migrate",
        purpose="The database's roles, migrations and context keys, at every release that changes them",
        postgres=True,
        trigger="cloudformation",
        settings=("profile", *RECORD_SETTINGS, "subject_key_arn", *POSTGRES_SETTINGS, "postgres_secret_arn"),
        grants=(
            *RECORD,
            Grant("postgres_host", ("rds-db:connect",), part="phivault_owner"),
            Grant("postgres_secret_arn", ("secretsmanager:GetSecretValue",)),
            Grant("subject_key_arn", ("kms:Encrypt",)),
        ),
        timeout_seconds=300,
        memory_mb=512,
        local=False,
    ),
)

TABLE: tuple[Function, ...] = (*IDENTITY, *_OTHERS, *ACCESS, *LOG, *KEEPING)
