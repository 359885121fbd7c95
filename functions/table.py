"""The function table: every function, the routes it serves and what it may reach.

The CDK app makes roles, networks and API Gateway methods from it; the local gateway routes by it and refuses a
call beyond a function's row. A test holds it equal to the folders beside this file.
"""

from __future__ import annotations

from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True)
class Route:
    """``public`` routes need no token; all others pass the Cognito authorizer with scope ``phivault/api``."""

    method: str
    path: str
    public: bool = False
    max_body: int = 1 << 20


@dataclass(frozen=True, slots=True)
class Grant:
    """AWS actions (``service:Action``) on one resource, named by the setting that holds its name or ARN. ``part`` is
    the part of it that they are on, where that isn't the whole: a role of the database."""

    setting: str
    actions: tuple[str, ...]
    part: str = ""


@dataclass(frozen=True, slots=True)
class Function:
    """``settings`` names the variables (fields of phivault.settings) that its environment holds;
    ``postgres`` puts it into the VPC; ``trigger`` says what besides API Gateway invokes it. What only a deployment
    invokes (``local`` False) has no process in the local stack, which does the same work itself."""

    name: str
    purpose: str
    grants: tuple[Grant, ...]
    routes: tuple[Route, ...] = ()
    settings: tuple[str, ...] = field(default=())
    postgres: bool = False
    trigger: str = ""
    timeout_seconds: int = 29
    memory_mb: int = 1024
    local: bool = True


