"""Care teams in the table AccessState: the attribute ``care`` of the rows of fact_rows.

AWS actions: dynamodb:GetItem, Query, UpdateItem, and PutItem for the reverse row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from botocore.exceptions import ClientError

from phivault.access.roles import Role
from phivault.adapters import fact_rows
from phivault.adapters.aws import client, translated
from phivault.adapters.session_rows import items, row_of
from phivault.adapters.state_transactions import together
from phivault.errors import NotFound
from phivault.permissions.care_team import Membership

_CONDITION = "ConditionalCheckFailedException"


class DynamoCareTeams:
    """Fills CareTeams of phivault.permissions."""

    def __init__(self, table: str) -> None:
        self._table = table

    def members(self, tenant: str, patient: str) -> Sequence[Membership]:
        wanted = {":pk": fact_rows.patient_partition(tenant, patient), ":prefix": fact_rows.USER}
        pages = (
            client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self._table,
                KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
                FilterExpression="attribute_exists(care)",
                ExpressionAttributeValues=items(wanted),
                ConsistentRead=True,
            )
        )
        with translated("DynamoDB"):
            rows = [row_of(item) for page in pages for item in page["Items"]]
        return [_membership(row) for row in rows]

    def member(self, tenant: str, patient: str, user_id: str) -> Membership | None:
        key = fact_rows.user_key(tenant, patient, user_id)
        with translated("DynamoDB"):
            answer = client("dynamodb").get_item(TableName=self._table, Key=items(key), ConsistentRead=True)
        row = row_of(answer.get("Item", {}))
        return _membership(row) if "care" in row else None

    def put(self, tenant: str, patient: str, membership: Membership) -> None:
        care = membership.shown()
        del care["user_id"]  # the key says it
        update = {
            "TableName": self._table,
            "Key": items(fact_rows.user_key(tenant, patient, membership.user_id)),
            "UpdateExpression": "SET care = :care",
            "ExpressionAttributeValues": items({":care": care}),
        }
        reverse = fact_rows.patient_of_key(tenant, membership.user_id, patient)
        known = {"TableName": self._table, "Item": items(reverse)}
        together([{"Update": update}, {"Put": known}], "This care team changes at this moment")

    def remove(self, tenant: str, patient: str, user_id: str) -> None:
        try:
            with translated("DynamoDB", _CONDITION):
                client("dynamodb").update_item(
                    TableName=self._table,
                    Key=items(fact_rows.user_key(tenant, patient, user_id)),
                    UpdateExpression="REMOVE care",
                    ConditionExpression="attribute_exists(care)",
                )
        except ClientError:
            raise NotFound("There is no such member") from None


def _membership(row: Mapping[str, Any]) -> Membership:
    care = row["care"]
    return Membership(
        user_id=row["sk"].removeprefix(fact_rows.USER),
        role=Role(care["role"]),
        since=care["since"],
        by=care["by"],
        sensitive=bool(care["sensitive"]),
    )
