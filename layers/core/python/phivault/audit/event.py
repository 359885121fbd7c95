"""The audit event: who did what to which resource of which patient, when, from where, why, and how it ended.

The schema is closed and has no free text, so that PHI has nowhere to go. What is personal is sealed before it
comes here (see ``personal``); ids are opaque. 45 CFR 164.312(b), 164.528; DICOM PS3.15 A.5.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum


class RiskLevel(StrEnum):
    LOW = "LOW"
    MEDIUM = "MEDIUM"
    HIGH = "HIGH"
    CRITICAL = "CRITICAL"


class Action(StrEnum):
    """Every action that is recorded, named subject.verb."""

    SIGN_IN = "auth.sign-in"
    CHALLENGE = "auth.challenge"
    MFA_ENROL = "auth.mfa-enrol"
    TOKEN_ISSUE = "auth.token-issue"
    TOKEN_REFRESH = "auth.token-refresh"
    TOKEN_REUSE = "auth.token-reuse"
    SIGN_OUT = "auth.sign-out"
    SESSION_REFUSED = "auth.session-refused"
    SIGN_UP = "auth.sign-up"
    SIGN_UP_CONFIRM = "auth.sign-up-confirm"
    CODE_SEND = "auth.code-send"
    MFA_RECOVER = "auth.mfa-recover"
    PASSWORD_FORGOT = "auth.password-forgot"
    PASSWORD_RESET = "auth.password-reset"
    ACCOUNT_CREATE = "auth.account-create"
    ADMISSION = "auth.admission"
    AUTHENTICATED = "auth.authenticated"
    PROFILE_READ = "me.read"
    SESSION_LIST = "me.session-list"
    SESSION_END = "me.session-end"
    MFA_READ = "me.mfa-read"
    MFA_CHANGE = "me.mfa-change"
    RECOVERY_CODES = "me.recovery-codes"
    USER_LIST = "admin.user-list"
    USER_READ = "admin.user-read"
    USER_INVITE = "admin.user-invite"
    USER_UNINVITE = "admin.user-uninvite"
    USER_ROLE = "admin.user-role"
    USER_SUSPEND = "admin.user-suspend"
    USER_RESUME = "admin.user-resume"
    USER_OFFBOARD = "admin.user-offboard"
    USER_EXPORT = "admin.user-export"
    USER_SESSION_LIST = "admin.session-list"
    USER_SESSION_END = "admin.session-end"
    MFA_RESET_REQUEST = "admin.mfa-reset-request"
    MFA_RESET_APPROVE = "admin.mfa-reset-approve"
    MFA_RESET_CANCEL = "admin.mfa-reset-cancel"
    SETTINGS_READ = "admin.settings-read"
    SETTINGS_CHANGE = "admin.settings-change"
    USER_APPROVE = "admin.user-approve"
    POLICY_LIST = "admin.policy-list"
    POLICY_PROPOSE = "admin.policy-propose"
    POLICY_APPROVE = "admin.policy-approve"
    POLICY_WITHDRAW = "admin.policy-withdraw"
    POLICY_EXPLAIN = "admin.policy-explain"
    GRANT_LIST = "admin.grant-list"
    GRANT_PROPOSE = "admin.grant-propose"
    GRANT_APPROVE = "admin.grant-approve"
    GRANT_WITHDRAW = "admin.grant-withdraw"
    GRANT_REVOKE = "admin.grant-revoke"
    CARE_TEAM_READ = "care-team.read"
    CARE_TEAM_JOIN = "care-team.join"
    CARE_TEAM_LEAVE = "care-team.leave"
    RESTRICTION_READ = "restriction.read"
    RESTRICTION_SET = "restriction.set"
    RESTRICTION_LIFT = "restriction.lift"
    BREAK_GLASS_LIST = "break-glass.list"
    BREAK_GLASS_READ = "break-glass.read"
    BREAK_GLASS_OPEN = "break-glass.open"
    BREAK_GLASS_END = "break-glass.end"
    BREAK_GLASS_REVIEW = "break-glass.review"
    BREAK_GLASS_OVERDUE = "break-glass.overdue"
    CREATE = "fhir.create"
    READ = "fhir.read"
    VREAD = "fhir.vread"
    UPDATE = "fhir.update"
    DELETE = "fhir.delete"
    SEARCH = "fhir.search"
    HISTORY = "fhir.history"
    EVERYTHING = "fhir.everything"
    VALIDATE = "fhir.validate"
    TRANSACTION = "fhir.transaction"
    BATCH = "fhir.batch"
    FHIR_AUDIT_SEARCH = "fhir.audit-search"
    FHIR_AUDIT_READ = "fhir.audit-read"
    AUDIT_SEARCH = "audit.search"
    AUDIT_PROOF = "audit.proof"
    AUDIT_CHECKPOINT = "audit.checkpoint"
    AUDIT_EXPORT = "audit.export"
    AUDIT_OPEN = "audit.open"
    AUDIT_RETENTION = "audit.retention"
    AUDIT_HOLD = "audit.hold"
    AUDIT_RECONCILE = "audit.reconcile"
    KEY_CREATE = "key.create"
    KEY_DESTROY = "key.destroy"
    KEY_ROTATE = "key.rotate"
    KEY_RESEAL = "key.reseal"
    KEY_REWRAP = "key.rewrap"
    KEY_RETIRE = "key.retire"
    SYSTEM_MIGRATE = "system.migrate"
    APP_CREATE = "app.create"
    APP_READ = "app.read"
    APP_UPDATE = "app.update"
    APP_DELETE = "app.delete"
    APP_EXPORT = "app.export"
    APP_OTHER = "app.other"


@dataclass(frozen=True, slots=True, kw_only=True)
class AuditEvent:
    """One event before a recorder gives it its writer, sequence and previous hash.

    ``timestamp`` is UTC, RFC 3339 with milliseconds and ``Z``. ``error`` is the ``code`` of a PhivaultError.
    ``classes`` are the data classes released. ``envelope`` is the SHA-256 (hex) of the envelope written.
    ``personal`` is the base64 of an envelope with user_email, ip_address and user_agent, bound to
    ``personal_subject`` and ``personal_ref``. ``purpose_asserted`` is None where no purpose applies.
    ``request_id`` joins the events of one request (and is the error id of a 5xx answer).
    """

    id: str
    timestamp: str
    tenant: str
    action: Action
    success: bool
    risk: RiskLevel
    request_id: str
    user_id: str = ""
    role: str = ""
    session: str = ""
    personal: str = ""
    personal_subject: str = ""
    personal_ref: str = ""
    resource: str = ""
    resource_id: str = ""
    version: int = 0
    patient: str = ""
    purpose: str = ""
    purpose_asserted: bool | None = None
    classes: tuple[str, ...] = ()
    error: str = ""
    flags: tuple[str, ...] = ()
    envelope: str = ""
