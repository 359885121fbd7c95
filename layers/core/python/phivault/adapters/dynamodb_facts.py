"""The facts of decisions, read from the table AccessState: the rows are those of fact_rows.

AWS actions: dynamodb:BatchGetItem (load), dynamodb:GetItem (approved, projects), dynamodb:Query (patients_of),
dynamodb:UpdateItem and dynamodb:PutItem (join_care_team).
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime

from phivault.access.facts import PatientFacts
from phivault.access.principal import Principal
from phivault.access.purpose import Purpose, PurposeOfUse
from phivault.access.roles import Role
from phivault.adapters import batch_get, fact_rows
from phivault.adapters.aws import client, translated
from phivault.adapters.session_rows import Row, items, row_of
from phivault.adapters.state_transactions import together


class DynamoFacts:
    """Fills FactStore of phivault.access. ``now`` answers Unix seconds; ``wait`` sleeps for seconds."""

    def __init__(
        self, table: str, *, now: Callable[[], float] = time.time, wait: Callable[[float], None] = time.sleep
    ) -> None:
        self._table, self._now, self._wait = table, now, wait

    def load(self, principal: Principal, purpose: Purpose, patients: Collection[str]) -> dict[str, PatientFacts]:
        tenant, user_id, now = principal.tenant, principal.user_id, self._now()
        wanted = [key for one in dict.fromkeys(patients) for key in self._keys(tenant, one, user_id)]
        emergency = purpose.of_use is PurposeOfUse.EMERGENCY
        standing = fact_rows.standing_key(tenant, user_id)
        rows = self._rows([standing, *wanted] if emergency and wanted else wanted)
        # For any other purpose nobody looks whether reviews are overdue, so then no glass is broken either.
        broken = emergency and not fact_rows.is_overdue(rows.get(_place(standing), {}), now)
        found = {}
        for patient in patients:
            user, everyone = (rows.get(_place(key), {}) for key in self._keys(tenant, patient, user_id))
            if not broken:
                user = {name: value for name, value in user.items() if name != "break_glass"}
            found[patient] = fact_rows.facts_of(tenant, patient, str(purpose.of_use), user, everyone, now)
        return found

    def approved(self, principal: Principal, project: str) -> bool:
        return project in self.projects(principal)

    def projects(self, principal: Principal) -> frozenset[str]:
        key = fact_rows.standing_key(principal.tenant, principal.user_id)
        with translated("DynamoDB"):
            answer = client("dynamodb").get_item(TableName=self._table, Key=items(key), ConsistentRead=True)
        return fact_rows.projects_of(row_of(answer.get("Item", {})), self._now())

    def patients_of(self, principal: Principal) -> frozenset[str]:
        wanted = {
            ":pk": fact_rows.user_partition(principal.tenant, principal.user_id),
            ":prefix": fact_rows.PATIENT,
        }
        pages = (
            client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self._table,
                KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
                ExpressionAttributeValues=items(wanted),
                ProjectionExpression="sk",
                ConsistentRead=True,
            )
        )
        with translated("DynamoDB"):
            found = [str(row_of(item)["sk"]) for page in pages for item in page["Items"]]
        return frozenset(sk.removeprefix(fact_rows.PATIENT) for sk in found)

    def join_care_team(self, tenant: str, patient: str, user_id: str, role: Role) -> None:
        since = datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        care = {"role": role.value, "since": since, "by": user_id, "sensitive": True}
        update = {
            "TableName": self._table,
            "Key": items(fact_rows.user_key(tenant, patient, user_id)),
            "UpdateExpression": "SET care = if_not_exists(care, :care)",
            "ExpressionAttributeValues": items({":care": care}),
        }
        known = {"TableName": self._table, "Item": items(fact_rows.patient_of_key(tenant, user_id, patient))}
        together([{"Update": update}, {"Put": known}], "This care team changes at this moment", wait=self._wait)

    def _keys(self, tenant: str, patient: str, user_id: str) -> tuple[Row, Row]:
        return fact_rows.user_key(tenant, patient, user_id), fact_rows.patient_key(tenant, patient)

    def _rows(self, keys: Sequence[Row]) -> dict[tuple[str, str], Row]:
        return {_place(row): row for row in batch_get.rows(self._table, keys, wait=self._wait)}


def _place(key: Row) -> tuple[str, str]:
    return key["pk"], key["sk"]
