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
_INTENTS: Final = frozenset({Action.SEARCH, Action.TRANSACTION, Action.BATCH, Action.EVERYTHING})
"""The intent of a search and a bundle as a whole decide nothing: the lines beside them do."""
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


def _access(when: str, hold: str, risk: RiskLevel = HIGH, flags: tuple[str, ...] = ()) -> Rule:
    every = tuple(sorted({"gdpr:art25", "hipaa:164.308.a.4", "soc2:cc6.3", *flags}))
    return Rule(by="access", when=when, hold=hold, flags=every, risk=risk, decided=True)


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
_POLICIES = "resource `Policies`; resource_id the proposal's, version the policies'"
_GRANT = "resource `Grant`, its id and version; patient; flags `for:<user>` and `by:<proposer>`"
_MEMBER = "resource `CareTeam`; patient; flags `for:<user>`, and `sensitive` where the membership names it"
_RESTRICTED = "resource `Restriction`; patient; flags `purpose:<purpose>`"
_GLASS = "resource `BreakGlass` and its id; patient; flags `for:<user>` and `reason:<reason>`"
_MINIMUM = ("hipaa:164.502.b", "hipaa:164.514.d")
_EMERGENCY = ("hipaa:164.312.a.2.ii",)
_RESTRICTS = ("gdpr:art18", "hipaa:164.522.a")

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
        "before an invitation leaves, or waits for another person's approval",
        "resource `Invitation`, its id; flags `role:to:<role>`, `state:waiting`",
        MEDIUM,
        "admin, an operator",
    ),
    Action.USER_UNINVITE: _admin("before an invitation is withdrawn", "resource `Invitation`, its id", MEDIUM),
    Action.USER_ROLE: _admin(
        "before another role or patient of a user is asked for, or that is withdrawn",
        "resource `User` and its id; flags `role:from:<role>`, `role:to:<role>`, `state:<waiting or withdrawn>`",
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
    Action.USER_APPROVE: _admin(
        "before an invitation that another person asked for is sent, or a role that another person asked for holds",
        "resource `Invitation` or `User`, its id; flags `role:from:<role>`, `role:to:<role>`, `by:<who asked>` and, of "
        "an invitation, `proposal:<what waited>`",
    ),
    Action.POLICY_LIST: _access("before the tenant's policies are answered", _POLICIES, LOW),
    Action.POLICY_PROPOSE: _access("before proposed policies are kept", _POLICIES, MEDIUM, _MINIMUM),
    Action.POLICY_APPROVE: _access("before policies that another person proposed hold", _POLICIES, HIGH, _MINIMUM),
    Action.POLICY_WITHDRAW: _access("before a proposal is dropped", _POLICIES, MEDIUM),
    Action.POLICY_EXPLAIN: _access(
        "before a decision is explained", "resource `Policies`; patient; flag `for:<user>`", LOW
    ),
    Action.GRANT_LIST: _access("before grants are answered", "resource `Grant`, its id where there is one", LOW),
    Action.GRANT_PROPOSE: _access("before a proposed grant is kept", _GRANT, MEDIUM, _MINIMUM),
    Action.GRANT_APPROVE: _access("before a grant that another person proposed holds", _GRANT, HIGH, _MINIMUM),
    Action.GRANT_WITHDRAW: _access("before a proposal is dropped", _GRANT, MEDIUM),
    Action.GRANT_REVOKE: _access("before a grant ends early", _GRANT, HIGH),
    Action.CARE_TEAM_READ: _access("before a care team is answered", "resource `CareTeam`; patient", LOW),
    Action.CARE_TEAM_JOIN: _access("before somebody joins a patient's care team", _MEMBER, HIGH, _MINIMUM),
    Action.CARE_TEAM_LEAVE: _access("before somebody leaves it", _MEMBER, MEDIUM),
    Action.RESTRICTION_READ: _access("before a restriction is answered", _RESTRICTED, LOW, _RESTRICTS),
    Action.RESTRICTION_SET: _access("before processing is restricted", _RESTRICTED, HIGH, _RESTRICTS),
    Action.RESTRICTION_LIFT: _access("before a restriction ends", _RESTRICTED, HIGH, _RESTRICTS),
    Action.BREAK_GLASS_LIST: _access("before broken glasses are answered", "resource `BreakGlass`", LOW, _EMERGENCY),
    Action.BREAK_GLASS_READ: _access("before one is answered", _GLASS, LOW, _EMERGENCY),
    Action.BREAK_GLASS_OPEN: Rule(
        by="access",
        when="before the glass is broken for one patient and an hour",
        hold="resource `BreakGlass` and its id; patient; flag `reason:<reason>`; purpose EMERGENCY",
        flags=("hipaa:164.308.a.4", "hipaa:164.312.a.2.ii", "soc2:cc6.3"),
        risk=CRITICAL,
        failed=HIGH,
        decided=True,
    ),
    Action.BREAK_GLASS_END: _access("before it ends early", _GLASS, MEDIUM, _EMERGENCY),
    Action.BREAK_GLASS_REVIEW: _access(
        "before another person's verdict is kept", _GLASS + "; flag `verdict:<verdict>`", HIGH, _EMERGENCY
    ),
    Action.BREAK_GLASS_OVERDUE: Rule(
        by="overdue",
        when="nobody reviewed it within 72 hours, which suspends its user's",
        hold=_GLASS,
        flags=("hipaa:164.308.a.1.ii.D", "hipaa:164.312.a.2.ii"),
        risk=CRITICAL,
    ),
    Action.CREATE: _fhir("before a resource is committed", _WRITTEN, _CHANGE),
    Action.READ: _fhir("before a resource is opened", _RESOURCE),
    Action.VREAD: _fhir("before an earlier version is opened", _RESOURCE),
    Action.UPDATE: _fhir("before a new version is committed", _WRITTEN, _CHANGE),
    Action.DELETE: _fhir("before a deletion is committed", "type, id, version, patient, purpose", _CHANGE, risk=HIGH),
    Action.SEARCH: _fhir(
        "before a page is opened: one event for the question, one for each patient whose data is returned, one for a "
        "patient asked for and denied, and one without classes for each other whose key was used to decide or compare",
        "type, patient, purpose, classes released; the id where there is one resource",
    ),
    Action.HISTORY: _fhir("before versions are opened, one event for each page", _RESOURCE + "; no version"),
    Action.EVERYTHING: _fhir(
        "before a page of what there is about a patient is opened", "patient, purpose, classes released"
    ),
    Action.VALIDATE: _fhir("before a resource is said to be valid or not; nothing is kept of it", "type, purpose"),
    Action.TRANSACTION: _fhir(
        "a bundle ends without a commit; each entry of one that is committed has its own event", "purpose", _CHANGE
    ),
    Action.BATCH: _fhir(
        "a batch begins; each of its entries has events of its own, a refused one with its error", "purpose", _CHANGE
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
        by="an operator: `phivault keys destroy`; rotator",
        when="before the keys go, and before what they sealed leaves the search index; again with an error where that "
        "fails",
        hold="as key.create; user_id is the operator's AWS id; flag `key:destroyed-before` where no key was left, "
        "`key:tokens-forgotten` of the index",
        flags=(*_KEYS, "gdpr:art17"),
        risk=CRITICAL,
        failed=CRITICAL,
        denied=CRITICAL,
    ),
    Action.KEY_ROTATE: Rule(
        by="rotator",
        when="before a subject's next key is kept",
        hold="as key.create; user_id is the operator's AWS id",
        flags=_KEYS,
        risk=MEDIUM,
        failed=HIGH,
    ),
    Action.KEY_RESEAL: Rule(
        by="rotator",
        when="before versions of a subject's resources are opened to be sealed again under its newest key",
        hold="as key.rotate",
        flags=(*_KEYS, "hipaa:164.312.c.1"),
        risk=MEDIUM,
        failed=HIGH,
    ),
    Action.KEY_REWRAP: Rule(
        by="rotator",
        when="before a subject's key is wrapped again under another key of the key service",
        hold="as key.rotate",
        flags=_KEYS,
        risk=MEDIUM,
        failed=HIGH,
    ),
    Action.KEY_RETIRE: Rule(
        by="rotator",
        when="before a version of a key that nothing is sealed under any more is retired, or destroyed after the "
        "recovery window",
        hold="as key.rotate; flag `key:retired` or `key:destroyed`",
        flags=_KEYS,
        risk=HIGH,
        failed=HIGH,
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
    if rule.decided and error is None and (classes or action not in _INTENTS):
        found.add(PERMIT)
    return tuple(sorted(found))
