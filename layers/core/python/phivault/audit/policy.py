"""What each action means to whoever reviews the log: its risk, and the rules that its events are evidence for.

One table, used by all who build events; ``docs/audit-actions.md`` is made from it. A flag names a rule by its section:
``hipaa:`` 45 CFR, ``gdpr:`` an article of Regulation (EU) 2016/679, ``soc2:`` a Trust Services Criterion (2017).
"""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import Final

from phivault.audit.event import Action, RiskLevel
from phivault.errors import AccessDenied, IntegrityError, PhivaultError, TooManyRequests

LOW, MEDIUM, HIGH, CRITICAL = RiskLevel
_ORDER: Final = {level: number for number, level in enumerate(RiskLevel)}

EVERY: Final = ("hipaa:164.312.b", "soc2:cc7.2")
"""On every event: audit controls; monitoring."""
PERSONAL: Final = "gdpr:art5.2"
"""Accountability: on events about a patient, or that released data of a person."""
DISCLOSURE: Final = "hipaa:164.528"
"""What an accounting of disclosures has to list."""
PERMIT, DENY = "decision:permit", "decision:deny"
PHI: Final = frozenset({"clinical", "contact", "identifying", "sensitive"})
ACCOUNTED: Final = frozenset({"RESEARCH"})
"""Purposes whose disclosures are accounted for. 164.528(a)(1) leaves out treatment (an emergency's too), payment,
operations, and what the individual is given."""

_LOG_IN = ("hipaa:164.308.a.5.ii.C", "hipaa:164.312.d", "soc2:cc6.1")
_TOKEN = ("hipaa:164.312.d", "soc2:cc6.1")
_ACCESS = ("hipaa:164.312.a.1", "soc2:cc6.1")
_CHANGE = (*_ACCESS, "hipaa:164.312.c.1")
_REVIEW = ("hipaa:164.308.a.1.ii.D",)
_RETENTION = ("hipaa:164.316.b.2.i",)
_KEYS = ("gdpr:art32", "hipaa:164.312.a.2.iv", "soc2:cc6.1")


@dataclass(frozen=True, slots=True, kw_only=True)
class Rule:
    """``by`` are the functions that record it, ``when``, and what the event's fields ``hold``.

    ``risk`` is of a success, ``failed`` of any other ending (None: the same), ``denied`` where access was refused.
    ``decided`` says that a success was permitted, and a denial refused, by a decision of ours.
    """

    by: str
    when: str
    hold: str
    flags: tuple[str, ...]
    risk: RiskLevel = LOW
    failed: RiskLevel | None = MEDIUM
    denied: RiskLevel = HIGH
    decided: bool = False


def _auth(when: str, hold: str, flags: tuple[str, ...] = _LOG_IN, by: str = "auth", risk: RiskLevel = LOW) -> Rule:
    return Rule(by=by, when=when, hold=hold, flags=flags, risk=risk)


def _admin(when: str, hold: str = "", risk: RiskLevel = HIGH, by: str = "admin") -> Rule:
    flags = ("gdpr:art32", "hipaa:164.308.a.4", "soc2:cc6.2", "soc2:cc6.3")
    hold = hold or "resource `User` and its id; user_id is the administrator's"
    return Rule(by=by, when=when, hold=hold, flags=flags, risk=risk, denied=HIGH, decided=True)


def _fhir(when: str, hold: str, flags: tuple[str, ...] = _ACCESS, by: str = "records", risk: RiskLevel = LOW) -> Rule:
    # A failed request for nobody's data in particular says little; one for a patient's is HIGH (see ``risk``).
    return Rule(by=by, when=when, hold=hold, flags=flags, risk=risk, failed=None, denied=MEDIUM, decided=True)


def _audit(when: str, hold: str, flags: tuple[str, ...] = _REVIEW, by: str = "audit", risk: RiskLevel = LOW) -> Rule:
    return Rule(by=by, when=when, hold=hold, flags=flags, risk=risk, decided=True)


