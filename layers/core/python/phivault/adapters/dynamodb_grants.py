"""Grants in the table AccessState: the rows are those of grant_rows and fact_rows.

AWS actions: dynamodb:GetItem, Query, PutItem, UpdateItem.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from typing import Any, Final

from botocore.exceptions import ClientError

from phivault.adapters import fact_rows, grant_rows
from phivault.adapters.aws import client, translated
from phivault.adapters.session_rows import Row, items, row_of
from phivault.adapters.state_transactions import together
from phivault.errors import Conflict
from phivault.permissions.grants.state import Approved, Grant, State, Waiting

_CONDITION: Final = "ConditionalCheckFailedException"
_MOVED_ON: Final = "This grant changed meanwhile: look at it again"
_BATCH, _MOST_BATCHES = 250, 4
"""Rows that one page of a list may look at."""
_SWEPT_SECONDS: Final = 3600
"""How long a grant is over before its fact goes: more than clocks differ."""
_MOST_SWEPT: Final = 50
"""At a time: an update has 300 operators and 4 KiB, and one that were refused couldn't revoke either."""
# Both are, or may become, reserved words of DynamoDB.
_NAMES: Final = {"#state": "state", "#version": "version"}


class DynamoGrants:
    """Fills GrantStore of phivault.permissions. ``now`` answers Unix seconds."""

    def __init__(self, table: str, *, now: Callable[[], float] = time.time) -> None:
        self._table, self._now = table, now

    def grant(self, tenant: str, id: str) -> Grant | None:
        row = self._row(grant_rows.grant_key(tenant, id))
        return grant_rows.grant_of(row) if row else None

    def grants(
        self, tenant: str, *, patient: str = "", user_id: str = "", after: str = "", limit: int
    ) -> tuple[Sequence[Grant], str]:
        wanted = {name: value for name, value in (("patient", patient), ("user_id", user_id)) if value}
        found: list[Grant] = []
        for _ in range(_MOST_BATCHES):
            rows, after = self._listed(tenant, wanted, after)
            found += map(grant_rows.grant_of, rows)
            if len(found) > limit:
                return found[:limit], found[limit - 1].id
            if not after:
                break
        return found, after

    def versions(self, tenant: str, id: str, limit: int) -> Sequence[Approved]:
        key = grant_rows.version_key(tenant, id, 0)
        values = {":pk": key["pk"], ":prefix": grant_rows.VERSION}
        with translated("DynamoDB"):
            page = client("dynamodb").query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
                ExpressionAttributeValues=items(values),
                ConsistentRead=True,
                ScanIndexForward=False,
                Limit=limit,
            )
        return [grant_rows.approved_of(row_of(item)) for item in page["Items"]]

    def version(self, tenant: str, id: str, version: int) -> Approved | None:
        row = self._row(grant_rows.version_key(tenant, id, version))
        return grant_rows.approved_of(row) if row else None

    def add(self, tenant: str, grant: Grant) -> None:
        try:
            with translated("DynamoDB", _CONDITION):
                client("dynamodb").put_item(
                    TableName=self._table,
                    Item=items(grant_rows.new_row(tenant, grant)),
                    ConditionExpression="attribute_not_exists(pk)",
                )
        except ClientError:
            raise Conflict("This grant stands already") from None

    def wait(self, tenant: str, grant: Grant, waiting: Waiting) -> None:
        self._update(
            tenant,
            grant,
            "SET waits = :waits, latest = :next",
            "#state = :active AND #version = :base AND latest = :latest"
            " AND (attribute_not_exists(waits) OR waits.expires <= :now)",
            {
                ":waits": grant_rows.version_map(waiting),
                ":next": waiting.version,
                ":latest": grant.latest,
                ":base": grant.version,
                ":now": int(self._now()),
                ":active": State.ACTIVE.value,
            },
        )

    def approve(self, tenant: str, grant: Grant, by: str, now: int) -> None:
        if grant.waiting is None or grant.state not in (State.PROPOSED, State.ACTIVE):
            raise Conflict(_MOVED_ON)
        approved = grant_rows.version_map(grant.waiting.approved(by, now))
        # Two people, neither of them the grantee; the version that was looked at, from where it was proposed; in time.
        condition = (
            "#state = :was AND #version = :base AND waits.#version = :version AND waits.expires > :now"
            " AND waits.proposed_by <> :by AND user_id <> :by"
        )
        if grant.state is State.ACTIVE:
            condition += " AND holds.terms.#until > :now"
        step = {
            "TableName": self._table,
            "Key": items(grant_rows.grant_key(tenant, grant.id)),
            "UpdateExpression": "SET #state = :active, #version = :version, holds = :holds REMOVE waits, expires",
            "ConditionExpression": condition,
            "ExpressionAttributeNames": _NAMES | ({"#until": "until"} if grant.state is State.ACTIVE else {}),
            "ExpressionAttributeValues": items(
                {
                    ":was": grant.state.value,
                    ":active": State.ACTIVE.value,
                    ":base": grant.version,
                    ":version": grant.waiting.version,
                    ":holds": approved,
                    ":now": int(self._now()),
                    ":by": by,
                }
            ),
        }
        kept = {
            "TableName": self._table,
            "Item": items(grant_rows.version_key(tenant, grant.id, grant.waiting.version) | approved),
            "ConditionExpression": "attribute_not_exists(pk)",
        }
        fact = self._fact(tenant, grant, grant_rows.fact_value(grant, grant.waiting.terms))
        known = [{"Put": self._known(tenant, grant)}] if grant.patient else []
        together([{"Update": step}, {"Put": kept}, {"Update": fact}, *known], _MOVED_ON)

    def withdraw(self, tenant: str, grant: Grant, by: str, now: int) -> None:
        waits = {":waits": grant.waiting.version if grant.waiting else 0}
        if grant.state is State.PROPOSED:
            closed = {":closed": State.WITHDRAWN.value, ":by": by, ":at": now, ":was": State.PROPOSED.value}
            change = "SET #state = :closed, closed_by = :by, closed = :at"
            self._update(tenant, grant, change, "#state = :was AND waits.#version = :waits", waits | closed)
        else:
            holds = {":was": State.ACTIVE.value}
            self._update(tenant, grant, "REMOVE waits", "#state = :was AND waits.#version = :waits", waits | holds)

    def revoke(self, tenant: str, grant: Grant, by: str, now: int) -> None:
        closed = {":closed": State.REVOKED.value, ":by": by, ":at": now, ":was": State.ACTIVE.value}
        step = {
            "TableName": self._table,
            "Key": items(grant_rows.grant_key(tenant, grant.id)),
            "UpdateExpression": "SET #state = :closed, closed_by = :by, closed = :at REMOVE waits",
            # Whichever version holds by now is what has to go: this must not lose to a change of it.
            "ConditionExpression": "#state = :was",
            "ExpressionAttributeNames": {"#state": "state"},
            "ExpressionAttributeValues": items(closed),
        }
        together([{"Update": step}, {"Update": self._fact(tenant, grant, None)}], _MOVED_ON)

    def _fact(self, tenant: str, grant: Grant, value: Row | None) -> dict[str, Any]:
        """The change of what decisions read: the grant's attribute set, or removed; those long over go with it."""
        key, name = grant_rows.fact_place(tenant, grant)
        over = _long_over(self._row(key) or {}, name.partition("#")[0] + "#", self._now()) - {name}
        removed = {f"#over{number}": each for number, each in enumerate(sorted(over)[:_MOST_SWEPT])}
        removed |= {} if value else {"#fact": name}
        change = "SET #fact = :value" if value else ""
        if removed:
            change += " REMOVE " + ", ".join(removed)
        update = {
            "TableName": self._table,
            "Key": items(key),
            "UpdateExpression": change.strip(),
            "ExpressionAttributeNames": removed | ({"#fact": name} if value else {}),
        }
        return update | ({"ExpressionAttributeValues": items({":value": value})} if value else {})

    def _known(self, tenant: str, grant: Grant) -> dict[str, Any]:
        key = fact_rows.patient_of_key(tenant, grant.user_id, grant.patient)
        return {"TableName": self._table, "Item": items(key)}

    def _update(self, tenant: str, grant: Grant, change: str, condition: str, values: Row) -> None:
        try:
            with translated("DynamoDB", _CONDITION):
                client("dynamodb").update_item(
                    TableName=self._table,
                    Key=items(grant_rows.grant_key(tenant, grant.id)),
                    UpdateExpression=change,
                    ConditionExpression=condition,
                    ExpressionAttributeNames=_NAMES,
                    ExpressionAttributeValues=items(values),
                )
        except ClientError:
            raise Conflict(_MOVED_ON) from None

    def _listed(self, tenant: str, wanted: dict[str, str], after: str) -> tuple[list[Row], str]:
        values = {":pk": grant_rows.grants_partition(tenant)} | {f":{name}": one for name, one in wanted.items()}
        more: dict[str, Any] = {}
        if wanted:
            more["FilterExpression"] = " AND ".join(f"{name} = :{name}" for name in wanted)
        if after:
            values[":after"] = after
        with translated("DynamoDB"):
            page = client("dynamodb").query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk AND sk > :after" if after else "pk = :pk",
                ExpressionAttributeValues=items(values),
                ConsistentRead=True,
                Limit=_BATCH,
                **more,
            )
        last = row_of(page.get("LastEvaluatedKey", {}))
        return [row_of(item) for item in page["Items"]], str(last.get("sk", ""))

    def _row(self, key: Row) -> Row | None:
        with translated("DynamoDB"):
            answer = client("dynamodb").get_item(TableName=self._table, Key=items(key), ConsistentRead=True)
        return row_of(answer["Item"]) if "Item" in answer else None


def _long_over(row: Row, prefix: str, now: float) -> set[str]:
    """The grants' attributes of a row that ended so long ago that nobody's clock reads them any more: without this the
    row of who is granted much would only grow."""
    ended = now - _SWEPT_SECONDS
    return {name for name, value in row.items() if name.startswith(prefix) and value["until"] <= ended}
