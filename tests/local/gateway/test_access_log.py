"""The access log: API Gateway's members, a line per request, in a file and in the log group."""

from __future__ import annotations

import json
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from infra.access_log import ACCESS_LOG
from local.gateway.access_log import AccessLog, Entry, answered
from phivault.audit.reconcile.access_log import parse_line
from phivault.audit.reconcile.match import BEFORE_FUNCTIONS
from phivault.errors import (
    AccessDenied,
    ContentTooLarge,
    InvalidInput,
    MethodNotAllowed,
    NotFound,
    PhivaultError,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)

if TYPE_CHECKING:
    from local.aws_resources import Resources


def an_entry(id: str = "r1", answered: str = "") -> Entry:
    return Entry(id, time.time(), "GET", "/v1/fhir/{type}", 200, 12, 345, answered)


def test_a_line_has_the_members_that_the_cloud_writes() -> None:
    assert list(json.loads(an_entry().line())) == list(ACCESS_LOG)


def test_a_line_is_read_back() -> None:
    entry = an_entry()
    found = parse_line(entry.line(), "x")
    assert (found.id, found.method, found.route) == ("r1", "GET", "/v1/fhir/{type}")
    assert (found.status, found.octets, found.answered) == (200, 345, "")
    assert found.at == pytest.approx(entry.at, abs=0.001)


@pytest.mark.parametrize(
    "error",
    [
        Unauthenticated(),
        AccessDenied(),
        NotFound(),
        MethodNotAllowed(),
        TooManyRequests(),
        ContentTooLarge(),
        InvalidInput(),
        Unavailable(),
    ],
)
def test_what_the_gateway_refuses_is_named_as_api_gateway_names_it(error: PhivaultError) -> None:
    assert answered(error) in BEFORE_FUNCTIONS


def test_a_function_that_failed_is_not_taken_for_a_refusal() -> None:
    assert answered(PhivaultError()) == "INTEGRATION_FAILURE"
    assert answered(PhivaultError()) not in BEFORE_FUNCTIONS


def test_the_file_and_the_log_group_have_every_line(aws: Resources, tmp_path: Path) -> None:
    from phivault.adapters.gateway_log import CloudWatchGatewayLog

    log, began = AccessLog(tmp_path / "gateway" / "access.ndjson", aws.gateway_log_group), datetime.now(UTC)
    log.start()
    entries = [an_entry(f"r{number}") for number in range(1500)]
    for entry in entries:
        log.add(entry)
    log.stop()
    lines = [entry.line() for entry in entries]
    assert (tmp_path / "gateway" / "access.ndjson").read_text().splitlines() == lines
    group = CloudWatchGatewayLog(aws.gateway_log_group)
    second = timedelta(seconds=1)
    assert sorted(group.lines(began - second, datetime.now(UTC) + second)) == sorted(lines)
    assert list(group.lines(began - 3600 * second, began - 60 * second)) == []
