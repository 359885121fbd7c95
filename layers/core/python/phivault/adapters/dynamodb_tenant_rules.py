"""What tenants decide, in the table AccessState.

Rows: ``T#<tenant>`` / ``RULES``, with the fields of TenantRules; ``REGISTRATION#<text>`` / ``REGISTRATION`` with
``tenant``, kept in step with it by the same transaction. None expires.

AWS actions: dynamodb:GetItem (reads); dynamodb:PutItem and dynamodb:DeleteItem (changes).
"""

from __future__ import annotations

from dataclasses import asdict
from typing import Any, Final

from botocore.exceptions import ClientError

from phivault.adapters.aws import client, translated
from phivault.adapters.session_rows import Row, items, row_of
from phivault.errors import Conflict, Unavailable
from phivault.identity.tenant_rules import TenantRules

_CANCELLED: Final = "TransactionCanceledException"
_LONGEST: Final = 64
_RACED: Final = frozenset({"ConditionalCheckFailed", "TransactionConflict"})


class DynamoTenantRules:
    """Fills TenantRulesStore of phivault.identity."""

    def __init__(self, table: str) -> None:
        self._table = table

    def rules(self, tenant: str) -> TenantRules:
        return rules_of(self._get(rules_key(tenant)))

    def replace_rules(self, tenant: str, rules: TenantRules) -> None:
        before = self.rules(tenant)
        if before.version != rules.version - 1:
            raise Conflict("The settings changed meanwhile")
        fields = asdict(rules) | {"networks": {role: list(blocks) for role, blocks in rules.networks.items()}}
        fields["purposes"] = dict(rules.purposes)
        put: dict[str, Any] = {
            "TableName": self._table,
            "Item": items(rules_key(tenant) | fields),
            "ConditionExpression": "attribute_not_exists(pk)" if not before.version else "version = :before",
        }
        if before.version:
            put["ExpressionAttributeValues"] = items({":before": before.version})
        self._transact([{"Put": put}, *self._registered(tenant, before.registration, rules.registration)])

    def tenant_of(self, registration: str) -> str | None:
        # A key has an end, at which DynamoDB would refuse the call instead of finding nothing.
        row = self._get(_registration_key(registration)) if len(registration) <= _LONGEST else None
        if row is None:
            return None
        rules = self.rules(row["tenant"])
        return str(row["tenant"]) if rules.self_sign_up and rules.registration == registration else None

    def _registered(self, tenant: str, before: str, after: str) -> list[Any]:
        if before == after:
            return []
        changes: list[Any] = []
        if before:
            changes.append({"Delete": {"TableName": self._table, "Key": items(_registration_key(before))}})
        if after:
            row = items(_registration_key(after) | {"tenant": tenant})
            # A random text that another tenant has already can only be a fault: nobody's row is taken over.
            unclaimed = "attribute_not_exists(pk)"
            changes.append({"Put": {"TableName": self._table, "Item": row, "ConditionExpression": unclaimed}})
        return changes

    def _get(self, key: Row) -> Row | None:
        with translated("DynamoDB"):
            answer = client("dynamodb").get_item(TableName=self._table, Key=items(key), ConsistentRead=True)
        return row_of(answer["Item"]) if "Item" in answer else None

    def _transact(self, changes: list[Any]) -> None:
        try:
            with translated("DynamoDB", _CANCELLED):
                client("dynamodb").transact_write_items(TransactItems=changes)
        except ClientError as error:
            reasons = {reason.get("Code") for reason in error.response.get("CancellationReasons", ())}
            if reasons & _RACED:
                raise Conflict("The settings changed meanwhile") from None
            raise Unavailable("DynamoDB refused a transaction") from None


def rules_key(tenant: str) -> Row:
    return {"pk": f"T#{tenant}", "sk": "RULES"}


def rules_of(row: Row | None) -> TenantRules:
    """The rules in a row; the defaults for none."""
    if row is None:
        return TenantRules()
    return TenantRules(
        idle=int(row["idle"]),
        absolute=int(row["absolute"]),
        self_sign_up=bool(row["self_sign_up"]),
        registration=row["registration"],
        cooling=int(row["cooling"]),
        networks={role: tuple(blocks) for role, blocks in row["networks"].items()},
        purposes=dict(row.get("purposes", {})),
        version=int(row["version"]),
    )


def _registration_key(registration: str) -> Row:
    return {"pk": f"REGISTRATION#{registration}", "sk": "REGISTRATION"}
