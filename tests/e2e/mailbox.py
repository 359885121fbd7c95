"""A subscriber of the alert topic: a queue that this run reads."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any, Self

import boto3


@dataclass(slots=True)
class Mailbox:
    url: str
    messages: list[str] = field(default_factory=list)

    @classmethod
    def of(cls, topic_arn: str) -> Self:
        sqs = boto3.client("sqs")
        url = sqs.create_queue(QueueName="e2e-alerts")["QueueUrl"]
        arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
        sns = {"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, "Action": "sqs:SendMessage"}
        policy = {"Version": "2012-10-17", "Statement": [sns | {"Resource": arn}]}
        sqs.set_queue_attributes(QueueUrl=url, Attributes={"Policy": json.dumps(policy)})
        boto3.client("sns").subscribe(TopicArn=topic_arn, Protocol="sqs", Endpoint=arn)
        return cls(url)

    def __call__(self) -> list[str]:
        """All messages so far."""
        found: Any = boto3.client("sqs").receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
        self.messages += [message["Body"] for message in found.get("Messages", [])]
        return self.messages
