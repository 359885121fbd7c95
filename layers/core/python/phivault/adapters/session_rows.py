"""How sessions stand in the table AccessState.

Rows: ``USER#<sub>`` / ``SESSION#<origin_jti>``; ``USER#<sub>`` / ``SESSIONS`` with ``ended_before``
(milliseconds);
``REFRESH#<sha256>`` / ``REFRESH``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from boto3.dynamodb.types import TypeDeserializer, TypeSerializer

from phivault.access.principal import Personal
from phivault.access.roles import Role
from phivault.identity.session_row import Session

type Row = dict[str, Any]

SESSION_PREFIX = "SESSION#"
_to_dynamodb = TypeSerializer().serialize
_from_dynamodb = TypeDeserializer().deserialize


def items(row: Mapping[str, Any]) -> dict[str, Any]:
    """A row as DynamoDB takes it."""
    return {name: _to_dynamodb(value) for name, value in row.items()}


def row_of(item: Mapping[str, Any]) -> Row:
    """A row as DynamoDB gives it."""
    return {name: _from_dynamodb(value) for name, value in item.items()}


def partition(user_id: str) -> str:
    return f"USER#{user_id}"


def session_key(user_id: str, session_id: str) -> Row:
    return {"pk": partition(user_id), "sk": SESSION_PREFIX + session_id}


def barrier_key(user_id: str) -> Row:
    return {"pk": partition(user_id), "sk": "SESSIONS"}


def refresh_key(refresh_hash: str) -> Row:
    return {"pk": f"REFRESH#{refresh_hash}", "sk": "REFRESH"}


def session_row(session: Session) -> Row:
    row = session_key(session.user_id, session.id) | personal_attributes(session.personal)
    return row | {
        "tenant": session.tenant,
        "role": session.role.value,
        "patient_id": session.patient_id or "",
        "began": session.began,
        "auth_time": session.auth_time,
        "opened": session.opened,
        "seen": session.seen,
        "expires": session.expires,
        "salt": session.salt,
        "place": session.place,
        "refresh_hash": session.refresh_hash,
        "token_ids": list(session.token_ids),
        "ended": session.ended,
    }


def refresh_row(session: Session, refresh_hash: str) -> Row:
    owner = {"user_id": session.user_id, "session_id": session.id, "expires": session.expires}
    return refresh_key(refresh_hash) | owner


def session_of(row: Row) -> Session:
    return Session(
        user_id=row["pk"].removeprefix("USER#"),
        id=row["sk"].removeprefix(SESSION_PREFIX),
        tenant=row["tenant"],
        role=Role(row["role"]),
        patient_id=row["patient_id"] or None,
        began=int(row["began"]),
        auth_time=int(row["auth_time"]),
        opened=int(row["opened"]),
        seen=int(row["seen"]),
        expires=int(row["expires"]),
        personal=personal_of(row),
        salt=bytes(row["salt"]),
        place=bytes(row["place"]),
        refresh_hash=row["refresh_hash"],
        token_ids=tuple(row["token_ids"]),
        ended=int(row["ended"]),
    )


def personal_attributes(personal: Personal) -> Row:
    sealed = {"personal": personal.sealed}
    return sealed | {"personal_subject": personal.subject, "personal_ref": personal.ref}


def personal_of(row: Row) -> Personal:
    return Personal(row["personal_subject"], row["personal_ref"], bytes(row["personal"]))
