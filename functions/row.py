"""A row of the function table, and what rows share."""

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

    @property
    def database_role(self) -> str:
        """Whom it signs in to the database as; empty where it doesn't."""
        return next((grant.part for grant in self.grants if "rds-db:connect" in grant.actions), "")


ON_FORMER = frozenset({"kms:Decrypt", "kms:DescribeKey"})
"""Actions that a grant gives, too, on keys that its setting named before: what they encrypted is still opened."""
RECORD = (
    Grant("audit_bucket", ("s3:PutObject", "s3:PutObjectRetention", "s3:GetObject")),
    Grant("audit_index_table", ("dynamodb:BatchWriteItem",)),
    Grant("audit_head_bucket", ("s3:GetObject",)),  # an event names the last checkpoint seen before it
)
RECORD_SETTINGS = (
    "audit_bucket",
    "audit_head_bucket",
    "audit_index_table",
    "audit_lock_mode",
    "audit_retention_days",
    "audit_deadline_seconds",
)
KEYS = (
    Grant("subject_key_arn", ("kms:GenerateDataKey", "kms:Decrypt")),
    Grant("subject_keys_table", ("dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:Query")),
)
KEYS_SETTINGS = (
    "subject_key_arn",
    "former_subject_key_arns",
    "subject_keys_table",
    "subject_key_cache_seconds",
)
# A session's row and its tenant's rules in one call; when it was last used, once a minute.
SESSION = (Grant("access_state_table", ("dynamodb:BatchGetItem", "dynamodb:UpdateItem")),)
SESSION_SETTINGS = ("access_state_table", "client_id", "token_issuer")
# The laptop's DSN holds a password. In the cloud the host is named instead, and an IAM token signs in to it.
POSTGRES_SETTINGS = ("postgres_dsn", "postgres_host")
POSTGRES = (Grant("postgres_host", ("rds-db:connect",), part="phivault_app"),)
API_SETTINGS = ("profile", "cors_origins")
# A function that signs people in, or changes who they are, keeps its own rows beside their sessions.
STATE = Grant(
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
LISTS = Grant("access_state_table", ("dynamodb:Query",))
EMAIL = Grant("email_identity_arn", ("ses:SendEmail",))
SMS = Grant("sms_origination_arn", ("sms-voice:SendTextMessage",))
