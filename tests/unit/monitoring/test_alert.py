"""Alerts: HIGH and CRITICAL events and every tampering with the index, in order, without PHI."""

from __future__ import annotations

import json

import pytest

from phivault.audit.canonical import EventLine, Genesis, Link, encode
from phivault.audit.event import Action, RiskLevel
from phivault.errors import Unavailable
from phivault.monitoring.alert import Alert, alert_of, forward
from tests.support.audit import an_event


def record(number: int = 1, line: bytes | None = None, name: str = "INSERT", **changes) -> dict:
    link = Link(writer="a" * 32, sequence=1, prev="0" * 64)
    line = line if line is not None else encode(EventLine(an_event(**changes), link))
    image = {"by_day": {"S": "T#north#20260304#1"}, "at": {"S": "x#y"}, "line": {"S": line.decode()}}
    return {"eventName": name, "dynamodb": {"SequenceNumber": str(number), "NewImage": image}}


class Published:
    def __init__(self, *failing: str) -> None:
        self.alerts: list[Alert] = []
        self.failing = failing

    def publish(self, alert: Alert) -> None:
        if alert.id in self.failing:
            raise Unavailable("down")
        self.alerts.append(alert)


@pytest.mark.parametrize("risk", list(RiskLevel))
def test_only_high_and_critical_events_alert(risk):
    assert (alert_of(record(risk=risk)) is not None) == (risk in {"HIGH", "CRITICAL"})


def test_an_alert_names_the_event_and_no_person():
    event = an_event(
        risk=RiskLevel.HIGH,
        action=Action.SIGN_IN,
        error="invalid-credentials",
        success=False,
        personal="UEhJ",
        personal_subject="User/user-1",
        personal_ref="session-1",
    )
    line = encode(EventLine(event, Link(writer="a" * 32, sequence=1, prev="0" * 64)))
    text = alert_of(record(line=line)).text()
    assert json.loads(text) == {
        "id": event.id,
        "risk": "HIGH",
        "action": "auth.sign-in",
        "tenant": "north",
        "timestamp": event.timestamp,
        "error": "invalid-credentials",
    }
    assert all(secret not in text for secret in ("user-1", "patient-1", "session-1", "UEhJ"))


@pytest.mark.parametrize(
    "tampered",
    [
        record(line=b'{"Zaphod":1}'),
        record(line=encode(Genesis(writer="a" * 32, timestamp="2026-03-04T05:06:07.089Z"))),
        record(name="MODIFY"),
        {"eventName": "REMOVE", "dynamodb": {"SequenceNumber": "1", "Keys": {"by_day": {"S": "Zaphod"}}}},
        {"eventName": "INSERT", "dynamodb": {"SequenceNumber": "1", "NewImage": {"at": {"S": "Zaphod"}}}},
    ],
    ids=["no-event", "genesis", "modified", "removed", "without-a-line"],
)
def test_tampering_with_the_index_is_critical_and_repeats_nothing_of_it(tampered):
    alert = alert_of(tampered)
    assert (alert.risk, alert.action, alert.error) == ("CRITICAL", "audit.index-altered", "integrity")
    assert "Zaphod" not in alert.text()


def test_a_failure_stops_the_batch_where_it_must_be_delivered_again():
    events = [
        record(number, risk=RiskLevel.HIGH, id=f"{number:08d}-0000-7000-8000-000000000000") for number in (1, 2, 3)
    ]
    publisher = Published("00000002-0000-7000-8000-000000000000")
    assert forward(events, publisher) == ["2"]
    assert [alert.id[:8] for alert in publisher.alerts] == ["00000001"]
    assert forward(events[1:], Published()) == []
