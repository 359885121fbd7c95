"""Lines of the audit log: one, and any that the schema accepts."""

from __future__ import annotations

import string
from datetime import datetime
from typing import Any

from hypothesis import strategies as st

from phivault.audit.canonical import EventLine, Link
from phivault.audit.event import Action, AuditEvent, RiskLevel
from tests.support.audit import an_event

_TOKEN = string.ascii_letters + string.digits + "._:-"
_EARLIEST, _LATEST = datetime.fromisoformat("2020-01-01"), datetime.fromisoformat("2998-01-01")
_HEX = "0123456789abcdef"


def a_line(**changes: Any) -> EventLine:
    """An event's line; the arguments change the event."""
    return EventLine(an_event(**changes), Link(writer="0" * 31 + "1", sequence=1, prev="0" * 64))


def _tokens(least: int = 0, most: int = 40) -> st.SearchStrategy[str]:
    return st.text(_TOKEN, min_size=least, max_size=most)


def _hex(length: int) -> st.SearchStrategy[str]:
    return st.text(_HEX, min_size=length, max_size=length)


def _listed(alphabet: str) -> st.SearchStrategy[tuple[str, ...]]:
    return st.lists(st.text(alphabet, min_size=1, max_size=12), max_size=16).map(tuple)


@st.composite
def _times(draw: st.DrawFn) -> str:
    at = draw(st.datetimes(_EARLIEST, _LATEST))
    return f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"


_EVENTS: st.SearchStrategy[AuditEvent] = st.builds(
    AuditEvent,
    id=st.uuids().map(str),
    timestamp=_times(),
    tenant=_tokens(1),
    action=st.sampled_from(Action),
    success=st.booleans(),
    risk=st.sampled_from(RiskLevel),
    request_id=_tokens(),
    user_id=_tokens(),
    role=st.text("abcdefgh_", max_size=32),
    session=_tokens(),
    personal=st.sampled_from(("", "AAAA", "QUJDREU=")),
    personal_subject=st.sampled_from(("", "User/user-1", "Unattributed/2026-01-01")),
    personal_ref=_tokens(),
    resource=st.sampled_from(("", "Patient", "Observation", "AuditEvent")),
    resource_id=_tokens(),
    version=st.integers(0, 2**53 - 1),
    patient=_tokens(),
    purpose=st.sampled_from(("", "TREATMENT", "RESEARCH", "PATIENT_REQUEST")),
    purpose_asserted=st.none() | st.booleans(),
    classes=_listed("abcdefghij"),
    error=st.sampled_from(("", "denied", "not-found", "unavailable", "invalid-credentials")),
    flags=_listed(_TOKEN),
    envelope=st.just("") | _hex(64),
)
_LINKS = st.builds(
    Link,
    writer=_hex(32),
    sequence=st.integers(1, 2**53 - 1),
    prev=_hex(64),
    checkpoint=st.just("") | _hex(64).map(lambda root: f"12/{root}"),
)


def event_lines() -> st.SearchStrategy[EventLine]:
    """Every line that the closed schema accepts, in every mix of its fields."""
    return st.builds(EventLine, _EVENTS, _LINKS)
