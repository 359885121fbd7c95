"""A store and a wrapper on the local endpoints, and KMS counted from outside."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from phivault.adapters.aws import client
from phivault.adapters.dynamodb_subject_keys import TABLE, DynamoDbSubjectKeys
from phivault.adapters.kms_wrapper import KmsKeyWrapper


@pytest.fixture
def store(new_table: Callable[[dict[str, Any]], str]) -> DynamoDbSubjectKeys:
    return DynamoDbSubjectKeys(new_table(TABLE))


@pytest.fixture(scope="session")
def key_arn(aws_endpoints: Any) -> str:
    return client("kms").create_key(Description="subject keys under test")["KeyMetadata"]["Arn"]


@pytest.fixture
def wrapper(key_arn: str) -> KmsKeyWrapper:
    return KmsKeyWrapper(key_arn)


@pytest.fixture
def kms_calls(aws_endpoints: Any) -> Iterator[list[str]]:
    """The operations that the process's KMS client sends, as they happen."""
    calls: list[str] = []

    def count(model: Any, **_: Any) -> None:
        calls.append(model.name)

    events = client("kms").meta.events
    events.register("before-call.kms", count)
    yield calls
    events.unregister("before-call.kms", count)