def _app(when: str, risk: RiskLevel = LOW) -> Rule:
    hold = "what the application told: user, patient, resource, purpose, classes"
    return Rule(by="other applications", when=when, hold=hold, flags=("hipaa:164.312.a.1",), risk=risk)


_CHALLENGED = "resource `Challenge`, resource_id the challenge; the e-mail address sealed"
_TOKENS = "flags `token:<type>:<seconds>s` for each token, never a token"
_RESOURCE = "type, id, version, patient, purpose, classes released"
_WRITTEN = "type, id, version, patient, purpose, classes written; SHA-256 of the envelope"
_ROWS = "resource `AuditEvent`"

POLICY: Final[dict[Action, Rule]] = {
    Action.SIGN_IN: _auth("a password is checked, before its answer", _CHALLENGED),
    Action.CHALLENGE: _auth("a challenge is answered, rightly or not", _CHALLENGED),
    Action.MFA_ENROL: _auth("an authenticator app's secret is handed out", _CHALLENGED, risk=MEDIUM),
    Action.TOKEN_ISSUE: _auth(
        "before the tokens of a sign-in leave; refused by the trigger, before the provider hears",
        _TOKENS,
        _TOKEN,
        by="auth, pre_token",
    ),
    Action.TOKEN_REFRESH: _auth(
        "before new tokens of a session leave; refused by the trigger, before the provider hears",
        _TOKENS,
        _TOKEN,
        by="auth, pre_token",
    ),
    Action.TOKEN_REUSE: Rule(
        by="auth",
        when="a refresh token comes a second time, and its session ends",
        hold="user and session",
        flags=_TOKEN,
        risk=CRITICAL,
        failed=CRITICAL,
        denied=CRITICAL,
    ),
    Action.SIGN_OUT: _auth("a session ended", "user and session"),
    Action.SESSION_REFUSED: _auth(
        "a token is refused: claims, no live session, or a person's sealed row altered (CRITICAL)",
        "user and session as far as the token tells",
        _TOKEN,
        by="every function that takes a token",
    ),
    Action.SIGN_UP: _auth(
        "a sign-up is begun, before its first code is sent", "the e-mail address sealed", by="accounts", risk=MEDIUM
    ),
    Action.SIGN_UP_CONFIRM: _auth(
        "a code of a sign-up is answered, rightly or not; with the last one, before the account exists, and in its "
        "tenant before it can be signed in to",
        _CHALLENGED + "; of the account: user, role, patient, resource `Invitation` or `User`",
        by="accounts",
        risk=MEDIUM,
    ),
    Action.CODE_SEND: _auth(
        "before a one-time code or a notice leaves, by us or by Cognito",
        "resource `Message`, resource_id its purpose; never the code",
        by="accounts, custom_message",
    ),
    Action.MFA_RECOVER: _auth(
        "a recovery code or an approved reset is used: the factors go, a new one has to be enrolled",
        _CHALLENGED,
        by="accounts",
        risk=HIGH,
    ),
    Action.PASSWORD_FORGOT: _auth(
        "a reset of the password is asked for, before a code is sent", "the e-mail address sealed", by="accounts"
    ),
    Action.PASSWORD_RESET: _auth(
        "a new password is set with a code, by us or past us at Cognito; all sessions end",
        "user; flag `sessions:ended:<count>`",
        by="accounts, post_confirmation",
        risk=HIGH,
    ),
    Action.ACCOUNT_CREATE: _auth(
        "Cognito is about to make an account, or refuses one", "tenant, role", by="pre_sign_up", risk=HIGH
    ),
    Action.ADMISSION: _auth(
        "Cognito asks whether an account may try a password now", "user, tenant, role", by="pre_authentication"
    ),
    Action.AUTHENTICATED: _auth(
        "Cognito holds password and factor proven, before tokens", "user, tenant, role", by="post_authentication"
    ),
    Action.PROFILE_READ: _auth(
        "before one's own profile is opened", "resource `User`, classes released", _ACCESS, by="me"
    ),
    Action.SESSION_LIST: _auth("before one's own sessions are shown", "resource `Session`", _ACCESS, by="me"),
    Action.SESSION_END: _auth("before one's own session is ended", "resource `Session` and its id", by="me"),
    Action.MFA_READ: _auth("before one's own factors are shown", "resource `Factor`", _ACCESS, by="me"),
    Action.MFA_CHANGE: _auth(
        "before a factor is added, replaced or preferred", "resource `Factor`, its name", by="me", risk=HIGH
    ),
    Action.RECOVERY_CODES: _auth("before new recovery codes are shown, once", "user", by="me", risk=HIGH),
    Action.USER_LIST: _admin("before users are listed", "resource `User`", LOW),
    Action.USER_READ: _admin("before a user is shown", risk=LOW),
    Action.USER_INVITE: _admin(
        "before an invitation leaves", "resource `Invitation`, its id; role", MEDIUM, "admin, an operator"
    ),
    Action.USER_UNINVITE: _admin("before an invitation is withdrawn", "resource `Invitation`, its id", MEDIUM),
    Action.USER_ROLE: _admin(
        "before a user's role or patient changes; their sessions end",
        "resource `User` and its id; flags `role:from:<role>`, `role:to:<role>`",
    ),
    Action.USER_SUSPEND: _admin("before a user is suspended; their sessions end"),
    Action.USER_RESUME: _admin("before a suspension ends"),
    Action.USER_OFFBOARD: _admin(
        "before a user's access is ended for good, and once more when it has: the time between is what it took",
        "resource `User` and its id; flags `access:ending`, `access:ended`, `sessions:ended:<count>`",
    ),
    Action.USER_EXPORT: _admin("before the list of users with their addresses is handed out", "resource `User`"),
    Action.USER_SESSION_LIST: _admin("before a user's sessions are shown", risk=LOW),
    Action.USER_SESSION_END: _admin("before a user's session is ended by somebody else", risk=MEDIUM),
    Action.MFA_RESET_REQUEST: _admin("before the reset of a user's factors is asked for; the user is told"),
    Action.MFA_RESET_APPROVE: _admin("before a second person approves it; it takes effect after the cooling period"),
    Action.MFA_RESET_CANCEL: _admin("before it is cancelled, by an administrator or the user", by="admin, me"),
    Action.SETTINGS_READ: _admin("before a tenant's settings are shown", "resource `Settings`", LOW),
    Action.SETTINGS_CHANGE: _admin("before a tenant's settings change", "resource `Settings`, their version"),
    Action.CREATE: _fhir("before a resource is committed", _WRITTEN, _CHANGE),
    Action.READ: _fhir("before a resource is opened", _RESOURCE),
    Action.VREAD: _fhir("before an earlier version is opened", _RESOURCE),
    Action.UPDATE: _fhir("before a new version is committed", _WRITTEN, _CHANGE),
    Action.DELETE: _fhir("before a deletion is committed", "type, id, version, patient, purpose", _CHANGE, risk=HIGH),
    Action.SEARCH: _fhir(
        "before a page is opened: one event for the question, one for each patient whose data is returned, one for a "
        "patient asked for and denied",
        "type, patient, purpose, classes released; the id where there is one resource",
    ),
    Action.TRANSACTION: _fhir(
        "a bundle ends without a commit; each entry of one that is committed has its own event", "purpose", _CHANGE
    ),
    Action.FHIR_AUDIT_SEARCH: _audit("before AuditEvents are answered", _ROWS),
    Action.FHIR_AUDIT_READ: _audit("before an AuditEvent is answered", _ROWS + " and its id"),
    Action.AUDIT_SEARCH: _audit("before a page of events is answered", _ROWS),
    Action.AUDIT_PROOF: _audit("before a proof is answered", _ROWS + " and its id"),
    Action.AUDIT_CHECKPOINT: _audit("before the checkpoint is answered", "user, role, session"),
    Action.AUDIT_EXPORT: _audit("before an export is begun", "the export's id", risk=HIGH, by="audit, exporter"),
    Action.AUDIT_OPEN: _audit(
        "before personal fields are unsealed for an export",
        "the export's id",
        (*_REVIEW, PERSONAL),
        risk=CRITICAL,
        by="audit, exporter",
    ),
    Action.AUDIT_RETENTION: Rule(
        by="an operator: `phivault audit retention`",
        when="before a tenant's retention period is lengthened, and where that is refused or fails",
        hold="resource `Retention`, the days asked for as version; user_id is the operator's AWS id",
        flags=_RETENTION,
        risk=HIGH,
        failed=HIGH,
    ),
    Action.AUDIT_HOLD: Rule(
        by="an operator: `phivault audit hold`",
        when="before a legal hold is placed or lifted, and where that is refused or fails",
        hold="resource `LegalHold`, resource_id the case, patient; flag `hold:placed` or `hold:lifted`",
        flags=_RETENTION,
        risk=HIGH,
        failed=HIGH,
    ),
    Action.AUDIT_RECONCILE: Rule(
        by="reconciler",
        when="a comparison with CloudTrail and the gateway's log ended, and once for each finding",
        hold="what was found, by the ids of the two logs",
        flags=_REVIEW,
    ),
    Action.KEY_CREATE: Rule(
        by="auth, me, records, audit, other applications",
        when="before a subject's key is kept; the loser of a race for it records one too many",
        hold="resource `SubjectKey`, resource_id the subject with `:` for `/`, version, patient",
        flags=_KEYS,
    ),
    Action.KEY_DESTROY: Rule(
        by="an operator: `phivault keys destroy`",
        when="before the keys go; again with an error where they didn't",
        hold="as key.create; user_id is the operator's AWS id; flag `key:destroyed-before` where none was left",
        flags=(*_KEYS, "gdpr:art17"),
        risk=CRITICAL,
        failed=CRITICAL,
        denied=CRITICAL,
    ),
    Action.SYSTEM_MIGRATE: Rule(
        by="migrate",
        when="before a release changes the database; again with an error where it failed",
        hold="resource `Release`, resource_id its fingerprint",
        flags=("hipaa:164.312.c.1", "soc2:cc8.1"),
        risk=MEDIUM,
        failed=HIGH,
    ),
    Action.APP_CREATE: _app("another application created something"),
    Action.APP_READ: _app("another application read something"),
    Action.APP_UPDATE: _app("another application changed something"),
    Action.APP_DELETE: _app("another application deleted something", HIGH),
    Action.APP_EXPORT: _app("another application handed data out", HIGH),
    Action.APP_OTHER: _app("another application did something else"),
}  # fmt: skip  (a row of this table reads as one)


