"""Alerts: what the security officer hears of, made from the audit index's stream and free of PHI."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Protocol

from phivault.audit.canonical import EventLine, parse
from phivault.audit.event import RiskLevel
from phivault.errors import IntegrityError, Unavailable

_ALERTED = frozenset({RiskLevel.HIGH, RiskLevel.CRITICAL})


@dataclass(frozen=True, slots=True)
class Alert:
    """``id`` finds the event in the log, whoever may read that. No user, patient or address: subscribers' mail
    boxes are outside the protected system. Empty where an altered index row can't tell."""

    id: str
    risk: str
    action: str
    tenant: str
    timestamp: str
    error: str

    def text(self) -> str:
        return json.dumps(asdict(self), sort_keys=True)


# Nothing of the row is repeated: who altered it chose what it says.
_ALTERED = Alert("", RiskLevel.CRITICAL, "audit.index-altered", "", "", IntegrityError.code)


class Publisher(Protocol):
    """Obligations: once ``publish`` returns, the alert reaches every subscriber at least once. Raises
    Unavailable."""

    def publish(self, alert: Alert) -> None: ...


def forward(records: Iterable[Mapping[str, Any]], publisher: Publisher) -> list[str]:
    """Publish what the records of a DynamoDB stream (``NEW_IMAGE``) call for, in order.

    Answers the sequence number of the first record that couldn't be published, for the stream to deliver it
    and those after it again (Lambda's ReportBatchItemFailures); else nothing.
    """
    for record in records:
        alert = alert_of(record)
        if alert is None:
            continue
        try:
            publisher.publish(alert)
        except Unavailable:
            return [record["dynamodb"]["SequenceNumber"]]
    return []


def alert_of(record: Mapping[str, Any]) -> Alert | None:
    """The alert that a change of the index calls for: an event of risk HIGH or CRITICAL, or a row that is no
    audit event, was changed or was removed, since rows are only ever added."""
    change = record["dynamodb"]
    if record.get("eventName") != "INSERT":
        return _ALTERED
    try:
        entry = parse(change["NewImage"]["line"]["S"].encode())
    except (IntegrityError, KeyError):
        return _ALTERED
    if not isinstance(entry, EventLine):
        return _ALTERED
    event = entry.event
    if event.risk not in _ALERTED:
        return None
    return Alert(event.id, event.risk, event.action, event.tenant, event.timestamp, event.error)
