"""Whether AWS resources answer. Each raises Unavailable."""

from __future__ import annotations

from phivault.adapters.aws import client, translated


def bucket(name: str) -> None:
    with translated("S3"):
        client("s3", read_timeout=1.0, attempts=1).head_bucket(Bucket=name)


def table(name: str) -> None:
    """Asks for an item that never exists: no permission beyond reading is needed."""
    with translated("DynamoDB"):
        key = {"pk": {"S": "HEALTH"}, "sk": {"S": "HEALTH"}}
        client("dynamodb", read_timeout=1.0, attempts=1).get_item(TableName=name, Key=key)
