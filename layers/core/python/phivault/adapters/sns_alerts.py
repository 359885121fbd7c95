"""Alerts to one SNS topic, whose subscribers are the deployment's own."""

from __future__ import annotations

from phivault.adapters.aws import client, translated
from phivault.monitoring.alert import Alert


class SnsAlerts:
    """Fills ``phivault.monitoring.alert.Publisher``. Needs sns:Publish on the topic.

    Subscribers can filter on the message attributes ``risk`` and ``tenant``. A repeated delivery has the same
    ``id`` in its JSON.
    """

    def __init__(self, topic_arn: str) -> None:
        self._topic_arn = topic_arn

    def publish(self, alert: Alert) -> None:
        attributes = {"risk": alert.risk, "tenant": alert.tenant}
        with translated("SNS"):
            client("sns").publish(
                TopicArn=self._topic_arn,
                Subject=f"{alert.risk} {alert.action}",
                Message=alert.text(),
                MessageAttributes={
                    name: {"DataType": "String", "StringValue": value} for name, value in attributes.items() if value
                },
            )
