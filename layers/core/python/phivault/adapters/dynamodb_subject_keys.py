"""Wrapped subject keys in the DynamoDB table SubjectKeys.

One item per key: ``pk`` = ``T#<tenant>#<subject>``, ``sk`` = version, ``wrapped_key``, ``made_at``, ``retired_at``
(Unix seconds). Destroying a key removes ``wrapped_key`` and leaves the item as its tombstone. That a version is kept is
an item of its own with ``sk`` = -version: functions that seal may put items, but alter none.

DynamoDB actions on the table: GetItem, Query and PutItem; UpdateItem to retire, replace or destroy a key, and Scan to
look through all, which only rotation and operators may.
"""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

from botocore.exceptions import ClientError

from phivault.adapters.aws import client, translated
from phivault.crypto.subject_key_store import StoredKey, Subject
from phivault.errors import IntegrityError, InvalidInput

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

    def versions(self, tenant: str, subject: str) -> list[StoredKey]:
        asked = {":pk": {"S": _partition(tenant, subject)}}
        items: list[Any] = []
        start: dict[str, Any] = {}
        while True:
            with translated("DynamoDB"):
                answer = client("dynamodb").query(
                    TableName=self._table,
                    KeyConditionExpression="pk = :pk",
                    ExpressionAttributeValues=asked,
                    ConsistentRead=True,
                    **start,
                )
            items += answer["Items"]
            if "LastEvaluatedKey" not in answer:
                return _of_subject(items)
            start = {"ExclusiveStartKey": answer["LastEvaluatedKey"]}

    def page(self, after: str, limit: int) -> tuple[list[Subject], str]:
        start: dict[str, Any] = {"ExclusiveStartKey": _place(after)} if after else {}
        with translated("DynamoDB"):
            answer = client("dynamodb").scan(TableName=self._table, Limit=limit, ConsistentRead=True, **start)
        rows: dict[str, list[Any]] = {}
        for item in answer["Items"]:
            rows.setdefault(item["pk"]["S"], []).append(item)
        subjects = [Subject(*_named(pk), tuple(_of_subject(items))) for pk, items in rows.items()]
        if "LastEvaluatedKey" not in answer or not subjects:
            return subjects, ""
        # The page may have ended in the middle of a subject: its rows are read whole, and the next page begins behind.
        last = subjects[-1]
        whole = self.versions(last.tenant, last.subject)
        subjects[-1] = Subject(last.tenant, last.subject, tuple(whole))
        end = max([key.version for key in whole], default=0)
        return subjects, f"{end}:{_partition(last.tenant, last.subject)}"

    def create(self, tenant: str, subject: str, version: int, wrapped: bytes, made_at: float | None = None) -> bool:
        at = {} if made_at is None else {"made_at": {"N": str(math.ceil(made_at))}}
        try:
            with translated("DynamoDB", "ConditionalCheckFailedException"):
                client("dynamodb").put_item(
                    TableName=self._table,
                    Item={**_key(tenant, subject, version), "wrapped_key": {"B": wrapped}, **at},
                    ConditionExpression="attribute_not_exists(pk)",
                )
        except ClientError:
            return False
        return True

    def keep(self, tenant: str, subject: str, version: int) -> None:
        with translated("DynamoDB"):
            client("dynamodb").put_item(TableName=self._table, Item=_key(tenant, subject, -version))

    def retire(self, tenant: str, subject: str, version: int, at: float) -> None:
        self._update(
            tenant,
            subject,
            version,
            "SET retired_at = if_not_exists(retired_at, :at)",
            "attribute_exists(wrapped_key)",
            {":at": {"N": str(math.ceil(at))}},
        )

    def replace(self, tenant: str, subject: str, version: int, before: bytes, after: bytes) -> bool:
        values = {":before": {"B": before}, ":after": {"B": after}}
        return self._update(tenant, subject, version, "SET wrapped_key = :after", "wrapped_key = :before", values)

    def destroy(self, tenant: str, subject: str, version: int) -> None:
        # Without a condition it would write a row of its own where there is none.
        self._update(tenant, subject, version, "REMOVE wrapped_key", "attribute_exists(pk)")

    def _update(
        self, tenant: str, subject: str, version: int, what: str, where: str, values: dict[str, Any] | None = None
    ) -> bool:
        """Whether the condition ``where`` held."""
        given: dict[str, Any] = {} if values is None else {"ExpressionAttributeValues": values}
        try:
            with translated("DynamoDB", "ConditionalCheckFailedException"):
                client("dynamodb").update_item(
                    TableName=self._table,
                    Key=_key(tenant, subject, version),
                    UpdateExpression=what,
                    ConditionExpression=where,
                    **given,
                )
        except ClientError:
            return False
        return True


def _partition(tenant: str, subject: str) -> str:
    # SubjectKeys lets no "#" into a tenant's id, so no two pairs share a partition.
    return f"T#{tenant}#{subject}"


def _key(tenant: str, subject: str, version: int) -> dict[str, Any]:
    return {"pk": {"S": _partition(tenant, subject)}, "sk": {"N": str(version)}}


def _place(after: str) -> dict[str, Any]:
    version, _, partition = after.partition(":")
    if not version.isdecimal() or not partition:
        raise InvalidInput("This is no place in the subject keys")
    return {"pk": {"S": partition}, "sk": {"N": version}}


def _named(partition: str) -> tuple[str, str]:
    kind, _, rest = partition.partition("#")
    tenant, _, subject = rest.partition("#")
    if kind != "T" or not tenant or not subject:
        raise IntegrityError("A row of the subject keys is not valid")
    return tenant, subject


def _of_subject(items: list[Any]) -> list[StoredKey]:
    kept = {-key.version for key in map(_stored, items) if key.version < 0}
    keys = sorted((key for key in map(_stored, items) if key.version > 0), key=lambda key: key.version)
    return [replace(key, kept=key.version in kept) for key in keys]


def _stored(item: Any) -> StoredKey:
    try:
        wrapped = item["wrapped_key"]["B"] if "wrapped_key" in item else None
        made, retired = (float(item[name]["N"]) if name in item else None for name in ("made_at", "retired_at"))
        return StoredKey(int(item["sk"]["N"]), wrapped, made, retired)
    except (KeyError, TypeError, ValueError):
        raise IntegrityError("A row of the subject keys is not valid") from None
