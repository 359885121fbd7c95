"""The users of tenants in the table AccessState.

Rows: ``T#<tenant>#USERS`` / ``<user id>`` with ``role``, ``patient_id`` ("" for none), ``status``, ``created``,
``last_sign_in`` and the sealed person in ``personal``, ``personal_subject``, ``personal_ref``; ``T#<tenant>#ADMINS`` /
``ADMINS`` with ``members``, the ids of the active tenant_admins. A change of a user and of that set is one transaction,
and nobody leaves the set as its last member: so a tenant that has an administrator keeps one.

AWS actions: dynamodb:GetItem, Query, PutItem, UpdateItem.
"""

from __future__ import annotations

import random
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer
from botocore.exceptions import ClientError

from phivault.access.principal import Personal
from phivault.access.roles import Role
from phivault.adapters.aws import client, translated
from phivault.errors import Conflict, NotFound, Unavailable
from phivault.identity.directory import Status, User

type Row = dict[str, Any]
type Item = dict[str, Any]

_CANCELLED: Final = "TransactionCanceledException"
_RACED: Final = frozenset({"ConditionalCheckFailed", "TransactionConflict"})
_TRIES: Final = 6
_PAUSE_SECONDS: Final = 0.02  # doubled with every try
_NEXT: Final = {
    Status.ACTIVE: {Status.SUSPENDED, Status.OFFBOARDED},
    Status.SUSPENDED: {Status.ACTIVE, Status.OFFBOARDED},
    Status.OFFBOARDED: set[Status](),
}
_to_dynamodb = TypeSerializer().serialize
_from_dynamodb = TypeDeserializer().deserialize


class DynamoDirectory:
    """Fills phivault.identity.directory.DirectoryStore."""

    def __init__(self, table: str) -> None:
        self._table = table

    def user(self, tenant: str, user_id: str) -> User | None:
        with translated("DynamoDB"):
            answer = client("dynamodb").get_item(
                TableName=self._table, Key=_items(_key(tenant, user_id)), ConsistentRead=True
            )
        return _user(tenant, answer["Item"]) if "Item" in answer else None

    def users(self, tenant: str, *, after: str = "", limit: int = 50) -> Sequence[User]:
        found: list[User] = []
        while len(found) < limit:
            page = self._page(tenant, found[-1].user_id if found else after, limit - len(found))
            found += [_user(tenant, item) for item in page["Items"]]
            if "LastEvaluatedKey" not in page:
                break
        return found

    def _page(self, tenant: str, after: str, limit: int) -> Any:
        later = {":after": {"S": after}} if after else {}
        with translated("DynamoDB"):
            return client("dynamodb").query(
                TableName=self._table,
                KeyConditionExpression="pk = :pk AND sk > :after" if after else "pk = :pk",
                ExpressionAttributeValues={":pk": {"S": _key(tenant, after)["pk"]}, **later},
                ConsistentRead=True,
                Limit=limit,
            )

    def add_user(self, user: User) -> None:
        row = _key(user.tenant, user.user_id) | {
            "role": user.role.value,
            "patient_id": user.patient_id or "",
            "status": user.status.value,
            "created": user.created,
            "last_sign_in": user.last_sign_in,
            **_personal_attributes(user.person),
        }
        put: Item = {"TableName": self._table, "Item": _items(row), "ConditionExpression": "attribute_not_exists(pk)"}
        counted = [_entering(self._table, user.tenant, user.user_id)] if _administers(user.role, user.status) else []

        def attempt() -> bool:
            reasons = self._transact([{"Put": put}, *counted])
            if _failed(reasons, 0):
                raise Conflict("The user stands already")
            return not reasons

        _persist(attempt)

    def change_role(self, tenant: str, user_id: str, role: Role, patient_id: str | None) -> None:
        def attempt() -> bool:
            user = self.user(tenant, user_id)
            if user is None or user.status is Status.OFFBOARDED:
                raise NotFound("There is no such user")
            return self._change(user, role, patient_id, user.status)

        _persist(attempt)

    def change_status(self, tenant: str, user_id: str, status: Status) -> None:
        def attempt() -> bool:
            user = self.user(tenant, user_id)
            if user is None:
                raise NotFound("There is no such user")
            if status not in _NEXT[user.status]:
                raise Conflict("The user's status doesn't allow that")
            return self._change(user, user.role, user.patient_id, status)

        _persist(attempt)

    def _change(self, user: User, role: Role, patient_id: str | None, status: Status) -> bool:
        """False where the row isn't as ``user`` any more. Conflict for the last administrator."""
        new = {":role": role.value, ":patient": patient_id or "", ":status": status.value}
        old = {":was_role": user.role.value, ":was_status": user.status.value}
        update: Item = {
            "TableName": self._table,
            "Key": _items(_key(user.tenant, user.user_id)),
            "UpdateExpression": "SET #role = :role, #patient = :patient, #status = :status",
            "ConditionExpression": "#role = :was_role AND #status = :was_status",
            "ExpressionAttributeNames": {"#role": "role", "#patient": "patient_id", "#status": "status"},
            "ExpressionAttributeValues": _items(new | old),
        }
        before, after = _administers(user.role, user.status), _administers(role, status)
        moves: list[Item] = []
        if before and not after:
            moves = [self._leave(user.tenant, user.user_id)]
        elif after:
            moves = [_entering(self._table, user.tenant, user.user_id)]
        reasons = self._transact([{"Update": update}, *moves])
        if _failed(reasons, 1) and not _failed(reasons, 0):  # else somebody else was first: look again
            raise Conflict("A tenant's last administrator has to stay one")
        return not reasons

    def _leave(self, tenant: str, user_id: str) -> Item:
        update: Item = {
            "TableName": self._table,
            "Key": _items(_admins_key(tenant)),
            "UpdateExpression": "DELETE #members :them",
            # Two who leave at once write one item: one transaction waits for the other and sees what it left.
            "ConditionExpression": "contains(#members, :they) AND size(#members) > :one",
            "ExpressionAttributeNames": {"#members": "members"},
            "ExpressionAttributeValues": {":them": {"SS": [user_id]}, ":they": {"S": user_id}, ":one": {"N": "1"}},
        }
        return {"Update": update}

    def _transact(self, items: list[Item]) -> list[str]:
        """The reasons why it was cancelled, an entry per item; none where it is done."""
        try:
            with translated("DynamoDB", _CANCELLED):
                client("dynamodb").transact_write_items(TransactItems=items)  # type: ignore[arg-type]  # made above
        except ClientError as error:
            reasons = [str(one.get("Code", "")) for one in error.response.get("CancellationReasons", ())]
            # Throttled, or refused for the request itself: no race, so no reason to repeat it here.
            if not set(reasons) & _RACED or set(reasons) - _RACED - {"None"}:
                raise Unavailable("DynamoDB refused a transaction") from None
            return reasons
        return []


