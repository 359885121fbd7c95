"""The person behind an event, sealed: e-mail address, IP address and user agent (see access.principal.Personal).

Sealed once and copied into events, so that destroying the subject's key makes them unreadable in a log that
can't be changed (DESIGN, P3).
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import UTC, datetime

from phivault.access.principal import Personal
from phivault.crypto import envelope
from phivault.crypto.element import Element, SealContext
from phivault.crypto.subject_keys import SubjectKeys
from phivault.identity.source import Source
from phivault.phi.data_class import DataClass

TYPE = "Personal"
EMAIL = "user_email"
NO_TENANT = "-"
_USER_AGENT_OCTETS = 256  # an audit event has 4 KiB in all


def user_subject(user_id: str) -> str:
    return f"User/{user_id}"


def unattributed_subject(now: float) -> str:
    """The day's subject for people who aren't known (yet): one key a day, destroyed a day at a time."""
    return "Unattributed/" + datetime.fromtimestamp(now, UTC).date().isoformat()


def seal(keys: SubjectKeys, tenant: str, subject: str, ref: str, source: Source, email: str | None = None) -> Personal:
    """``ref`` is the session's id, or the event's where no session exists. Raises Gone for a destroyed key."""
    values = {EMAIL: email, "ip_address": source.ip, "user_agent": _bounded(source.user_agent)}
    elements = [Element(n, DataClass.IDENTIFYING, v.encode()) for n, v in values.items() if v is not None]
    context = SealContext(tenant, subject, TYPE, ref, 1)
    return Personal(subject, ref, envelope.seal(keys.for_sealing(tenant, subject), context, elements))


def unseal_email(keys: SubjectKeys, tenant: str, personal: Personal) -> str | None:
    """The e-mail address alone; None where it wasn't known. Raises IntegrityError, Gone or Unavailable."""
    return unseal(keys, tenant, personal, {EMAIL}).get(EMAIL)


def unseal(keys: SubjectKeys, tenant: str, personal: Personal, names: Collection[str] | None = None) -> dict[str, str]:
    """user_email, ip_address and user_agent as far as they were known, or those of ``names``. Raises IntegrityError,
    Gone or Unavailable."""
    version = envelope.read_header(personal.sealed).key_version
    key = keys.for_unsealing(tenant, personal.subject, version)
    context = SealContext(tenant, personal.subject, TYPE, personal.ref, 1)
    opened = envelope.unseal(key, context, personal.sealed, names)
    return {name: value.decode() for name, value in opened.items()}


def _bounded(user_agent: str) -> str:
    return user_agent.encode(errors="replace")[:_USER_AGENT_OCTETS].decode(errors="ignore")
