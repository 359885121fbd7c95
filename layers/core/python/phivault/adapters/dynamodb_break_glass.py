"""Broken glasses in the table AccessState.

Rows: ``T#<tenant>#BREAK-GLASS`` / ``<id>`` with the fields of Glass (``user`` for ``user_id``), ids in order of time;
``BREAK-GLASS-DUE`` / ``<due, ten digits>#<tenant>#<id>`` from the opening to the review, ``told`` once it was told of
as overdue. In the opening's transaction, by fact_rows: ``break_glass`` of what the user is to the patient, and its
reverse row; on the user's ``STANDING`` ``review#<id>`` (due), ``active#<id>`` (until) and ``openings``, which counts,
so that of two openings that both saw the same one fails. The end takes ``break_glass`` and ``active#`` away, the review
``active#``, ``review#`` and the row of what is due.

AWS actions: dynamodb:GetItem, Query, PutItem, UpdateItem, DeleteItem; for the sweep (due, told) Query and UpdateItem.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any, Final

from botocore.exceptions import ClientError

from phivault.adapters import break_glass_rows as rows
from phivault.adapters import fact_rows
from phivault.adapters.aws import client, translated
from phivault.adapters.session_rows import Row, items, row_of
from phivault.adapters.state_transactions import together
from phivault.permissions.break_glass.glass import Due, Glass, Openings

_CONDITION: Final = "ConditionalCheckFailedException"


class DynamoGlasses:
    """Fills Glasses of phivault.permissions."""

    def __init__(self, table: str) -> None:
        self._table = table

    def openings(self, tenant: str, user_id: str) -> Openings:
        return rows.openings_of(self._get(fact_rows.standing_key(tenant, user_id)))

    def glass(self, tenant: str, id: str) -> Glass | None:
        row = self._get(rows.glass_key(tenant, id))
        return rows.glass_of(tenant, row) if row else None

    def glasses(self, tenant: str, *, user_id: str, before: str, limit: int) -> Sequence[Glass]:
        wanted: dict[str, Any] = {":pk": rows.partition(tenant)}
        asked: dict[str, Any] = {"KeyConditionExpression": "pk = :pk"}
        if before:
            asked["KeyConditionExpression"] += " AND sk < :before"
            wanted[":before"] = before
        if user_id:
            asked |= {"FilterExpression": "#user = :user", "ExpressionAttributeNames": {"#user": "user"}}
            wanted[":user"] = user_id
        pages = (
            client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self._table,
                ExpressionAttributeValues=items(wanted),
                ConsistentRead=True,
                ScanIndexForward=False,
                **asked,
            )
        )
        found: list[Glass] = []
        with translated("DynamoDB"):
            for page in pages:
                found += [rows.glass_of(tenant, row_of(item)) for item in page["Items"]]
                if len(found) >= limit:
                    break
        return found[:limit]

    def open(self, glass: Glass, openings: Openings) -> None:
        reverse = fact_rows.patient_of_key(glass.tenant, glass.user_id, glass.patient)
        together(
            [
                self._put(rows.glass_row(glass), "attribute_not_exists(pk)"),
                self._update(
                    fact_rows.user_key(glass.tenant, glass.patient, glass.user_id),
                    "SET break_glass = :glass",
                    "attribute_not_exists(break_glass) OR break_glass.#until <= :now",
                    names={"#until": "until"},
                    values={":glass": {"id": glass.id, "until": glass.until}, ":now": glass.opened},
                ),
                self._put(reverse),
                self._update(
                    fact_rows.standing_key(glass.tenant, glass.user_id),
                    "SET openings = :next, #review = :due, #active = :until",
                    "openings = :seen" if openings.count else "attribute_not_exists(openings)",
                    names=rows.standing_names(glass.id),
                    values={":next": openings.count + 1, ":due": glass.review_due, ":until": glass.until}
                    | ({":seen": openings.count} if openings.count else {}),
                ),
                self._put(rows.due_row(glass)),
            ],
            "You broke a glass at this very moment: look before you try again",
        )

    def end(self, glass: Glass) -> None:
        names = rows.standing_names(glass.id)
        together(
            [
                self._update(
                    rows.glass_key(glass.tenant, glass.id),
                    "SET ended = :ended, ended_by = :by",
                    "ended = :zero AND verdict = :none AND #until > :ended",
                    names={"#until": "until"},
                    values={":ended": glass.ended, ":by": glass.ended_by, ":zero": 0, ":none": ""},
                ),
                self._update(
                    fact_rows.user_key(glass.tenant, glass.patient, glass.user_id),
                    "REMOVE break_glass",
                    "break_glass.#id = :id",
                    names={"#id": "id"},
                    values={":id": glass.id},
                ),
                self._update(
                    fact_rows.standing_key(glass.tenant, glass.user_id),
                    "REMOVE #active",
                    names={"#active": names["#active"]},
                ),
            ],
            "It ended at this moment",
        )

    def review(self, glass: Glass) -> None:
        together(
            [
                self._update(
                    rows.glass_key(glass.tenant, glass.id),
                    "SET verdict = :verdict, reviewed = :at, reviewed_by = :by, review_note = :note",
                    "verdict = :none AND #user <> :by AND (ended > :zero OR #until <= :at)",
                    names={"#user": "user", "#until": "until"},
                    values={
                        ":verdict": str(glass.verdict),
                        ":at": glass.reviewed,
                        ":by": glass.reviewed_by,
                        ":note": glass.review_note,
                        ":none": "",
                        ":zero": 0,
                    },
                ),
                self._update(
                    fact_rows.standing_key(glass.tenant, glass.user_id),
                    "REMOVE #review, #active",
                    names=rows.standing_names(glass.id),
                ),
                {"Delete": {"TableName": self._table, "Key": items(rows.due_key(rows.due_of(glass)))}},
            ],
            "It was reviewed at this moment, or is not yours to review",
        )

    def due(self, now: float) -> Iterable[Due]:
        pages = (
            client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self._table,
                KeyConditionExpression="pk = :pk AND sk < :after",
                FilterExpression="attribute_not_exists(told)",
                ExpressionAttributeValues=items({":pk": rows.DUE, ":after": rows.due_before(now)}),
                ConsistentRead=True,
            )
        )
        with translated("DynamoDB"):
            found = [row_of(item) for page in pages for item in page["Items"]]
        return [rows.due_from(row) for row in found]

    def told(self, due: Due) -> None:
        try:
            with translated("DynamoDB", _CONDITION):
                client("dynamodb").update_item(
                    TableName=self._table,
                    Key=items(rows.due_key(due)),
                    UpdateExpression="SET told = :told",
                    # One that was reviewed meanwhile has no row: none is made for it.
                    ConditionExpression="attribute_exists(pk) AND attribute_not_exists(told)",
                    ExpressionAttributeValues=items({":told": True}),
                )
        except ClientError:
            return

    def _get(self, key: Row) -> Row:
        with translated("DynamoDB"):
            answer = client("dynamodb").get_item(TableName=self._table, Key=items(key), ConsistentRead=True)
        return row_of(answer.get("Item", {}))

    def _put(self, row: Row, condition: str = "") -> dict[str, Any]:
        put = {"TableName": self._table, "Item": items(row)}
        return {"Put": put | ({"ConditionExpression": condition} if condition else {})}

    def _update(
        self,
        key: Row,
        change: str,
        condition: str = "",
        *,
        names: dict[str, str],
        values: dict[str, Any] | None = None,
    ) -> dict[str, Any]:
        update: dict[str, Any] = {
            "TableName": self._table,
            "Key": items(key),
            "UpdateExpression": change,
            "ExpressionAttributeNames": names,
        }
        if condition:
            update["ConditionExpression"] = condition
        if values:
            update["ExpressionAttributeValues"] = items(values)
        return {"Update": update}
