"""Failures, known places and limits in the table AccessState.

Rows: ``FAILURES#<account>`` / a place's name or ``strangers`` (``failures``, ``locked_until``); ``PLACE#<account>`` / a
place's name; ``LIMIT#<kind>#<hash>#<window>`` / ``LIMIT`` (``spent``). Each has ``expires`` (Unix seconds), the table's
TTL attribute; DynamoDB deletes late, so it is checked on every read.

AWS actions: dynamodb:BatchGetItem, PutItem, UpdateItem, DeleteItem.
"""

from __future__ import annotations

from typing import Any

from botocore.exceptions import ClientError

from phivault.adapters.aws import client, translated
from phivault.errors import Unavailable
from phivault.identity.lockout import STRANGERS, Failures, Standing

type Item = dict[str, Any]

_CONDITION = "ConditionalCheckFailedException"


class DynamoThrottle:
    """Fills FailureStore and LimitStore of phivault.identity."""

    def __init__(self, table: str) -> None:
        self._table = table

    def standing(self, account: str, place: str, at: float) -> Standing:
        known, own, strangers = _place(account, place), _failures(account, place), _failures(account, STRANGERS)
        wanted: Any = {self._table: {"Keys": [known, own, strangers], "ConsistentRead": True}}
        with translated("DynamoDB"):
            answer = client("dynamodb").batch_get_item(RequestItems=wanted)
        if answer.get("UnprocessedKeys"):  # what wasn't read must not pass for absent
            raise Unavailable("DynamoDB left out a part of its answer")
        found = answer["Responses"].get(self._table, ())
        rows = {(row["pk"]["S"], row["sk"]["S"]): row for row in found if int(row["expires"]["N"]) > at}
        return Standing(_id(known) in rows, _read(rows.get(_id(own))), _read(rows.get(_id(strangers))))

    def swap(self, account: str, who: str, old: Failures, new: Failures, *, at: float, expires: int) -> bool:
        stands = "failures = :old AND locked_until = :old_lock AND expires > :at"
        if old == Failures():
            stands = f"attribute_not_exists(pk) OR expires <= :at OR ({stands})"
        return self._update(
            _failures(account, who),
            "SET failures = :new, locked_until = :new_lock, expires = :expires",
            stands,
            old=old.count,
            old_lock=old.locked_until,
            new=new.count,
            new_lock=new.locked_until,
            at=int(at),
            expires=expires,
        )

    def give_back(self, account: str, who: str) -> None:
        less = "SET failures = failures - :one, locked_until = :none"
        self._update(_failures(account, who), less, "failures > :none", one=1, none=0)

    def forget(self, account: str, who: str) -> None:
        with translated("DynamoDB"):
            client("dynamodb").delete_item(TableName=self._table, Key=_failures(account, who))

    def remember(self, account: str, place: str, *, at: float, expires: int) -> bool:
        row = _place(account, place) | {"expires": _number(expires)}
        with translated("DynamoDB"):
            answer = client("dynamodb").put_item(TableName=self._table, Item=row, ReturnValues="ALL_OLD")
        before = answer.get("Attributes")
        return before is None or int(before["expires"]["N"]) <= at

    def spend(self, name: str, most: int, expires: int) -> bool:
        more = "SET spent = if_not_exists(spent, :none) + :one, expires = :expires"
        condition = "attribute_not_exists(spent) OR spent < :most"
        return self._update(_limit(name), more, condition, none=0, one=1, most=most, expires=expires)

    def refund(self, name: str) -> None:
        self._update(_limit(name), "SET spent = spent - :one", "spent > :none", one=1, none=0)

    def _update(self, key: Item, expression: str, condition: str, **values: int) -> bool:
        """Whether ``condition`` held and ``expression`` was done; ``values`` are what they name with a colon."""
        try:
            with translated("DynamoDB", _CONDITION):
                client("dynamodb").update_item(
                    TableName=self._table,
                    Key=key,
                    UpdateExpression=expression,
                    ConditionExpression=condition,
                    ExpressionAttributeValues={f":{name}": _number(value) for name, value in values.items()},
                )
        except ClientError:
            return False
        return True


def _failures(account: str, who: str) -> Item:
    return _key(f"FAILURES#{account}", who)


def _place(account: str, place: str) -> Item:
    return _key(f"PLACE#{account}", place)


def _limit(name: str) -> Item:
    return _key(f"LIMIT#{name}", "LIMIT")


def _key(pk: str, sk: str) -> Item:
    return {"pk": {"S": pk}, "sk": {"S": sk}}


def _id(key: Item) -> tuple[str, str]:
    return key["pk"]["S"], key["sk"]["S"]


def _number(value: int) -> Item:
    return {"N": str(value)}


def _read(row: Item | None) -> Failures:
    if row is None:
        return Failures()
    return Failures(int(row["failures"]["N"]), int(row["locked_until"]["N"]))