_RECORD = (
    Grant("audit_bucket", ("s3:PutObject", "s3:PutObjectRetention", "s3:GetObject")),
    Grant("audit_index_table", ("dynamodb:BatchWriteItem",)),
    Grant("audit_head_bucket", ("s3:GetObject",)),  # an event names the last checkpoint seen before it
)
_RECORD_SETTINGS = (
    "audit_bucket",
    "audit_head_bucket",
    "audit_index_table",
    "audit_lock_mode",
    "audit_retention_days",
    "audit_deadline_seconds",
)
_KEYS = (
    Grant("subject_key_arn", ("kms:GenerateDataKey", "kms:Decrypt")),
    Grant("subject_keys_table", ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query")),
)
_KEYS_SETTINGS = ("subject_key_arn", "subject_keys_table", "subject_key_cache_seconds")
# A session's row and its tenant's rules in one call; when it was last used, once a minute.
_SESSION = (Grant("access_state_table", ("dynamodb:BatchGetItem", "dynamodb:UpdateItem")),)
_SESSION_SETTINGS = ("access_state_table", "client_id", "token_issuer")
# The laptop's DSN holds a password. In the cloud the host is named instead, and an IAM token signs in to it.
_POSTGRES_SETTINGS = ("postgres_dsn", "postgres_host")
_POSTGRES = (Grant("postgres_host", ("rds-db:connect",), part="phivault_app"),)
_API_SETTINGS = ("profile", "cors_origins")
# A function that signs people in, or changes who they are, keeps its own rows beside their sessions.
_STATE = Grant(
    "access_state_table",
    (
        "dynamodb:BatchGetItem",
        "dynamodb:GetItem",
        "dynamodb:PutItem",
        "dynamodb:UpdateItem",
        "dynamodb:DeleteItem",
    ),
)
# Beyond rows whose keys it knows: all sessions of a user, to show or end them; all users of a tenant.
_LISTS = Grant("access_state_table", ("dynamodb:Query",))
_EMAIL = Grant("email_identity_arn", ("ses:SendEmail",))
_SMS = Grant("sms_origination_arn", ("sms-voice:SendTextMessage",))

TABLE: tuple[Function, ...] = (
    Function(
        name="auth",
        purpose="Sign-in with a second factor, tokens, sign-out",
        routes=(
            Route("POST", "/v1/auth/sign-in", public=True),
            Route("POST", "/v1/auth/challenge", public=True),
            Route("POST", "/v1/auth/mfa/totp", public=True),
            Route("POST", "/v1/auth/refresh", public=True),
            Route("POST", "/v1/auth/sign-out"),
        ),
        settings=_API_SETTINGS + _RECORD_SETTINGS + _KEYS_SETTINGS + _SESSION_SETTINGS + ("user_pool_id",),
        grants=(
            *_RECORD,
            *_KEYS,
            _STATE,
            Grant("user_pool_id", ("cognito-idp:AdminInitiateAuth", "cognito-idp:AdminRespondToAuthChallenge")),
        ),
    ),
    Function(
        name="accounts",
        purpose="Sign-up, and the ways back to an account: recovery codes, a forgotten password",
        routes=(
            Route("POST", "/v1/auth/sign-up", public=True),
            Route("POST", "/v1/auth/confirm-sign-up", public=True),
            Route("POST", "/v1/auth/resend-code", public=True),
            Route("POST", "/v1/auth/mfa/recover", public=True),
            Route("POST", "/v1/auth/password/forgot", public=True),
            Route("POST", "/v1/auth/password/reset", public=True),
        ),
        settings=(
            *_API_SETTINGS,
            *_RECORD_SETTINGS,
            *_KEYS_SETTINGS,
            *_SESSION_SETTINGS,
            "user_pool_id",
            "email_sender",
            "sms_origination_arn",
        ),
        grants=(
            *_RECORD,
            *_KEYS,
            _STATE,
            _LISTS,
            Grant(
                "user_pool_id",
                (
                    "cognito-idp:AdminInitiateAuth",
                    "cognito-idp:AdminGetUser",
                    "cognito-idp:AdminCreateUser",
                    "cognito-idp:AdminSetUserPassword",
                    "cognito-idp:AdminSetUserMFAPreference",
                    "cognito-idp:AdminUpdateUserAttributes",
                ),
            ),
            _EMAIL,
            _SMS,
        ),
    ),
    Function(
        name="me",
        purpose="What a signed-in user sees and changes of themselves",
        routes=(
            Route("GET", "/v1/me"),
            Route("GET", "/v1/me/sessions"),
            Route("DELETE", "/v1/me/sessions"),
            Route("DELETE", "/v1/me/sessions/{id}"),
            Route("GET", "/v1/me/mfa"),
            Route("PUT", "/v1/me/mfa"),
            Route("POST", "/v1/me/mfa/totp"),
            Route("PUT", "/v1/me/mfa/totp"),
            Route("POST", "/v1/me/mfa/recovery-codes"),
            Route("DELETE", "/v1/me/mfa/reset"),
        ),
        settings=_API_SETTINGS
        + _RECORD_SETTINGS
        + _KEYS_SETTINGS
        + _SESSION_SETTINGS
        + ("user_pool_id", "email_sender"),
        grants=(
            *_RECORD,
            *_KEYS,
            _STATE,
            _LISTS,
            Grant(
                "user_pool_id",
                (
                    "cognito-idp:AdminGetUser",
                    "cognito-idp:AdminSetUserMFAPreference",
                    "cognito-idp:AdminUpdateUserAttributes",
                ),
            ),
            _EMAIL,
        ),
    ),
    Function(
        name="admin",
        purpose="Users and settings of a tenant, for its administrators",
        routes=(
            Route("GET", "/v1/admin/users"),
            Route("POST", "/v1/admin/users"),
            Route("GET", "/v1/admin/users/export"),
            Route("GET", "/v1/admin/users/{id}"),
            Route("DELETE", "/v1/admin/users/{id}"),
            Route("PUT", "/v1/admin/users/{id}/role"),
            Route("POST", "/v1/admin/users/{id}/suspend"),
            Route("POST", "/v1/admin/users/{id}/resume"),
            Route("POST", "/v1/admin/users/{id}/mfa-reset"),
            Route("DELETE", "/v1/admin/users/{id}/mfa-reset"),
            Route("POST", "/v1/admin/users/{id}/mfa-reset/approve"),
            Route("GET", "/v1/admin/users/{id}/sessions"),
            Route("DELETE", "/v1/admin/users/{id}/sessions"),
            Route("DELETE", "/v1/admin/users/{id}/sessions/{session}"),
            Route("DELETE", "/v1/admin/invitations/{id}"),
            Route("GET", "/v1/admin/settings"),
            Route("PUT", "/v1/admin/settings"),
            Route("GET", "/v1/admin/ip-allow-list"),
            Route("PUT", "/v1/admin/ip-allow-list"),
        ),
        settings=_API_SETTINGS
        + _RECORD_SETTINGS
        + _KEYS_SETTINGS
        + _SESSION_SETTINGS
        + ("user_pool_id", "email_sender"),
        grants=(
            *_RECORD,
            *_KEYS,
            _STATE,
            _LISTS,
            Grant(
                "user_pool_id",
                (
                    "cognito-idp:AdminDisableUser",
                    "cognito-idp:AdminEnableUser",
                    "cognito-idp:AdminUserGlobalSignOut",
                    "cognito-idp:AdminUpdateUserAttributes",
                ),
            ),
            _EMAIL,
        ),
    ),
    Function(
        name="records",
        purpose="FHIR resources",
        postgres=True,
        routes=(
            Route("GET", "/v1/fhir/metadata", public=True),
            Route("POST", "/v1/fhir", max_body=4 << 20),
            Route("POST", "/v1/fhir/{type}"),
            Route("GET", "/v1/fhir/{type}"),
            Route("GET", "/v1/fhir/{type}/{id}"),
            Route("PUT", "/v1/fhir/{type}/{id}"),
            Route("DELETE", "/v1/fhir/{type}/{id}"),
            Route("GET", "/v1/fhir/{type}/{id}/_history/{version}"),
        ),
        settings=(
            _API_SETTINGS
            + _RECORD_SETTINGS
            + _KEYS_SETTINGS
            + _SESSION_SETTINGS
            + _POSTGRES_SETTINGS
            + ("tenant_context_keys",)
        ),
        grants=(
            *_RECORD,
            *_KEYS,
            *_POSTGRES,
            *_SESSION,
            Grant("access_state_table", ("dynamodb:PutItem",)),
        ),
    ),
    Function(
        name="audit",
        purpose="The audit log, for those who review it",
        routes=(
            Route("GET", "/v1/audit/events"),
            Route("GET", "/v1/audit/events/{id}"),
            Route("GET", "/v1/audit/events/{id}/proof"),
            Route("GET", "/v1/audit/checkpoint"),
            Route("GET", "/v1/fhir/AuditEvent"),
            Route("GET", "/v1/fhir/AuditEvent/{id}"),
            Route("POST", "/v1/audit/exports"),
            Route("GET", "/v1/audit/exports"),
            Route("GET", "/v1/audit/exports/{id}"),
        ),
        settings=(
            *_API_SETTINGS,
            *_RECORD_SETTINGS,
            *_KEYS_SETTINGS,
            *_SESSION_SETTINGS,
            "audit_exports_bucket",
            "export_retention_days",
            "exporter_function",
            "witness_name",
        ),
        grants=(
            *_RECORD,
            *_KEYS,
            *_SESSION,
            Grant("audit_index_table", ("dynamodb:Query",)),
            Grant("audit_bucket", ("s3:ListBucket",)),
            Grant("audit_head_bucket", ("s3:ListBucket",)),
            Grant("audit_exports_bucket", ("s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:PutObjectRetention")),
            Grant("exporter_function", ("lambda:InvokeFunction",)),
        ),
    ),
    Function(
        name="health",
        purpose="Whether the stack is ready",
        postgres=True,
        routes=(Route("GET", "/healthz", public=True),),
        settings=(
            *_API_SETTINGS,
            *_POSTGRES_SETTINGS,
            "tenant_context_keys",
            "audit_bucket",
            "access_state_table",
        ),
        grants=(
            *_POSTGRES,
            Grant("audit_bucket", ("s3:ListBucket",)),
            Grant("access_state_table", ("dynamodb:GetItem",)),
        ),
    ),
    Function(
        name="pages",
        purpose="The API document and the pages",
        routes=(Route("GET", "/v1/openapi.json", public=True), Route("GET", "/test-security", public=True)),
        settings=_API_SETTINGS,
        grants=(),
        memory_mb=256,
    ),
    Function(
        name="pre_token",
        purpose="Cognito's pre-token-generation trigger: no token without a factor, our claims and scope",
        trigger="cognito:pre-token-generation-v2",
        settings=("profile", *_RECORD_SETTINGS, "access_state_table"),
        grants=(
            *_RECORD,
            Grant("user_pool_id", ("cognito-idp:AdminGetUser",)),
            Grant("access_state_table", ("dynamodb:GetItem",)),
        ),
        timeout_seconds=5,
    ),
    Function(
        name="pre_sign_up",
        purpose="Cognito's pre-sign-up trigger: no account but by our own functions, with a tenant and a role",
        trigger="cognito:pre-sign-up",
        settings=("profile", *_RECORD_SETTINGS),
        grants=_RECORD,
        timeout_seconds=5,
        memory_mb=512,
    ),
    Function(
        name="pre_authentication",
        purpose="Cognito's pre-authentication trigger: no password of who is suspended or offboarded is tried",
        trigger="cognito:pre-authentication",
        settings=("profile", *_RECORD_SETTINGS, "access_state_table"),
        grants=(*_RECORD, Grant("access_state_table", ("dynamodb:GetItem",))),
        timeout_seconds=5,
        memory_mb=512,
    ),
    Function(
        name="post_authentication",
        purpose="Cognito's post-authentication trigger: no tokens for a sign-in that can't be recorded",
        trigger="cognito:post-authentication",
        settings=("profile", *_RECORD_SETTINGS),
        grants=_RECORD,
        timeout_seconds=5,
        memory_mb=512,
    ),
    Function(
        name="custom_message",
        purpose="Cognito's custom-message trigger: what its messages say; none leaves unrecorded",
        trigger="cognito:custom-message",
        settings=("profile", *_RECORD_SETTINGS),
        grants=_RECORD,
        timeout_seconds=5,
        memory_mb=512,
    ),
    Function(
        name="post_confirmation",
        purpose="Cognito's post-confirmation trigger: after a reset password all sessions end, and the user is told",
        trigger="cognito:post-confirmation",
        settings=("profile", *_RECORD_SETTINGS, "access_state_table", "email_sender"),
        grants=(*_RECORD, Grant("access_state_table", ("dynamodb:Query", "dynamodb:UpdateItem")), _EMAIL),
        timeout_seconds=5,
        memory_mb=512,
    ),
    Function(
        name="alerts",
        purpose="HIGH and CRITICAL events from the index table's stream to the alert topic",
        trigger="dynamodb:audit_index_table",
        settings=("profile", "alert_topic_arn"),
        grants=(Grant("alert_topic_arn", ("sns:Publish",)),),
        memory_mb=512,
    ),
    Function(
        name="sealer",
        purpose="Stored events into the Merkle log: tiles, signed and witnessed checkpoints; heals the index",
        trigger="schedule:60",
        settings=(
            "profile",
            "audit_bucket",
            "audit_head_bucket",
            "audit_index_table",
            "audit_lock_mode",
            "audit_retention_days",
            "access_state_table",
            "log_origin",
            "log_key_arn",
            "witness_function",
        ),
        grants=(
            Grant("audit_bucket", ("s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:PutObjectRetention")),
            # What is sealed takes its tenants' own retention and legal holds.
            Grant("audit_bucket", ("s3:GetObjectRetention", "s3:PutObjectLegalHold")),
            Grant("access_state_table", ("dynamodb:Query",)),
            Grant("audit_head_bucket", ("s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:DeleteObject")),
            Grant("audit_index_table", ("dynamodb:BatchGetItem", "dynamodb:BatchWriteItem")),
            Grant("log_key_arn", ("kms:Sign", "kms:GetPublicKey")),
            Grant("witness_function", ("lambda:InvokeFunction",)),
        ),
        timeout_seconds=300,
        memory_mb=2048,
    ),
    Function(
        name="exporter",
        purpose="Makes exports of the audit log, sealing what is pending first",
        trigger="invoke",
        settings=(
            "profile",
            *_RECORD_SETTINGS,
            *_KEYS_SETTINGS,
            "audit_exports_bucket",
            "export_retention_days",
            "log_origin",
            "log_key_arn",
            "witness_function",
            "witness_account",
            "sealer_function",
        ),
        grants=(
            *_RECORD,
            Grant("audit_bucket", ("s3:ListBucket", "s3:ListBucketVersions")),
            Grant("audit_head_bucket", ("s3:ListBucket",)),
            Grant("audit_exports_bucket", ("s3:ListBucket", "s3:GetObject", "s3:PutObject", "s3:PutObjectRetention")),
            Grant("log_key_arn", ("kms:Sign", "kms:GetPublicKey")),
            Grant("sealer_function", ("lambda:InvokeFunction",)),
            Grant("witness_function", ("lambda:InvokeFunction",)),
            Grant("subject_key_arn", ("kms:Decrypt",)),
            Grant("subject_keys_table", ("dynamodb:GetItem",)),
        ),
        timeout_seconds=900,
        memory_mb=4096,
    ),
    Function(
        name="witness",
        purpose="Remembers the log's checkpoints and cosigns those that only add to them",
        trigger="invoke",
        settings=(
            "profile",
            "audit_lock_mode",
            "audit_retention_days",
            "log_origin",
            "log_key_arn",
            "log_vkey",
            "witness_bucket",
            "witness_key_arn",
            "witness_name",
        ),
        grants=(
            Grant(
                "witness_bucket",
                ("s3:ListBucketVersions", "s3:GetObject", "s3:PutObject", "s3:PutObjectRetention"),
            ),
            Grant("witness_key_arn", ("kms:Sign", "kms:GetPublicKey")),
            # Without a pinned log_vkey: what the log's own account says that its key is.
            Grant("log_key_arn", ("kms:GetPublicKey",)),
        ),
        memory_mb=512,
    ),
    Function(
        name="reconciler",
        purpose="Compares AWS's trail of uses of keys and the gateway's log with the audit log",
        trigger="schedule:3600",
        settings=(
            "profile",
            *_RECORD_SETTINGS,
            "trail_bucket",
            "gateway_log_group",
            "function_roles",
            "witness_name",
        ),
        grants=(
            *_RECORD,
            # The log's last tiles may be withdrawn while they are read; wider ones are then looked for.
            Grant("audit_bucket", ("s3:ListBucket",)),
            Grant("audit_head_bucket", ("s3:ListBucket",)),
            Grant("trail_bucket", ("s3:ListBucket", "s3:GetObject")),
            Grant("gateway_log_group", ("logs:FilterLogEvents",)),
        ),
        timeout_seconds=900,
        memory_mb=2048,
    ),
    Function(
        name="migrate",
        purpose="The database's roles, migrations and context keys, at every release that changes them",
        postgres=True,
        trigger="cloudformation",
        settings=("profile", *_RECORD_SETTINGS, "subject_key_arn", *_POSTGRES_SETTINGS, "postgres_secret_arn"),
        grants=(
            *_RECORD,
            Grant("postgres_host", ("rds-db:connect",), part="phivault_owner"),
            Grant("postgres_secret_arn", ("secretsmanager:GetSecretValue",)),
            Grant("subject_key_arn", ("kms:Encrypt",)),
        ),
        timeout_seconds=300,
        memory_mb=512,
        local=False,
    ),
)
