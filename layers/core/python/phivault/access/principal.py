"""The principal: who asks, as the verified token and the Session row tell it."""

from __future__ import annotations

from dataclasses import dataclass, field

from phivault.access.roles import Role


@dataclass(frozen=True, slots=True)
class Personal:
    """The person behind a request, sealed: an envelope with user_email, ip_address and user_agent.

    ``subject`` owns the key; ``ref`` is the id that the envelope is bound to (the session's, or the event's
    where no session exists). An auditor opens it with SealContext(tenant, subject, "Personal", ref, 1).
    """

    subject: str
    ref: str
    sealed: bytes


@dataclass(frozen=True, slots=True)
class Principal:
    """``patient_id`` is set for role patient alone; ``auth_time`` is in Unix seconds.

    ``mfa`` says that this session passed a second factor. It is False unless whoever verified that says so, and
    without it no policy permits anything. ``policies`` is the version of the tenant's own policies as it was read with
    the session, 0 where there are none; ``default_purpose`` the tenant's own default for the role, "" for none.
    """

    user_id: str
    tenant: str
    role: Role
    session_id: str
    auth_time: int
    source_ip: str = field(repr=False)
    personal: Personal | None = field(default=None, repr=False)
    patient_id: str | None = None
    mfa: bool = False
    policies: int = 0
    default_purpose: str = ""
