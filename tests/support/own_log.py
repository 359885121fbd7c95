"""A log of one's own on the running stack's endpoints, which no sealer of the stack's extends."""

from __future__ import annotations

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING
from unittest import mock

if TYPE_CHECKING:
    from tests.support.stack import RunningStack

DAYS = 3000
"""A tenant's own period, longer than the deployment's."""


def own_log(stack: RunningStack) -> dict[str, str]:
    """Buckets, keys and a table of rules, as the variables that name them. The larger tenant has a period of its own
    and a legal hold; the witness isn't told the log's key."""
    from local import aws_resources as make
    from phivault.adapters import access_state_table

    prefix = f"own-{secrets.token_hex(4)}"
    with _endpoints(stack):
        rules = str(make.create_table(f"{prefix}-rules", access_state_table.TABLE)["TableName"])
        _rule(rules, stack.tenants[0])
        named = {
            "audit_bucket": make.create_audit_bucket(f"{prefix}-audit"),
            "audit_head_bucket": make.create_head_bucket(f"{prefix}-head"),
            "audit_exports_bucket": make.create_audit_bucket(f"{prefix}-exports"),
            "witness_bucket": make.create_audit_bucket(f"{prefix}-witness"),
            "log_origin": f"{prefix}.test/log",
            "log_key_arn": make.create_signing_key(f"{prefix} log"),
            "log_vkey": "",
            "witness_name": f"{prefix}.test/witness",
            "witness_key_arn": make.create_signing_key(f"{prefix} witness"),
        }
    return {f"PHIVAULT_{name.upper()}": value for name, value in named.items()} | {"RULES": rules}


def _rule(table: str, tenant: str) -> None:
    from phivault.adapters.dynamodb_retention import DynamoRetention
    from phivault.audit.retention import Hold

    rules = DynamoRetention(table)
    rules.extend(tenant, DAYS, "2026-01-01T00:00:00Z")
    rules.place(Hold(tenant, "case-1", since="2026-01-01T00:00:00Z"))


@contextmanager
def _endpoints(stack: RunningStack) -> Iterator[None]:
    from phivault.adapters.aws import forget_clients

    facts = stack.facts
    given = {
        "AWS_ENDPOINT_URL": facts["aws_endpoint_url"],
        "AWS_ENDPOINT_URL_S3": facts["aws_endpoint_url_s3"],
        "AWS_ACCESS_KEY_ID": facts["aws_access_key_id"],
        "AWS_SECRET_ACCESS_KEY": facts["aws_secret_access_key"],
        "AWS_REGION": facts["region"],
    }
    with mock.patch.dict(os.environ, given):
        forget_clients()
        try:
            yield
        finally:
            forget_clients()
