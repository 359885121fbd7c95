"""Resets of second factors in the table AccessState.

Rows: ``USER#<user id>`` / ``MFA-RESET`` with ``id``, ``tenant``, ``requested_by``, ``requested``, ``approved_by`` (""
until then), ``effective`` (0 until then) and ``expires``, the table's TTL attribute; DynamoDB deletes late, so it is
checked on every read and in every condition.

AWS actions: dynamodb:GetItem, PutItem, UpdateItem, DeleteItem.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from typing import Any, Final

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from phivault.adapters.aws import client, translated
from phivault.errors import Conflict
from phivault.identity.mfa_reset import MfaReset

_CONDITION: Final = "ConditionalCheckFailedException"
_STANDS: Final = "id = :id AND expires > :now"
_to_dynamodb = TypeSerializer().serialize
_from_dynamodb = TypeDeserializer().deserialize


class DynamoMfaResets:
    """Fills phivault.identity.mfa_reset.MfaResetStore. ``now`` answers Unix seconds."""

    def __init__(self, table: str, *, now: Callable[[], float] = time.time) -> None:
        self._table, self._now = table, now

    def reset(self, user_id: str) -> MfaReset | None:
        with translated("DynamoDB"):
            answer = client("dynamodb").get_item(TableName=self._table, Key=_key(user_id), ConsistentRead=True)
        if "Item" not in answer:
            return None
        reset = _reset({name: _from_dynamodb(value) for name, value in answer["Item"].items()})
        return reset if reset.expires > self._now() else None

    def request(self, reset: MfaReset) -> None:
        row = {name: _to_dynamodb(value) for name, value in asdict(reset).items() if name != "user_id"}
        with _unless("This user's reset was asked for already"):
            client("dynamodb").put_item(
                TableName=self._table,
                Item=_key(reset.user_id) | row,
                ConditionExpression="attribute_not_exists(pk) OR expires <= :now",
                ExpressionAttributeValues={":now": _number(int(self._now()))},
            )

    def approve(self, reset: MfaReset) -> None:
        values = self._standing(reset) | {
            ":by": {"S": reset.approved_by},
            ":effective": _number(reset.effective),
            ":expires": _number(reset.expires),
            ":nobody": {"S": ""},
        }
        with _unless("This reset was approved or cancelled meanwhile, or isn't yours to approve"):
            client("dynamodb").update_item(
                TableName=self._table,
                Key=_key(reset.user_id),
                UpdateExpression="SET approved_by = :by, effective = :effective, expires = :expires",
                ConditionExpression=f"{_STANDS} AND approved_by = :nobody AND requested_by <> :by",
                ExpressionAttributeValues=values,
            )

    def drop(self, reset: MfaReset) -> None:
        self._delete(reset, _STANDS, self._standing(reset))

    def use(self, reset: MfaReset, now: float) -> None:
        approved = "approved_by <> :nobody AND effective <= :now"
        values = self._standing(reset) | {":now": _number(int(now)), ":nobody": {"S": ""}}
        self._delete(reset, f"{_STANDS} AND {approved}", values)

    def _delete(self, reset: MfaReset, condition: str, values: dict[str, Any]) -> None:
        with _unless("This reset changed meanwhile"):
            client("dynamodb").delete_item(
                TableName=self._table,
                Key=_key(reset.user_id),
                ConditionExpression=condition,
                ExpressionAttributeValues=values,
            )

    def _standing(self, reset: MfaReset) -> dict[str, Any]:
        return {":id": {"S": reset.id}, ":now": _number(int(self._now()))}


@contextmanager
def _unless(told: str) -> Iterator[None]:
    try:
        with translated("DynamoDB", _CONDITION):
            yield
    except ClientError:
        raise Conflict(told) from None


def _key(user_id: str) -> dict[str, Any]:
    return {"pk": {"S": f"USER#{user_id}"}, "sk": {"S": "MFA-RESET"}}


def _number(value: int) -> dict[str, str]:
    return {"N": str(value)}


def _reset(row: dict[str, Any]) -> MfaReset:
    return MfaReset(
        id=row["id"],
        user_id=row["pk"].removeprefix("USER#"),
        tenant=row["tenant"],
        requested_by=row["requested_by"],
        requested=int(row["requested"]),
        expires=int(row["expires"]),
        approved_by=row["approved_by"],
        effective=int(row["effective"]),
    )
