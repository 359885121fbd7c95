"""The gateway's access log in CloudWatch Logs. AWS action: logs:FilterLogEvents."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime

from phivault.adapters.aws import client, translated


class CloudWatchGatewayLog:
    """Fills GatewayLog of phivault.audit.reconcile. ``group`` is the log group's name."""

    def __init__(self, group: str) -> None:
        self._group = group

    def lines(self, since: datetime, until: datetime) -> Iterator[str]:
        listing = client("logs", read_timeout=20.0).get_paginator("filter_log_events")
        pages = listing.paginate(logGroupName=self._group, startTime=_milliseconds(since), endTime=_milliseconds(until))
        with translated("CloudWatch Logs"):
            for page in pages:
                yield from (found["message"] for found in page["events"])


def _milliseconds(at: datetime) -> int:
    return round(at.timestamp() * 1000)
