"""Proposals about users in the table AccessState.

Rows: ``T#<tenant>#PROPOSALS`` / ``<id>`` with ``role``, ``patient_id`` ("" for none), ``proposed_by``, ``approved_by``
("" until then), ``nonce``, ``expires`` and, of an invitation, the sealed address in ``personal``, ``personal_subject``,
``personal_ref``. ``expires`` is the table's TTL attribute; DynamoDB deletes late, so it is checked on every read and in
every condition.

AWS actions: dynamodb:GetItem, Query, PutItem, UpdateItem, DeleteItem.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, Final

from botocore.exceptions import ClientError

from phivault.access.roles import Role
from phivault.adapters.aws import client, translated
from phivault.adapters.session_rows import Row, items, personal_attributes, personal_of, row_of
from phivault.errors import Conflict
from phivault.identity.proposals import Proposal

_CONDITION: Final = "ConditionalCheckFailedException"
_STANDS: Final = "nonce = :nonce AND expires > :now"


class DynamoProposals:
    """Fills ProposalStore of phivault.identity. ``now`` answers Unix seconds."""

    def __init__(self, table: str, *, now: Callable[[], float] = time.time) -> None:
        self._table, self._now = table, now

    def propose(self, proposal: Proposal) -> None:
        with _unless("This was asked for already: approve it or withdraw it"):
            client("dynamodb").put_item(
                TableName=self._table,
                Item=items(_row(proposal)),
                ConditionExpression="attribute_not_exists(pk) OR expires <= :now",
                ExpressionAttributeValues=items({":now": int(self._now())}),
            )

    def proposal(self, tenant: str, id: str) -> Proposal | None:
        with translated("DynamoDB"):
            answer = client("dynamodb").get_item(
                TableName=self._table, Key=items(_key(tenant, id)), ConsistentRead=True
            )
        found = _proposal(tenant, row_of(answer["Item"])) if "Item" in answer else None
        return found if found and found.expires > self._now() else None

    def proposals(self, tenant: str) -> Sequence[Proposal]:
        pages = (
            client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self._table,
                KeyConditionExpression="pk = :pk",
                ExpressionAttributeValues=items({":pk": _key(tenant, "")["pk"]}),
                ConsistentRead=True,
            )
        )
        with translated("DynamoDB"):
            found = [_proposal(tenant, row_of(item)) for page in pages for item in page["Items"]]
        return [each for each in found if each.expires > self._now()]

    def approve(self, proposal: Proposal) -> None:
        with _unless("This changed meanwhile, or isn't yours to approve"):
            client("dynamodb").update_item(
                TableName=self._table,
                Key=items(_key(proposal.tenant, proposal.id)),
                UpdateExpression="SET approved_by = :by",
                ConditionExpression=f"{_STANDS} AND proposed_by <> :by",
                ExpressionAttributeValues=items(self._standing(proposal) | {":by": proposal.approved_by}),
            )

    def drop(self, proposal: Proposal) -> None:
        with _unless("This changed meanwhile"):
            client("dynamodb").delete_item(
                TableName=self._table,
                Key=items(_key(proposal.tenant, proposal.id)),
                ConditionExpression=f"{_STANDS} AND approved_by = :by",
                ExpressionAttributeValues=items(self._standing(proposal) | {":by": proposal.approved_by}),
            )

    def _standing(self, proposal: Proposal) -> dict[str, Any]:
        return {":nonce": proposal.nonce, ":now": int(self._now())}


@contextmanager
def _unless(told: str) -> Iterator[None]:
    try:
        with translated("DynamoDB", _CONDITION):
            yield
    except ClientError:
        raise Conflict(told) from None


def _key(tenant: str, id: str) -> Row:
    return {"pk": f"T#{tenant}#PROPOSALS", "sk": id}


def _row(proposal: Proposal) -> Row:
    return {
        **_key(proposal.tenant, proposal.id),
        **(personal_attributes(proposal.email) if proposal.email else {}),
        "role": proposal.role.value,
        "patient_id": proposal.patient_id or "",
        "proposed_by": proposal.proposed_by,
        "approved_by": proposal.approved_by,
        "nonce": proposal.nonce,
        "expires": proposal.expires,
    }


def _proposal(tenant: str, row: Row) -> Proposal:
    return Proposal(
        id=row["sk"],
        tenant=tenant,
        role=Role(row["role"]),
        patient_id=row["patient_id"] or None,
        proposed_by=row["proposed_by"],
        expires=int(row["expires"]),
        nonce=row["nonce"],
        email=personal_of(row) if "personal" in row else None,
        approved_by=row["approved_by"],
    )
