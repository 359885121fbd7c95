"""Audit events of sign-ins and sessions."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from phivault.access.principal import Personal, Principal
from phivault.attributed import attributed
from phivault.audit.event import Action, AuditEvent, RiskLevel
from phivault.crypto.subject_keys import SubjectKeys
from phivault.errors import Gone, IntegrityError, PhivaultError
from phivault.identity import personal
from phivault.identity.claims import Claims
from phivault.identity.source import Source
from phivault.ids import uuid7


@dataclass(frozen=True, slots=True)
class Trace:
    """What happened, from where, when (Unix seconds). ``step`` is the challenge or factor it was about; ``risk`` is
    the policy's unless given, ``flags`` come beside the policy's."""

    action: Action
    source: Source
    at: float
    step: str = ""
    error: PhivaultError | None = None
    risk: RiskLevel | None = None
    flags: tuple[str, ...] = ()


def unattributed(
    keys: SubjectKeys, trace: Trace, *, email: str | None = None, user_id: str = "", **more: Any
) -> AuditEvent:
    """By someone who hasn't proven who they are: no tenant, sealed under the day's key. ``user_id`` is whom the
    provider takes them for; ``more`` are further fields of AuditEvent."""
    ref, subject = uuid7(), personal.unattributed_subject(trace.at)
    person = _sealed(keys, personal.NO_TENANT, subject, ref, trace.source, email)
    return _event(trace, personal.NO_TENANT, person, id=ref, user_id=user_id, **more)


def of_claims(keys: SubjectKeys, trace: Trace, claims: Claims) -> AuditEvent:
    """By the holder of a genuine token without a live session; the e-mail address isn't known."""
    ref, subject = uuid7(), personal.user_subject(claims.user_id)
    person = _sealed(keys, claims.tenant, subject, ref, trace.source)
    who = {"user_id": claims.user_id, "role": claims.role, "session": claims.session_id}
    return _event(trace, claims.tenant, person, id=ref, **who)


def of_session(
    trace: Trace, tenant: str, user_id: str, session: str, person: Personal, *, role: str = ""
) -> AuditEvent:
    """In a session; ``person`` is the session's sealed form as this request's source has it."""
    return _event(trace, tenant, person, id=uuid7(), user_id=user_id, session=session, role=role)


def of_user(trace: Trace, tenant: str, user_id: str, person: Personal, **more: Any) -> AuditEvent:
    """By a user who is known and has no session; ``more`` are further fields of AuditEvent."""
    return _event(trace, tenant, person, id=uuid7(), user_id=user_id, **more)


def of_principal(trace: Trace, principal: Principal, **more: Any) -> AuditEvent:
    """By an authenticated principal; ``more`` are further fields of AuditEvent."""
    who = {"user_id": principal.user_id, "role": principal.role, "session": principal.session_id}
    return _event(trace, principal.tenant, principal.personal, id=uuid7(), **who, **more)


def _sealed(
    keys: SubjectKeys, tenant: str, subject: str, ref: str, source: Source, email: str | None = None
) -> Personal | None:
    # Erased: nothing may be sealed under their name again. Altered: nothing can be. The opaque id has to do.
    try:
        return personal.seal(keys, tenant, subject, ref, source, email)
    except (Gone, IntegrityError):
        return None


def _event(trace: Trace, tenant: str, person: Personal | None, **fields: Any) -> AuditEvent:
    if trace.step:
        fields["resource"], fields["resource_id"] = "Challenge", trace.step
    return attributed(
        trace.action,
        tenant,
        person,
        at=trace.at,
        request_id=trace.source.request_id,
        error=trace.error,
        risk=trace.risk,
        flags=trace.flags,
        **fields,
    )
