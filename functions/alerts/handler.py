"""Alerts from the audit index's stream: outside the VPC, so that no request handler needs a way to SNS."""

from __future__ import annotations

from typing import Any

from phivault import logs
from phivault.adapters.sns_alerts import SnsAlerts
from phivault.monitoring.alert import forward
from phivault.phi.detect import redact_line
from phivault.settings import settings

logs.configure("alerts", redact_line)


def handler(event: dict[str, Any], context: object) -> dict[str, Any]:  # noqa: ARG001  (Lambda's signature)
    failed = forward(event["Records"], SnsAlerts(settings().alert_topic_arn))
    return {"batchItemFailures": [{"itemIdentifier": sequence_number} for sequence_number in failed]}