def signed_in(table: str, user: User) -> list[Item]:
    """Items of a transaction that opens a session of ``user`` (whose ``created`` and ``last_sign_in`` are now): the row
    is made where there is none, and the whole is cancelled unless the user is active in the very role and for the very
    patient that the tokens name. The row's own item is the first."""
    now = {":at": user.last_sign_in, ":role": user.role.value, ":patient": user.patient_id or ""}
    person = _personal_attributes(user.person)
    kept = ("status", "created", *person)
    update: Item = {
        "TableName": table,
        "Key": _items(_key(user.tenant, user.user_id)),
        "UpdateExpression": "SET #last = :at, #role = :role, #patient = :patient, "
        + ", ".join(f"#{name} = if_not_exists(#{name}, :{name})" for name in kept),
        "ConditionExpression": "attribute_not_exists(pk)"
        " OR (#status = :status AND #role = :role AND #patient = :patient)",
        "ExpressionAttributeNames": {"#last": "last_sign_in", "#role": "role", "#patient": "patient_id"}
        | {f"#{name}": name for name in kept},
        "ExpressionAttributeValues": _items(
            now
            | {":status": Status.ACTIVE.value, ":created": user.created}
            | {f":{name}": value for name, value in person.items()}
        ),
    }
    counted = [_entering(table, user.tenant, user.user_id)] if user.role is Role.TENANT_ADMIN else []
    return [{"Update": update}, *counted]


def _entering(table: str, tenant: str, user_id: str) -> Item:
    """The transaction item that counts an active tenant_admin."""
    update: Item = {
        "TableName": table,
        "Key": _items(_admins_key(tenant)),
        "UpdateExpression": "ADD #members :them",
        "ExpressionAttributeNames": {"#members": "members"},
        "ExpressionAttributeValues": {":them": {"SS": [user_id]}},
    }
    return {"Update": update}


def _persist(attempt: Callable[[], bool]) -> None:
    """Repeat what lost a race, from its first look on."""
    for number in range(_TRIES):
        if attempt():
            return
        # The random number spreads retries; it guards nothing.
        time.sleep(random.uniform(0, _PAUSE_SECONDS * 2**number))  # noqa: S311  # nosec B311
    raise Conflict("The users of this tenant are being changed: try again")


def _failed(reasons: Sequence[str], index: int) -> bool:
    return len(reasons) > index and reasons[index] == "ConditionalCheckFailed"


def _administers(role: Role, status: Status) -> bool:
    return role is Role.TENANT_ADMIN and status is Status.ACTIVE


def _key(tenant: str, user_id: str) -> Row:
    return {"pk": f"T#{tenant}#USERS", "sk": user_id}


def _admins_key(tenant: str) -> Row:
    return {"pk": f"T#{tenant}#ADMINS", "sk": "ADMINS"}


def _items(row: Mapping[str, Any]) -> Item:
    return {name: _to_dynamodb(value) for name, value in row.items()}


def _personal_attributes(person: Personal) -> Row:
    return {"personal": person.sealed, "personal_subject": person.subject, "personal_ref": person.ref}


def _user(tenant: str, item: Mapping[str, Any]) -> User:
    row = {name: _from_dynamodb(value) for name, value in item.items()}
    return User(
        user_id=row["sk"],
        tenant=tenant,
        role=Role(row["role"]),
        patient_id=row["patient_id"] or None,
        person=Personal(row["personal_subject"], row["personal_ref"], bytes(row["personal"])),
        created=int(row["created"]),
        last_sign_in=int(row["last_sign_in"]),
        status=Status(row["status"]),
    )
