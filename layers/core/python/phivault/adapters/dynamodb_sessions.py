"""Sessions and sign-ins under way in the table AccessState.

Rows: those of session_rows; ``SIGN-IN#<sha256>`` / ``SIGN-IN``. Each has ``expires`` (Unix seconds), the table's TTL
attribute; DynamoDB deletes late, so it is checked on every read.

AWS actions: dynamodb:GetItem, Query, PutItem, UpdateItem, DeleteItem; for a request in a session BatchGetItem and
UpdateItem alone.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Sequence
from typing import Any

from botocore.exceptions import ClientError

from phivault.adapters import batch_get, session_rows
from phivault.adapters.aws import client, error_code, translated
from phivault.adapters.dynamodb_directory import signed_in
from phivault.adapters.dynamodb_tenant_rules import rules_key, rules_of
from phivault.adapters.fact_rows import policies_key
from phivault.adapters.session_rows import Row, items, row_of, session_key
from phivault.errors import AccessDenied, Conflict, Unavailable
from phivault.identity.directory import User
from phivault.identity.pending import PendingSignIn
from phivault.identity.provider import ChallengeName
from phivault.identity.session import Session
from phivault.identity.tenant_rules import TenantRules

_CONDITION = "ConditionalCheckFailedException"
_CANCELED = "TransactionCanceledException"
_CONFLICT = "TransactionConflictException"
_TRIES = 5
_FIRST_WAIT_SECONDS = 0.025
_BARRIER_SECONDS = 24 * 3600  # longer than any sign-in takes to its session
_jitter = random.SystemRandom().random


class DynamoSessions:
    """Fills SessionStore and PendingStore of phivault.identity. ``now`` answers Unix seconds;
    ``wait`` sleeps for seconds."""

    def __init__(
        self, table: str, *, now: Callable[[], float] = time.time, wait: Callable[[float], None] = time.sleep
    ) -> None:
        self._table, self._now, self._wait = table, now, wait

    def open(self, session: Session) -> None:
        user = User(
            user_id=session.user_id,
            tenant=session.tenant,
            role=session.role,
            patient_id=session.patient_id,
            person=session.personal,
            created=session.opened,
            last_sign_in=session.opened,
        )
        standing = [self._after_barrier(session), *signed_in(self._table, user)]
        new = self._put(session_rows.session_row(session), "attribute_not_exists(pk)")
        known_by = self._put(session_rows.refresh_row(session, session.refresh_hash))
        failed = self._transact([*standing, new, known_by])
        if failed & set(range(len(standing))):
            raise AccessDenied("This account, or this sign-in, may not open a session now")
        # A call whose answer got lost is repeated by the SDK: what it finds then may be its own work.
        if failed and self.load(session.user_id, session.id) != session:
            raise Conflict("The session stands already")

    def load(self, user_id: str, session_id: str) -> Session | None:
        row = self._get(session_key(user_id, session_id))
        return session_rows.session_of(row) if row else None

    def load_with_rules(self, user_id: str, session_id: str, tenant: str) -> tuple[Session | None, TenantRules, int]:
        session, rules, policies = session_key(user_id, session_id), rules_key(tenant), policies_key(tenant)
        keys = [session, rules, policies]
        found = {(row["pk"], row["sk"]): row for row in batch_get.rows(self._table, keys, wait=self._wait)}
        row = found.get((session["pk"], session["sk"]))
        live = row if row and row["expires"] > self._now() else None
        kept = rules_of(found.get((rules["pk"], rules["sk"])))
        version = int(found.get((policies["pk"], policies["sk"]), {}).get("version", 0))
        return session_rows.session_of(live) if live else None, kept, version

    def of_user(self, user_id: str) -> Sequence[Session]:
        wanted = {":pk": session_rows.partition(user_id), ":prefix": session_rows.SESSION_PREFIX}
        pages = (
            client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self._table,
                KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
                ExpressionAttributeValues=items(wanted),
                ConsistentRead=True,
            )
        )
        with translated("DynamoDB"):
            rows = [row_of(item) for page in pages for item in page["Items"]]
        return [session_rows.session_of(row) for row in rows if row["expires"] > self._now()]

    def find_by_refresh(self, refresh_hash: str) -> Session | None:
        row = self._get(session_rows.refresh_key(refresh_hash))
        return self.load(row["user_id"], row["session_id"]) if row else None

    def touch(self, user_id: str, session_id: str, at: int) -> None:
        condition = "attribute_exists(pk) AND ended = :live AND seen < :at"
        self._update(session_key(user_id, session_id), "SET seen = :at", condition, {":at": at, ":live": 0})

    def rotate(self, session: Session, refresh_hash: str) -> None:
        new = session_rows.session_row(session) | {"refresh_hash": refresh_hash}
        changed = ("refresh_hash", "personal", "salt", "place", "token_ids")
        update = {
            "TableName": self._table,
            "Key": items(session_key(session.user_id, session.id)),
            "UpdateExpression": "SET " + ", ".join(f"{name} = :{name}" for name in changed),
            "ConditionExpression": "refresh_hash = :old AND ended = :live",
            "ExpressionAttributeValues": items(
                {f":{name}": new[name] for name in changed} | {":old": session.refresh_hash, ":live": 0}
            ),
        }
        if self._transact([{"Update": update}, self._put(session_rows.refresh_row(session, refresh_hash))]):
            raise Conflict("The session changed meanwhile")

    def end(self, user_id: str, session_id: str, at: int) -> bool:
        condition = "attribute_exists(pk) AND ended = :live"
        return self._update(session_key(user_id, session_id), "SET ended = :at", condition, {":at": at, ":live": 0})

    def end_before(self, user_id: str, at: int) -> None:
        values = {":at": at, ":expires": at // 1000 + _BARRIER_SECONDS}
        later = "attribute_not_exists(ended_before) OR ended_before < :at"
        self._update(session_rows.barrier_key(user_id), "SET ended_before = :at, expires = :expires", later, values)

    def ended_before(self, user_id: str) -> int:
        return int((self._get(session_rows.barrier_key(user_id)) or {}).get("ended_before", 0))

    def save_pending(self, session_hash: str, pending: PendingSignIn) -> None:
        row = {
            "challenge": pending.challenge.value,
            "account": pending.account,
            "user_id": pending.user_id,
            "began": pending.began,
            "expires": pending.expires,
        }
        self._write(_pending_key(session_hash) | row | session_rows.personal_attributes(pending.email))

    def load_pending(self, session_hash: str) -> PendingSignIn | None:
        row = self._get(_pending_key(session_hash))
        if row is None:
            return None
        email = session_rows.personal_of(row)
        return PendingSignIn(
            ChallengeName(row["challenge"]),
            row["account"],
            email,
            row["user_id"],
            int(row["began"]),
            int(row["expires"]),
        )

    def drop_pending(self, session_hash: str) -> None:
        self._delete(_pending_key(session_hash))

    def _after_barrier(self, session: Session) -> Any:
        """Of a transaction: nothing, unless every session of so old a sign-in was ended."""
        update = {
            "TableName": self._table,
            "Key": items(session_rows.barrier_key(session.user_id)),
            "UpdateExpression": "SET expires = :expires",
            "ConditionExpression": "attribute_not_exists(ended_before) OR ended_before <= :began",
            "ExpressionAttributeValues": items(
                {":began": session.began, ":expires": session.opened + _BARRIER_SECONDS}
            ),
        }
        return {"Update": update}

    def _get(self, key: Row) -> Row | None:
        with translated("DynamoDB"):
            answer = client("dynamodb").get_item(TableName=self._table, Key=items(key), ConsistentRead=True)
        row = row_of(answer["Item"]) if "Item" in answer else None
        return row if row and row["expires"] > self._now() else None

    def _write(self, row: Row) -> None:
        with translated("DynamoDB"):
            client("dynamodb").put_item(TableName=self._table, Item=items(row))

    def _delete(self, key: Row) -> None:
        with translated("DynamoDB"):
            client("dynamodb").delete_item(TableName=self._table, Key=items(key))

    def _update(self, key: Row, expression: str, condition: str, values: Row) -> bool:
        """False where the condition doesn't hold."""
        for attempt in range(_TRIES):
            self._pause(attempt)
            try:
                with translated("DynamoDB", _CONDITION, _CONFLICT):
                    client("dynamodb").update_item(
                        TableName=self._table,
                        Key=items(key),
                        UpdateExpression=expression,
                        ConditionExpression=condition,
                        ExpressionAttributeValues=items(values),
                    )
            except ClientError as error:
                if error_code(error) == _CONDITION:
                    return False
                continue  # a transaction is at work on this row
            return True
        raise Unavailable("DynamoDB is busy with this session")

    def _put(self, row: Row, condition: str = "") -> dict[str, Any]:
        put: dict[str, Any] = {"TableName": self._table, "Item": items(row)}
        return {"Put": put | ({"ConditionExpression": condition} if condition else {})}

    def _transact(self, changes: Any) -> set[int]:
        """Which of the changes' conditions didn't hold; none: all is done. Repeated while another transaction is at
        work on the same rows, such as the sign-in of another administrator."""
        for attempt in range(_TRIES):
            self._pause(attempt)
            try:
                with translated("DynamoDB", _CANCELED):
                    client("dynamodb").transact_write_items(TransactItems=changes)
            except ClientError as error:
                codes = [reason.get("Code") for reason in error.response.get("CancellationReasons", ())]
                if failed := {n for n, code in enumerate(codes) if code == "ConditionalCheckFailed"}:
                    return failed
                if "TransactionConflict" not in codes:
                    break
            else:
                return set()
        raise Unavailable("DynamoDB refused a transaction")

    def _pause(self, attempt: int) -> None:
        if attempt:
            self._wait(_FIRST_WAIT_SECONDS * 2**attempt * _jitter())


def _pending_key(session_hash: str) -> Row:
    return {"pk": f"SIGN-IN#{session_hash}", "sk": "SIGN-IN"}
