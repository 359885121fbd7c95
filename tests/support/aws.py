"""Fixtures: AWS endpoints on this machine."""

from __future__ import annotations

import os
import secrets
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from local.aws import LocalAws
    from local.aws_resources import Resources


@pytest.fixture(scope="session")
def aws_endpoints() -> Iterator[LocalAws]:
    """The endpoints, running, with the environment set so that ``phivault.adapters.aws.client`` reaches them.
    A test that stops S3 starts it again."""
    from local.aws import LocalAws
    from phivault.adapters.aws import forget_clients

    running = LocalAws.start()
    before = {name: os.environ.get(name) for name in running.environment()}
    os.environ.update(running.environment())
    forget_clients()
    yield running
    running.stop()
    forget_clients()
    for name, value in before.items():
        os.environ.pop(name) if value is None else os.environ.update({name: value})


@pytest.fixture(scope="session")
def aws(aws_endpoints: LocalAws) -> Resources:
    """The stack's resources on the endpoints, shared by the session: write under ids of your own."""
    from local.aws_resources import create_resources

    return create_resources()


@pytest.fixture
def new_table(aws_endpoints: LocalAws) -> Callable[[dict[str, Any]], str]:
    """``new_table(TABLE)`` makes an empty table of that schema and answers its name."""
    from local.aws_resources import create_table

    def make(schema: dict[str, Any]) -> str:
        return str(create_table(f"test-{secrets.token_hex(6)}", schema)["TableName"])

    return make


@pytest.fixture
def new_audit_bucket(aws_endpoints: LocalAws) -> Callable[..., str]:
    """``new_audit_bucket(lock_mode=..., retention_days=...)`` makes an empty locked bucket and answers its name."""
    from local.aws_resources import create_audit_bucket

    def make(**options: Any) -> str:
        return create_audit_bucket(f"test-{secrets.token_hex(6)}", **options)

    return make