def risk_of(
    action: Action,
    error: PhivaultError | None = None,
    *,
    patient: str = "",
    classes: Collection[str] = (),
    purpose: str = "",
) -> RiskLevel:
    """The risk of an event: by its action and ending, raised by what it touches."""
    rule = POLICY[action]
    if isinstance(error, IntegrityError):
        return CRITICAL
    if isinstance(error, AccessDenied | TooManyRequests):
        level = max(rule.denied, HIGH, key=_ORDER.__getitem__) if patient else rule.denied
    else:
        level = rule.risk if error is None else rule.failed or rule.risk
    raised = HIGH if purpose == "EMERGENCY" else MEDIUM if "sensitive" in classes else LOW
    return max(level, raised, key=_ORDER.__getitem__)


def flags_of(
    action: Action,
    error: PhivaultError | None = None,
    *,
    patient: str = "",
    classes: Collection[str] = (),
    purpose: str = "",
) -> tuple[str, ...]:
    """The compliance flags of an event, sorted, and how it was decided."""
    rule, released = POLICY[action], PHI.intersection(classes)
    found = {*EVERY, *rule.flags}
    if patient or released:
        found.add(PERSONAL)
    if error is None and patient and (action is Action.APP_EXPORT or (released and purpose in ACCOUNTED)):
        found.add(DISCLOSURE)
    if rule.decided and isinstance(error, AccessDenied):
        found.add(DENY)
    # The intent of a search and a bundle as a whole decide nothing: the lines beside them do.
    if rule.decided and error is None and (classes or action not in (Action.SEARCH, Action.TRANSACTION)):
        found.add(PERMIT)
    return tuple(sorted(found))
