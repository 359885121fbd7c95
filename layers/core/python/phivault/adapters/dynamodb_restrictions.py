"""Restrictions of processing in the table AccessState: the attribute ``restriction`` of the rows of fact_rows.

AWS actions: dynamodb:GetItem, UpdateItem.
"""

from __future__ import annotations

from botocore.exceptions import ClientError

from phivault.access.purpose import PurposeOfUse
from phivault.adapters import fact_rows
from phivault.adapters.aws import client, translated
from phivault.adapters.session_rows import items, row_of
from phivault.errors import NotFound
from phivault.permissions.restriction import Ground, Restriction

_CONDITION = "ConditionalCheckFailedException"


class DynamoRestrictions:
    """Fills Restrictions of phivault.permissions."""

    def __init__(self, table: str) -> None:
        self._table = table

    def restriction(self, tenant: str, patient: str) -> Restriction | None:
        key = fact_rows.patient_key(tenant, patient)
        with translated("DynamoDB"):
            answer = client("dynamodb").get_item(TableName=self._table, Key=items(key), ConsistentRead=True)
        found = row_of(answer.get("Item", {})).get("restriction")
        if found is None:
            return None
        purposes = tuple(PurposeOfUse(name) for name in found["purposes"])
        return Restriction(Ground(found["ground"]), purposes, found["since"], found["by"])

    def put(self, tenant: str, patient: str, restriction: Restriction) -> None:
        kept = {
            "ground": restriction.ground.value,
            "purposes": [purpose.value for purpose in restriction.purposes],
            "since": restriction.since,
            "by": restriction.by,
        }
        with translated("DynamoDB"):
            client("dynamodb").update_item(
                TableName=self._table,
                Key=items(fact_rows.patient_key(tenant, patient)),
                UpdateExpression="SET restriction = :restriction",
                ExpressionAttributeValues=items({":restriction": kept}),
            )

    def lift(self, tenant: str, patient: str) -> None:
        try:
            with translated("DynamoDB", _CONDITION):
                client("dynamodb").update_item(
                    TableName=self._table,
                    Key=items(fact_rows.patient_key(tenant, patient)),
                    UpdateExpression="REMOVE restriction",
                    ConditionExpression="attribute_exists(restriction)",
                )
        except ClientError:
            raise NotFound("Nothing is restricted") from None
