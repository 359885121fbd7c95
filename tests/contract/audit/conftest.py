"""A recorder as production builds it, on a bucket and an index of its own."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest

from phivault.adapters.dynamodb_audit_index import TABLE, DynamoDbAuditIndex
from phivault.adapters.s3_events import S3Events
from phivault.audit.recorder import Recorder


@pytest.fixture
def bucket(new_audit_bucket: Callable[..., str]) -> str:
    return new_audit_bucket()


@pytest.fixture
def store(bucket: str) -> S3Events:
    return S3Events(bucket, lock_mode="COMPLIANCE", retention_days=10)


@pytest.fixture
def index(new_table: Callable[[dict[str, Any]], str]) -> DynamoDbAuditIndex:
    return DynamoDbAuditIndex(new_table(TABLE), add_seconds=4.0)


@pytest.fixture
def recorder(store: S3Events, index: DynamoDbAuditIndex) -> Recorder:
    return Recorder(store, index, deadline_seconds=4.0)
