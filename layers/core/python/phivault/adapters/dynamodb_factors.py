"""What is remembered of users' factors, in the table AccessState.

Rows: ``USER#<sub>`` / ``FACTORS`` with ``enrolled``, ``phone_verified``, ``recovery_codes`` (a set of hashes),
``enrolment`` and ``enrolment_until``, never expiring; ``USER#<sub>`` / ``ENROLMENT`` with ``session_id``, ``sealed``,
``tries``, ``expires``; ``GRANT#<sha256 of the nonce>`` / ``GRANT`` with ``user_id``, ``expires``. DynamoDB deletes what
expired late, so ``expires`` is checked on every read.

AWS actions: dynamodb:GetItem, PutItem, UpdateItem, DeleteItem; for ``granted`` alone GetItem.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Mapping
from typing import Any, Final

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from phivault.adapters.aws import client, translated
from phivault.identity.factors import EnrolmentUnderWay, Factors

type Row = dict[str, Any]

_CONDITION: Final = "ConditionalCheckFailedException"
_to_dynamodb = TypeSerializer().serialize
_from_dynamodb = TypeDeserializer().deserialize


class DynamoFactors:
    """Fills FactorStore and EnrolmentStore of phivault.identity. ``now`` answers Unix seconds."""

    def __init__(self, table: str, *, now: Callable[[], float] = time.time) -> None:
        self._table, self._now = table, now

    def factors(self, user_id: str) -> Factors:
        row = self._get(_factors_key(user_id)) or {}
        return Factors(
            enrolled=bool(row.get("enrolled", False)),
            phone_verified=bool(row.get("phone_verified", False)),
            recovery_codes=frozenset(row.get("recovery_codes", ())),
            enrolment=str(row.get("enrolment", "")),
            enrolment_until=int(row.get("enrolment_until", 0)),
        )

    def phone_was_verified(self, user_id: str) -> None:
        self._update(_factors_key(user_id), "SET phone_verified = :yes", {":yes": True})

    def enrolled(self, user_id: str) -> None:
        self._update(_factors_key(user_id), "SET enrolled = :yes REMOVE enrolment, enrolment_until", {":yes": True})

    def allow_enrolment(self, user_id: str, session_hash: str, until: int) -> None:
        update = "SET enrolment = :session, enrolment_until = :until"
        self._update(_factors_key(user_id), update, {":session": session_hash, ":until": until})

    def move_enrolment(self, user_id: str, before: str, after: str) -> bool:
        values = {":before": before, ":after": after, ":now": int(self._now())}
        condition = "enrolment = :before AND enrolment_until > :now"
        return self._update(_factors_key(user_id), "SET enrolment = :after", values, condition) is not None

    def factors_lost(self, user_id: str, *, codes: bool) -> None:
        also = " REMOVE recovery_codes" if codes else ""
        self._update(_factors_key(user_id), "SET phone_verified = :no" + also, {":no": False})

    def replace_recovery_codes(self, user_id: str, hashes: Collection[str]) -> None:
        self._update(_factors_key(user_id), "SET recovery_codes = :codes", {":codes": set(hashes)})

    def take_recovery_code(self, user_id: str, code_hash: str) -> bool:
        values = {":taken": {code_hash}, ":code": code_hash}
        condition = "contains(recovery_codes, :code)"
        return self._update(_factors_key(user_id), "DELETE recovery_codes :taken", values, condition) is not None

    def grant(self, nonce_hash: str, user_id: str, expires: int) -> None:
        self._put(_grant_key(nonce_hash) | {"user_id": user_id, "expires": expires})

    def granted(self, nonce_hash: str) -> str:
        row = self._get(_grant_key(nonce_hash))
        return str(row["user_id"]) if row and row["expires"] > self._now() else ""

    def revoke(self, nonce_hash: str) -> None:
        self._delete(_grant_key(nonce_hash))

    def begin(self, user_id: str, under_way: EnrolmentUnderWay, expires: int) -> None:
        row = {"session_id": under_way.session_id, "sealed": under_way.sealed, "tries": 0, "expires": expires}
        self._put(_enrolment_key(user_id) | row)

    def attempt(self, user_id: str, session_id: str, tries: int) -> EnrolmentUnderWay | None:
        values = {":one": 1, ":session": session_id, ":tries": tries, ":now": int(self._now())}
        condition = "session_id = :session AND tries < :tries AND expires > :now"
        row = self._update(_enrolment_key(user_id), "ADD tries :one", values, condition)
        return EnrolmentUnderWay(row["session_id"], bytes(row["sealed"])) if row else None

    def finish(self, user_id: str) -> None:
        self._delete(_enrolment_key(user_id))

    def _get(self, key: Row) -> Row | None:
        with translated("DynamoDB"):
            answer = client("dynamodb").get_item(TableName=self._table, Key=_items(key), ConsistentRead=True)
        return _row(answer["Item"]) if "Item" in answer else None

    def _put(self, row: Row) -> None:
        with translated("DynamoDB"):
            client("dynamodb").put_item(TableName=self._table, Item=_items(row))

    def _delete(self, key: Row) -> None:
        with translated("DynamoDB"):
            client("dynamodb").delete_item(TableName=self._table, Key=_items(key))

    def _update(self, key: Row, expression: str, values: Row, condition: str = "") -> Row | None:
        """The row as it is now; None where the condition doesn't hold."""
        conditional: dict[str, Any] = {"ConditionExpression": condition} if condition else {}
        try:
            with translated("DynamoDB", _CONDITION):
                answer = client("dynamodb").update_item(
                    TableName=self._table,
                    Key=_items(key),
                    UpdateExpression=expression,
                    ExpressionAttributeValues=_items(values),
                    ReturnValues="ALL_NEW",
                    **conditional,
                )
        except ClientError:
            return None
        return _row(answer["Attributes"])


def _items(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _to_dynamodb(value) for name, value in row.items()}


def _row(item: Mapping[str, Any]) -> Row:
    return {name: _from_dynamodb(value) for name, value in item.items()}


def _factors_key(user_id: str) -> Row:
    return {"pk": f"USER#{user_id}", "sk": "FACTORS"}


def _enrolment_key(user_id: str) -> Row:
    return {"pk": f"USER#{user_id}", "sk": "ENROLMENT"}


def _grant_key(nonce_hash: str) -> Row:
    return {"pk": f"GRANT#{nonce_hash}", "sk": "GRANT"}
