"""Retention periods and legal holds in the table AccessState.

Rows: ``RETENTION`` / ``T#<tenant>#DAYS`` with ``days``; ``RETENTION`` / ``T#<tenant>#HOLD#<case>#<patient>`` with
``since`` (RFC 3339, UTC); the history, ``RETENTION#<tenant>`` / ``<at>#<id>`` with ``what``, ``days``, ``case``,
``patient``. A change and its line of the history are one transaction.

AWS actions: dynamodb:Query (rules, history); dynamodb:PutItem, dynamodb:UpdateItem and dynamodb:DeleteItem (changes).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final

from botocore.exceptions import ClientError

from phivault.adapters.aws import client, translated
from phivault.audit.retention import EXTENDED, LIFTED, PLACED, Change, Hold, Rules
from phivault.errors import Conflict, NotFound, Unavailable
from phivault.ids import uuid7

_PK: Final = "RETENTION"
_DAYS, _HOLD = "DAYS", "HOLD"
_CANCELLED: Final = "TransactionCanceledException"


class DynamoRetention:
    """Fills RetentionStore of phivault.audit."""

    def __init__(self, table: str) -> None:
        self._table = table

    def rules(self) -> Rules:
        days: dict[str, int] = {}
        holds: list[Hold] = []
        for row in self._query(_PK):
            _, tenant, kind, *rest = row["sk"]["S"].split("#")
            if kind == _DAYS:
                days[tenant] = int(row["days"]["N"])
            else:
                holds.append(Hold(tenant, rest[0], rest[1], row["since"]["S"]))
        return Rules(days, tuple(holds))

    def history(self, tenant: str) -> Sequence[Change]:
        return [
            Change(
                at=row["sk"]["S"].partition("#")[0],
                what=row["what"]["S"],
                days=int(row["days"]["N"]),
                case=row["case"]["S"],
                patient=row["patient"]["S"],
            )
            for row in self._query(f"{_PK}#{tenant}")
        ]

    def extend(self, tenant: str, days: int, at: str) -> None:
        update = {
            "TableName": self._table,
            "Key": _key(f"T#{tenant}#{_DAYS}"),
            "UpdateExpression": "SET days = :days",
            "ConditionExpression": "attribute_not_exists(pk) OR days < :days",
            "ExpressionAttributeValues": {":days": {"N": str(days)}},
        }
        if not self._change({"Update": update}, tenant, Change(at, EXTENDED, days=days)):
            raise Conflict("The period isn't shorter")

    def place(self, hold: Hold) -> None:
        put = {
            "TableName": self._table,
            "Item": {**_hold_key(hold), "since": {"S": hold.since}},
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        if not self._change({"Put": put}, hold.tenant, _of(hold, PLACED, hold.since)):
            raise Conflict("This hold stands already")

    def lift(self, hold: Hold, at: str) -> None:
        delete = {
            "TableName": self._table,
            "Key": _hold_key(hold),
            "ConditionExpression": "attribute_exists(pk)",
        }
        if not self._change({"Delete": delete}, hold.tenant, _of(hold, LIFTED, at)):
            raise NotFound("There is no such hold")

    def _change(self, change: dict[str, Any], tenant: str, line: Change) -> bool:
        """False where the change's condition doesn't hold."""
        item = {
            "pk": {"S": f"{_PK}#{tenant}"},
            "sk": {"S": f"{line.at}#{uuid7()}"},
            "what": {"S": line.what},
            "days": {"N": str(line.days)},
            "case": {"S": line.case},
            "patient": {"S": line.patient},
        }
        items: Any = [change, {"Put": {"TableName": self._table, "Item": item}}]
        try:
            with translated("DynamoDB", _CANCELLED):
                client("dynamodb").transact_write_items(TransactItems=items)
        except ClientError as error:
            reasons = [reason.get("Code") for reason in error.response.get("CancellationReasons", ())]
            if reasons[:1] == ["ConditionalCheckFailed"]:
                return False
            raise Unavailable("DynamoDB refused a transaction") from None
        return True

    def _query(self, partition: str) -> Iterator[Any]:
        pages = (
            client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self._table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues={":pk": {"S": partition}},
                ConsistentRead=True,
            )
        )
        with translated("DynamoDB"):
            for page in pages:
                yield from page["Items"]


def _key(sort: str) -> dict[str, Any]:
    return {"pk": {"S": _PK}, "sk": {"S": sort}}


def _hold_key(hold: Hold) -> dict[str, Any]:
    # Ids have no "#" (phivault.audit.retention): none can name another tenant's row.
    return _key(f"T#{hold.tenant}#{_HOLD}#{hold.case}#{hold.patient}")


def _of(hold: Hold, what: str, at: str) -> Change:
    return Change(at, what, case=hold.case, patient=hold.patient)
