"""Sign-ups under way and invitations in the table AccessState.

Rows: ``SIGN-UP#<sha256 of the session>`` / ``SIGN-UP``; ``INVITATION#<sha256 of the token>`` / ``INVITATION``. Both
have ``expires`` (Unix seconds), the table's TTL attribute; DynamoDB deletes late, so it is checked on every read.

AWS actions: dynamodb:GetItem, PutItem, UpdateItem, DeleteItem.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from botocore.exceptions import ClientError

from phivault.access.roles import Role
from phivault.adapters.aws import client, translated
from phivault.adapters.session_rows import Row, items, personal_attributes, personal_of, row_of
from phivault.errors import InvalidCredentials, NotFound
from phivault.identity.invitations import Invitation
from phivault.identity.pending_sign_up import PendingSignUp, Place, Step

_CONDITION = "ConditionalCheckFailedException"


class DynamoSignUps:
    """Fills SignUpStore and InvitationStore of phivault.identity. ``now`` answers Unix seconds."""

    def __init__(self, table: str, *, now: Callable[[], float] = time.time) -> None:
        self._table, self._now = table, now

    def save_sign_up(self, pending: PendingSignUp) -> None:
        self._put(_sign_up_row(pending))

    def sign_up(self, id: str) -> PendingSignUp | None:
        row = self._get(_sign_up_key(id))
        return _sign_up(id, row) if row else None

    def spend_try(self, id: str, now: int) -> PendingSignUp | None:
        row = self._update(
            _sign_up_key(id),
            "SET tries = tries - :one",
            "attribute_exists(pk) AND tries > :none AND expires > :now",
            {":one": 1, ":none": 0, ":now": now},
        )
        return _sign_up(id, row) if row else None

    def renew_code(self, id: str, code: str, expires: int, now: int) -> None:
        row = self._update(
            _sign_up_key(id),
            "SET #code = :code, expires = :expires",
            "attribute_exists(pk) AND tries > :none AND expires > :now",
            {":code": code, ":expires": expires, ":none": 0, ":now": now},
            {"#code": "code"},
        )
        if row is None:
            raise InvalidCredentials

    def take_sign_up(self, id: str) -> bool:
        return self._delete(_sign_up_key(id), "attribute_exists(pk)", {})

    def add_invitation(self, invitation: Invitation) -> None:
        self._put(_invitation_row(invitation))

    def invitation(self, id: str) -> Invitation | None:
        row = self._get(_invitation_key(id))
        return _invitation(id, row) if row else None

    def use_invitation(self, id: str, now: int) -> bool:
        row = self._update(
            _invitation_key(id),
            "SET #used = :yes",
            "attribute_exists(pk) AND #used = :no AND expires > :now",
            {":yes": True, ":no": False, ":now": now},
            {"#used": "used"},
        )
        return row is not None

    def withdraw_invitation(self, tenant: str, id: str) -> None:
        values = {":tenant": tenant, ":no": False, ":now": int(self._now())}
        condition = "#tenant = :tenant AND #used = :no AND expires > :now"
        if not self._delete(_invitation_key(id), condition, values, {"#tenant": "tenant", "#used": "used"}):
            raise NotFound("There is no such invitation")

    def _get(self, key: Row) -> Row | None:
        with translated("DynamoDB"):
            answer = client("dynamodb").get_item(TableName=self._table, Key=items(key), ConsistentRead=True)
        row = row_of(answer["Item"]) if "Item" in answer else None
        return row if row and row["expires"] > self._now() else None

    def _put(self, row: Row) -> None:
        with translated("DynamoDB"):
            client("dynamodb").put_item(TableName=self._table, Item=items(row))

    def _update(
        self, key: Row, update: str, condition: str, values: Mapping[str, Any], names: Mapping[str, str] | None = None
    ) -> Row | None:
        """The row as it stands now; None where the condition didn't hold."""
        more: dict[str, Any] = {"ExpressionAttributeNames": dict(names)} if names else {}
        try:
            with translated("DynamoDB", _CONDITION):
                answer = client("dynamodb").update_item(
                    TableName=self._table,
                    Key=items(key),
                    UpdateExpression=update,
                    ConditionExpression=condition,
                    ExpressionAttributeValues=items(values),
                    ReturnValues="ALL_NEW",
                    **more,
                )
        except ClientError:
            return None
        return row_of(answer["Attributes"])

    def _delete(
        self, key: Row, condition: str, values: Mapping[str, Any], names: Mapping[str, str] | None = None
    ) -> bool:
        more: dict[str, Any] = {"ExpressionAttributeValues": items(values)} if values else {}
        more |= {"ExpressionAttributeNames": dict(names)} if names else {}
        try:
            with translated("DynamoDB", _CONDITION):
                client("dynamodb").delete_item(
                    TableName=self._table, Key=items(key), ConditionExpression=condition, **more
                )
        except ClientError:
            return False
        return True


def _sign_up_key(id: str) -> Row:
    return {"pk": f"SIGN-UP#{id}", "sk": "SIGN-UP"}


def _invitation_key(id: str) -> Row:
    return {"pk": f"INVITATION#{id}", "sk": "INVITATION"}


def _sign_up_row(pending: PendingSignUp) -> Row:
    place = pending.place
    return {
        **_sign_up_key(pending.id),
        **personal_attributes(pending.contact),
        "step": pending.step.value,
        "tenant": place.tenant,
        "role": place.role.value,
        "patient_id": place.patient_id or "",
        "invitation": place.invitation,
        "known": pending.known,
        "code": pending.code,
        "expires": pending.expires,
        "tries": pending.tries,
    }


def _sign_up(id: str, row: Row) -> PendingSignUp:
    place = Place(row["tenant"], Role(row["role"]), row["patient_id"] or None, row["invitation"])
    return PendingSignUp(
        id=id,
        step=Step(row["step"]),
        place=place,
        contact=personal_of(row),
        known=row["known"],
        code=row["code"],
        expires=int(row["expires"]),
        tries=int(row["tries"]),
    )


def _invitation_row(invitation: Invitation) -> Row:
    return {
        **_invitation_key(invitation.id),
        **personal_attributes(invitation.email),
        "tenant": invitation.tenant,
        "role": invitation.role.value,
        "patient_id": invitation.patient_id or "",
        "invited_by": invitation.invited_by,
        "expires": invitation.expires,
        "used": invitation.used,
        "approved_by": invitation.approved_by,
    }


def _invitation(id: str, row: Row) -> Invitation:
    return Invitation(
        id=id,
        tenant=row["tenant"],
        role=Role(row["role"]),
        patient_id=row["patient_id"] or None,
        email=personal_of(row),
        invited_by=row["invited_by"],
        expires=int(row["expires"]),
        used=row["used"],
        approved_by=row["approved_by"],
    )
