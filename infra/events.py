"""What invokes functions besides the API: so far the audit index's stream.

Sealer and detector will bring their schedules.
"""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_lambda as lambda_
from aws_cdk import aws_lambda_event_sources as sources
from aws_cdk import aws_sqs as sqs

from infra.function import TableFunction

TRIES = 20
"""With halving, a record that can't be published is given up to the queue after some minutes; the log has it anyway."""


def alerts_from(alerts: TableFunction, stream_arn: str, dead_letters: sqs.IQueue) -> None:
    """Every record, none filtered out: a row that was altered or removed is itself an alert."""
    lambda_.EventSourceMapping(
        alerts,
        "Stream",
        target=alerts.alias,
        event_source_arn=stream_arn,
        starting_position=lambda_.StartingPosition.TRIM_HORIZON,
        batch_size=100,
        max_batching_window=Duration.seconds(1),
        report_batch_item_failures=True,
        bisect_batch_on_error=True,
        retry_attempts=TRIES,
        on_failure=sources.SqsDlq(dead_letters),
    ).node.add_dependency(alerts.policy)
