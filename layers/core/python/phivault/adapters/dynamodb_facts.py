"""Care teams in the table AccessState.

Rows: ``T#<tenant>#P#<patient>`` / ``CARE#<user>``, with the ``role`` joined as and ``since`` (RFC 3339, UTC).

AWS actions: dynamodb:BatchGetItem (load), dynamodb:PutItem (join_care_team).
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime
from itertools import batched
from typing import TYPE_CHECKING

from botocore.exceptions import ClientError

from phivault.access.facts import PatientFacts
from phivault.access.principal import Principal
from phivault.access.roles import Role
from phivault.adapters.aws import client, translated
from phivault.errors import InvalidInput, Unavailable

if TYPE_CHECKING:
    from mypy_boto3_dynamodb.type_defs import AttributeValueTypeDef

type Key = dict[str, AttributeValueTypeDef]

_BATCH = 100  # the most keys of one BatchGetItem
_TRIES = 4
_FIRST_WAIT_SECONDS = 0.025
_CONDITION = "ConditionalCheckFailedException"
_jitter = random.SystemRandom().random


class DynamoFacts:
    """Fills FactStore of phivault.access. ``now`` answers Unix seconds; ``wait`` sleeps for seconds."""

    def __init__(
        self, table: str, *, now: Callable[[], float] = time.time, wait: Callable[[float], None] = time.sleep
    ) -> None:
        self._table, self._now, self._wait = table, now, wait

    def load(self, principal: Principal, patients: Collection[str]) -> dict[str, PatientFacts]:
        keys = {patient: _key(principal.tenant, patient, principal.user_id) for patient in patients}
        found: set[str] = set()
        for batch in batched(keys.values(), _BATCH, strict=False):
            found |= self._present(batch)
        return {
            patient: PatientFacts(patient, principal.tenant, in_care_team=key["pk"]["S"] in found)
            for patient, key in keys.items()
        }

    def join_care_team(self, tenant: str, patient: str, user_id: str, role: Role) -> None:
        since = datetime.fromtimestamp(self._now(), UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        row: Key = {**_key(tenant, patient, user_id), "role": {"S": role.value}, "since": {"S": since}}
        try:
            with translated("DynamoDB", _CONDITION):
                client("dynamodb").put_item(
                    TableName=self._table, Item=row, ConditionExpression="attribute_not_exists(pk)"
                )
        except ClientError:  # a member already, since when and as what stays
            return

    def _present(self, keys: Sequence[Key]) -> set[str]:
        """The partition keys of those rows that exist."""
        found: set[str] = set()
        wanted = list(keys)
        for attempt in range(_TRIES):
            if attempt:
                self._wait(_FIRST_WAIT_SECONDS * 2**attempt * _jitter())
            with translated("DynamoDB"):
                answer = client("dynamodb").batch_get_item(
                    RequestItems={
                        self._table: {"Keys": wanted, "ConsistentRead": True, "ProjectionExpression": "pk, sk"}
                    }
                )
            found |= {item["pk"]["S"] for item in answer["Responses"].get(self._table, ())}
            left = answer.get("UnprocessedKeys", {}).get(self._table)
            if not left:
                return found
            wanted = list(left["Keys"])
        raise Unavailable("DynamoDB did not answer for every patient")


def _key(tenant: str, patient: str, user_id: str) -> Key:
    # "#" separates; an id that held one could name another tenant's row.
    if not all(part and "#" not in part for part in (tenant, patient, user_id)):
        raise InvalidInput("An id is empty or has a character that ids can't have")
    return {"pk": {"S": f"T#{tenant}#P#{patient}"}, "sk": {"S": f"CARE#{user_id}"}}
