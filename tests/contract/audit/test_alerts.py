"""From a recorded event to a subscriber: recorder, index, stream, function, topic, delivery by HTTP."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer

import pytest

from local.streams import StreamPoller
from phivault.adapters.aws import client
from phivault.adapters.s3_events import S3Events
from phivault.adapters.sns_alerts import SnsAlerts
from phivault.audit.event import Action, RiskLevel
from phivault.audit.recorder import Recorder
from phivault.errors import Unavailable
from phivault.monitoring.alert import Alert
from tests.support.audit import an_event


@pytest.fixture
def subscriber() -> Iterator[tuple[str, list[dict[str, str]]]]:
    """An HTTP subscriber's URL, and what SNS has delivered to it."""
    delivered: list[dict[str, str]] = []

    class Receiver(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            delivered.append(json.loads(self.rfile.read(int(self.headers["Content-Length"]))))
            self.send_response(200)
            self.end_headers()

        def log_message(self, *_: object) -> None: ...

    server = HTTPServer(("127.0.0.1", 0), Receiver)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/", delivered
    server.shutdown()
    server.server_close()


def test_a_high_event_reaches_the_subscribers_without_phi(aws, bucket, index, subscriber, monkeypatch):
    url, delivered = subscriber
    topic = client("sns").create_topic(Name="alerts-end-to-end")["TopicArn"]
    client("sns").subscribe(TopicArn=topic, Protocol="http", Endpoint=url)
    monkeypatch.setenv("PHIVAULT_PROFILE", "local")
    monkeypatch.setenv("PHIVAULT_ALERT_TOPIC_ARN", topic)
    from phivault.settings import settings

    settings.cache_clear()
    from functions.alerts.handler import handler

    stream = client("dynamodb").describe_table(TableName=index._table)["Table"]["LatestStreamArn"]
    recorder = Recorder(S3Events(bucket, lock_mode="COMPLIANCE", retention_days=1), index, deadline_seconds=30.0)
    alarming = an_event(risk=RiskLevel.CRITICAL, action=Action.TOKEN_REUSE, patient="patient-77", user_id="user-88")
    recorder.append([an_event(), alarming])
    poller = StreamPoller(stream, lambda event: handler(event, None), interval_seconds=0.05)
    poller.start()
    until = time.monotonic() + 60
    while not delivered and time.monotonic() < until:
        time.sleep(0.05)
    poller.stop()
    settings.cache_clear()
    notifications = [each for each in delivered if each["Type"] == "Notification"]
    assert [json.loads(each["Message"])["id"] for each in notifications] == [alarming.id]
    assert notifications[0]["Subject"] == "CRITICAL auth.token-reuse"
    assert all(secret not in json.dumps(delivered) for secret in ("patient-77", "user-88"))


def test_an_absent_topic_is_unavailable_and_names_nothing(aws):
    alert = Alert("id-1", "HIGH", "fhir.read", "north", "2026-03-04T05:06:07.089Z", "")
    with pytest.raises(Unavailable, match="SNS refused") as caught:
        SnsAlerts(aws.alert_topic_arn + "-gone").publish(alert)
    assert "id-1" not in str(caught.value)
