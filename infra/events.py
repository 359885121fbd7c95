"""What invokes functions besides the API: the audit index's stream, and the clock."""

from __future__ import annotations

from aws_cdk import Duration
from aws_cdk import aws_events as events
from aws_cdk import aws_events_targets as targets
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


def invoked_every(function: TableFunction) -> None:
    """A rule, where the row's trigger is ``schedule:<seconds>``. A run that failed isn't repeated: the next one does
    what it left, and the function's alarm counts failures."""
    kind, _, seconds = function.row.trigger.partition(":")
    if kind != "schedule":
        return
    rule = events.Rule(
        function,
        "Schedule",
        description=f"Invokes {function.row.name}",
        schedule=events.Schedule.rate(Duration.seconds(int(seconds))),
    )
    rule.add_target(targets.LambdaFunction(function.alias, retry_attempts=0))
