"""Tenants' own policies in the table AccessState.

Rows: ``T#<tenant>`` / ``POLICIES`` (fact_rows), which version holds; ``T#<tenant>#POLICIES`` / ``V#<ten digits>``, a
version's ``text``, ``ids``, ``sha256`` and where it came from, never changed; ``T#<tenant>#POLICIES`` /
``PROPOSAL#<two digits>``, an open proposal with ``expires``, the table's TTL attribute. The digits are one of as many
places as proposals may be open, so that no counter is kept: who finds no free place is refused. DynamoDB deletes late,
so ``expires`` is checked on every read and in every condition.

AWS actions: dynamodb:GetItem, Query, PutItem, UpdateItem, DeleteItem.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from botocore.exceptions import ClientError

from phivault.adapters.aws import client, translated
from phivault.adapters.fact_rows import policies_key
from phivault.adapters.session_rows import Row, items, row_of
from phivault.adapters.state_transactions import together
from phivault.errors import Conflict, Unavailable
from phivault.permissions.policies.state import MOST_OPEN, PolicyVersion, Proposal

_CONDITION: Final = "ConditionalCheckFailedException"
_VERSION, _PROPOSAL = "V#", "PROPOSAL#"
_GONE: Final = "This proposal was approved or withdrawn meanwhile, isn't yours to approve, or another version holds"
# Its own, too: a call whose answer was lost is made again.
_FREE: Final = "attribute_not_exists(pk) OR expires <= :now OR id = :id"
_WITHOUT_TEXT: Final = "sk, ids, sha256, proposal, proposed_by, proposed, approved_by, approved, restores"
_FULL: Final = f"{MOST_OPEN} proposals are open: approve or withdraw one first"


class DynamoTenantPolicies:
    """Fills TenantPolicies of phivault.access and PolicyStore of phivault.permissions. ``now`` answers Unix seconds."""

    def __init__(self, table: str, *, now: Callable[[], float] = time.time) -> None:
        self._table, self._now = table, now

    def current(self, tenant: str) -> int:
        return int((self._row(policies_key(tenant)) or {}).get("version", 0))

    def text(self, tenant: str, version: int) -> str:
        row = self._row(version_key(tenant, version))
        if row is None:
            raise Unavailable("The tenant's policies of this version are missing")
        return str(row["text"])

    def version(self, tenant: str, version: int) -> PolicyVersion | None:
        row = self._row(version_key(tenant, version))
        return _version(row) if row else None

    def history(self, tenant: str, limit: int) -> Sequence[PolicyVersion]:
        found: list[PolicyVersion] = []
        newest = {"ScanIndexForward": False, "Limit": limit, "ProjectionExpression": _WITHOUT_TEXT}
        for row in self._rows(tenant, _VERSION, **newest):
            found.append(_version(row))
            if len(found) == limit:
                break
        return found

    def proposals(self, tenant: str) -> Sequence[Proposal]:
        return sorted((_proposal(row) for row in self._open(tenant)), key=lambda one: (one.proposed, one.id))

    def propose(self, tenant: str, proposal: Proposal) -> None:
        taken = {str(row["sk"]) for row in self._open(tenant)}
        for place in range(MOST_OPEN):
            key = _proposal_key(tenant, place)
            if key["sk"] not in taken and self._put(key | _proposal_row(proposal)):
                return
        raise Conflict(_FULL)

    def approve(self, tenant: str, proposal: Proposal, by: str, now: int) -> None:
        version = proposal.base + 1
        row = version_key(tenant, version) | {
            "text": proposal.text,
            "ids": list(proposal.ids),
            "sha256": proposal.sha256,
            "proposal": proposal.id,
            "proposed_by": proposal.proposed_by,
            "proposed": proposal.proposed,
            "approved_by": by,
            "approved": now,
            "restores": proposal.restores,
        }
        put = {"TableName": self._table, "Item": items(row), "ConditionExpression": "attribute_not_exists(pk)"}
        standing = self._standing(tenant, proposal)
        # What holds is decided here and nowhere else: by another person, once, and from the very version looked at.
        standing["ConditionExpression"] += " AND proposed_by <> :by"
        standing["ExpressionAttributeValues"] |= items({":by": by})
        together([{"Update": self._step(tenant, proposal.base)}, {"Put": put}, {"Delete": standing}], _GONE)

    def withdraw(self, tenant: str, proposal: Proposal) -> None:
        try:
            with translated("DynamoDB", _CONDITION):
                client("dynamodb").delete_item(**self._standing(tenant, proposal))
        except ClientError:
            raise Conflict("This proposal was approved or withdrawn meanwhile") from None

    def _step(self, tenant: str, base: int) -> dict[str, Any]:
        first = "(attribute_not_exists(#version) OR #version = :base)" if base == 0 else "#version = :base"
        return {
            "TableName": self._table,
            "Key": items(policies_key(tenant)),
            "UpdateExpression": "SET #version = :next",
            "ConditionExpression": first,
            "ExpressionAttributeNames": {"#version": "version"},
            "ExpressionAttributeValues": items({":base": base, ":next": base + 1}),
        }

    def _standing(self, tenant: str, proposal: Proposal) -> dict[str, Any]:
        """The arguments of a deletion that happens only while this proposal is open."""
        place = next((row["sk"] for row in self._open(tenant) if row["id"] == proposal.id), None)
        if place is None:
            raise Conflict(_GONE)
        return {
            "TableName": self._table,
            "Key": items(_proposal_key(tenant, 0) | {"sk": place}),
            "ConditionExpression": "id = :id AND expires > :now",
            "ExpressionAttributeValues": items({":id": proposal.id, ":now": int(self._now())}),
        }

    def _put(self, row: Row) -> bool:
        """False where somebody took this place first."""
        try:
            with translated("DynamoDB", _CONDITION):
                client("dynamodb").put_item(
                    TableName=self._table,
                    Item=items(row),
                    ConditionExpression=_FREE,
                    ExpressionAttributeValues=items({":now": int(self._now()), ":id": row["id"]}),
                )
        except ClientError:
            return False
        return True

    def _open(self, tenant: str) -> list[Row]:
        return [row for row in self._rows(tenant, _PROPOSAL) if row["expires"] > self._now()]

    def _row(self, key: Row) -> Row | None:
        with translated("DynamoDB"):
            answer = client("dynamodb").get_item(TableName=self._table, Key=items(key), ConsistentRead=True)
        return row_of(answer["Item"]) if "Item" in answer else None

    def _rows(self, tenant: str, prefix: str, **more: Any) -> Iterator[Row]:
        wanted = items({":pk": version_key(tenant, 0)["pk"], ":prefix": prefix})
        pages = (
            client("dynamodb")
            .get_paginator("query")
            .paginate(
                TableName=self._table,
                KeyConditionExpression="pk = :pk AND begins_with(sk, :prefix)",
                ExpressionAttributeValues=wanted,
                ConsistentRead=True,
                **more,
            )
        )
        with translated("DynamoDB"):
            for page in pages:
                yield from map(row_of, page["Items"])


def version_key(tenant: str, version: int) -> Row:
    return {"pk": f"{policies_key(tenant)['pk']}#POLICIES", "sk": f"{_VERSION}{version:010}"}


def _proposal_key(tenant: str, place: int) -> Row:
    return {"pk": version_key(tenant, 0)["pk"], "sk": f"{_PROPOSAL}{place:02}"}


def _proposal_row(proposal: Proposal) -> Row:
    return {
        "id": proposal.id,
        "base": proposal.base,
        "text": proposal.text,
        "ids": list(proposal.ids),
        "proposed_by": proposal.proposed_by,
        "proposed": proposal.proposed,
        "expires": proposal.expires,
        "restores": proposal.restores,
    }


def _proposal(row: Row) -> Proposal:
    return Proposal(
        id=row["id"],
        base=int(row["base"]),
        text=row["text"],
        ids=tuple(row["ids"]),
        proposed_by=row["proposed_by"],
        proposed=int(row["proposed"]),
        expires=int(row["expires"]),
        restores=_number(row["restores"]),
    )


def _version(row: Row) -> PolicyVersion:
    return PolicyVersion(
        version=int(row["sk"].removeprefix(_VERSION)),
        ids=tuple(row["ids"]),
        sha256=row["sha256"],
        proposal=row["proposal"],
        proposed_by=row["proposed_by"],
        proposed=int(row["proposed"]),
        approved_by=row["approved_by"],
        approved=int(row["approved"]),
        restores=_number(row["restores"]),
    )


def _number(value: Any) -> int | None:
    return None if value is None else int(value)
