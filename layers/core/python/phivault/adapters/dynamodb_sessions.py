"""Sessions, sign-ins under way and failure counts in the table AccessState.

Rows: ``USER#<sub>`` / ``SESSION#<origin_jti>``; ``REFRESH#<sha256>`` / ``REFRESH``; ``SIGN-IN#<sha256>`` /
``SIGN-IN``; ``FAILURES#<account>`` / ``FAILURES``. Each has ``expires`` (Unix seconds), the table's TTL attribute;
DynamoDB deletes late, so it is checked on every read.

AWS actions: dynamodb:GetItem, PutItem, UpdateItem, DeleteItem; for ``load`` alone GetItem.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from phivault.access.principal import Personal
from phivault.adapters.aws import client, translated
from phivault.errors import Conflict, PhivaultError, Unavailable
from phivault.identity.lockout import Failures
from phivault.identity.pending import PendingSignIn
from phivault.identity.provider import ChallengeName
from phivault.identity.session import Session

type Row = dict[str, Any]

_CONDITION = "ConditionalCheckFailedException"
_CANCELED = "TransactionCanceledException"
_to_dynamodb = TypeSerializer().serialize
_from_dynamodb = TypeDeserializer().deserialize


class DynamoSessions:
    """Fills SessionStore, PendingStore and FailureStore of phivault.identity. ``now`` answers Unix seconds."""

    def __init__(self, table: str, *, now: Callable[[], float] = time.time) -> None:
        self._table, self._now = table, now

    def open(self, session: Session) -> None:
        puts = [self._put(_session_row(session), new=True), self._put(_refresh_row(session, session.refresh_hash))]
        self._transact(puts)

    def load(self, user_id: str, session_id: str) -> Session | None:
        row = self._get(_session_key(user_id, session_id))
        return _session(row) if row else None

    def find_by_refresh(self, refresh_hash: str) -> Session | None:
        row = self._get(_refresh_key(refresh_hash))
        return self.load(row["user_id"], row["session_id"]) if row else None

    def rotate(self, session: Session, refresh_hash: str) -> None:
        new = _session_row(session) | {"refresh_hash": refresh_hash}
        changed = ("refresh_hash", "personal", "salt", "place", "token_ids")
        update = {
            "TableName": self._table,
            "Key": _items(_session_key(session.user_id, session.id)),
            "UpdateExpression": "SET " + ", ".join(f"{name} = :{name}" for name in changed),
            "ConditionExpression": "refresh_hash = :old AND ended = :live",
            "ExpressionAttributeValues": _items(
                {f":{name}": new[name] for name in changed} | {":old": session.refresh_hash, ":live": 0}
            ),
        }
        self._transact([{"Update": update}, self._put(_refresh_row(session, refresh_hash))])

    def end(self, user_id: str, session_id: str, at: int) -> None:
        try:
            with translated("DynamoDB", _CONDITION):
                client("dynamodb").update_item(
                    TableName=self._table,
                    Key=_items(_session_key(user_id, session_id)),
                    UpdateExpression="SET ended = :at",
                    ConditionExpression="attribute_exists(pk) AND ended = :live",
                    ExpressionAttributeValues=_items({":at": at, ":live": 0}),
                )
        except ClientError:  # ended already, or never was
            return

    def save_pending(self, session_hash: str, pending: PendingSignIn) -> None:
        row = {
            "challenge": pending.challenge.value,
            "account": pending.account,
            "user_id": pending.user_id,
            "expires": pending.expires,
        }
        self._write(_pending_key(session_hash) | row | _personal_attributes(pending.email))

    def load_pending(self, session_hash: str) -> PendingSignIn | None:
        row = self._get(_pending_key(session_hash))
        if row is None:
            return None
        return PendingSignIn(
            ChallengeName(row["challenge"]), row["account"], _personal(row), row["user_id"], int(row["expires"])
        )

    def drop_pending(self, session_hash: str) -> None:
        self._delete(_pending_key(session_hash))

    def failures(self, account: str) -> Failures | None:
        row = self._get(_failures_key(account))
        return Failures(int(row["failures"]), int(row["last"])) if row else None

    def add_failure(self, account: str, at: int, expires: int) -> None:
        key = _failures_key(account)
        try:
            with translated("DynamoDB", _CONDITION):
                client("dynamodb").update_item(
                    TableName=self._table,
                    Key=_items(key),
                    UpdateExpression="ADD failures :one SET #last = :at, expires = :expires",
                    ConditionExpression="attribute_not_exists(pk) OR expires > :now",
                    ExpressionAttributeNames={"#last": "last"},
                    ExpressionAttributeValues=_items(
                        {":one": 1, ":at": at, ":expires": expires, ":now": int(self._now())}
                    ),
                )
        except ClientError:  # a row that expired and isn't deleted yet: start again
            self._write(key | {"failures": 1, "last": at, "expires": expires})

    def clear_failures(self, account: str) -> None:
        self._delete(_failures_key(account))

    def _get(self, key: Row) -> Row | None:
        with translated("DynamoDB"):
            answer = client("dynamodb").get_item(TableName=self._table, Key=_items(key), ConsistentRead=True)
        item = answer.get("Item")
        row = {name: _from_dynamodb(value) for name, value in item.items()} if item else None
        return row if row and row["expires"] > self._now() else None

    def _write(self, row: Row) -> None:
        with translated("DynamoDB"):
            client("dynamodb").put_item(TableName=self._table, Item=_items(row))

    def _delete(self, key: Row) -> None:
        with translated("DynamoDB"):
            client("dynamodb").delete_item(TableName=self._table, Key=_items(key))

    def _put(self, row: Row, *, new: bool = False) -> dict[str, Any]:
        put: dict[str, Any] = {"TableName": self._table, "Item": _items(row)}
        return {"Put": put | ({"ConditionExpression": "attribute_not_exists(pk)"} if new else {})}

    def _transact(self, items: list[dict[str, Any]]) -> None:
        try:
            with translated("DynamoDB", _CANCELED):
                client("dynamodb").transact_write_items(TransactItems=items)  # type: ignore[arg-type]  # made above
        except ClientError as error:
            raise _cancelled(error) from None


def _cancelled(error: ClientError) -> PhivaultError:
    reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", ())}
    if reasons & {"ConditionalCheckFailed", "TransactionConflict"}:
        return Conflict("The session changed meanwhile")
    return Unavailable("DynamoDB refused a transaction")


def _items(row: Mapping[str, Any]) -> dict[str, Any]:
    return {name: _to_dynamodb(value) for name, value in row.items()}


def _session_key(user_id: str, session_id: str) -> Row:
    return {"pk": f"USER#{user_id}", "sk": f"SESSION#{session_id}"}


def _refresh_key(refresh_hash: str) -> Row:
    return {"pk": f"REFRESH#{refresh_hash}", "sk": "REFRESH"}


def _pending_key(session_hash: str) -> Row:
    return {"pk": f"SIGN-IN#{session_hash}", "sk": "SIGN-IN"}


def _failures_key(account: str) -> Row:
    return {"pk": f"FAILURES#{account}", "sk": "FAILURES"}


def _session_row(session: Session) -> Row:
    row = _session_key(session.user_id, session.id) | _personal_attributes(session.personal)
    return row | {
        "tenant": session.tenant,
        "auth_time": session.auth_time,
        "expires": session.expires,
        "salt": session.salt,
        "place": session.place,
        "refresh_hash": session.refresh_hash,
        "token_ids": list(session.token_ids),
        "ended": session.ended,
    }


def _refresh_row(session: Session, refresh_hash: str) -> Row:
    owner = {"user_id": session.user_id, "session_id": session.id, "expires": session.expires}
    return _refresh_key(refresh_hash) | owner


def _session(row: Row) -> Session:
    return Session(
        user_id=row["pk"].removeprefix("USER#"),
        id=row["sk"].removeprefix("SESSION#"),
        tenant=row["tenant"],
        auth_time=int(row["auth_time"]),
        expires=int(row["expires"]),
        personal=_personal(row),
        salt=bytes(row["salt"]),
        place=bytes(row["place"]),
        refresh_hash=row["refresh_hash"],
        token_ids=tuple(row["token_ids"]),
        ended=int(row["ended"]),
    )


def _personal_attributes(personal: Personal) -> Row:
    sealed = {"personal": personal.sealed}
    return sealed | {"personal_subject": personal.subject, "personal_ref": personal.ref}


def _personal(row: Row) -> Personal:
    return Personal(row["personal_subject"], row["personal_ref"], bytes(row["personal"]))
