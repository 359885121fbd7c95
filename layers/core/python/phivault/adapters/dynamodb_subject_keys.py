"""Wrapped subject keys in the DynamoDB table SubjectKeys.

One item per key: ``pk`` = ``T#<tenant>#<subject>``, ``sk`` = version, ``wrapped_key``. Destroying a key removes
``wrapped_key`` and leaves the item as its tombstone. DynamoDB actions on the table: GetItem, Query and PutItem;
UpdateItem to destroy a key, which no function may.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from phivault.adapters.aws import client, translated
from phivault.crypto.subject_keys import StoredKey
from phivault.errors import IntegrityError

TABLE: dict[str, Any] = {
    "KeySchema": [{"AttributeName": "pk", "KeyType": "HASH"}, {"AttributeName": "sk", "KeyType": "RANGE"}],
    "AttributeDefinitions": [
        {"AttributeName": "pk", "AttributeType": "S"},
        {"AttributeName": "sk", "AttributeType": "N"},
    ],
}
"""Key schema and attributes, as CreateTable takes them."""


class DynamoDbSubjectKeys:
    """Fills phivault.crypto.subject_keys.SubjectKeyStore."""

    def __init__(self, table: str) -> None:
        self._table = table

    def newest(self, tenant: str, subject: str) -> StoredKey | None:
        with translated("DynamoDB"):
            items = client("dynamodb").query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": _partition(tenant, subject)}},
                ScanIndexForward=False,
                Limit=1,
                ConsistentRead=True,
            )["Items"]
        return _stored(items[0]) if items else None

    def read(self, tenant: str, subject: str, version: int) -> StoredKey | None:
        with translated("DynamoDB"):
            answer = client("dynamodb").get_item(
                TableName=self._table, Key=_key(tenant, subject, version), ConsistentRead=True
            )
        return _stored(answer["Item"]) if "Item" in answer else None

    def create(self, tenant: str, subject: str, version: int, wrapped: bytes) -> bool:
        try:
            with translated("DynamoDB", "ConditionalCheckFailedException"):
                client("dynamodb").put_item(
                    TableName=self._table,
                    Item={**_key(tenant, subject, version), "wrapped_key": {"B": wrapped}},
                    ConditionExpression="attribute_not_exists(pk)",
                )
        except ClientError:
            return False
        return True

    def destroy(self, tenant: str, subject: str, version: int) -> None:
        try:
            with translated("DynamoDB", "ConditionalCheckFailedException"):
                client("dynamodb").update_item(
                    TableName=self._table,
                    Key=_key(tenant, subject, version),
                    UpdateExpression="REMOVE wrapped_key",
                    ConditionExpression="attribute_exists(pk)",  # else it would write a row of its own
                )
        except ClientError:
            return


def _partition(tenant: str, subject: str) -> str:
    # SubjectKeys lets no "#" into a tenant's id, so no two pairs share a partition.
    return f"T#{tenant}#{subject}"


def _key(tenant: str, subject: str, version: int) -> dict[str, Any]:
    return {"pk": {"S": _partition(tenant, subject)}, "sk": {"N": str(version)}}


def _stored(item: Any) -> StoredKey:
    try:
        wrapped = item["wrapped_key"]["B"] if "wrapped_key" in item else None
        return StoredKey(int(item["sk"]["N"]), wrapped)
    except (KeyError, TypeError, ValueError):
        raise IntegrityError("A row of the subject keys is not valid") from None
