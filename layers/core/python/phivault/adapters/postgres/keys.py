"""The keys that tenant contexts are signed with, for operators. Two live at a time, so that rotation has no gap:
install the next, let every function take it, retire the last."""

from __future__ import annotations

import secrets
from collections.abc import Sequence

import psycopg

from phivault.adapters.postgres.context import KEY_BYTES, KEY_ID
from phivault.adapters.postgres.operators import connect_operator
from phivault.errors import Conflict, InvalidInput

_INSTALL = """
INSERT INTO app.context_keys (slot, key_id, key)
SELECT free.slot, %b, %b FROM (VALUES (1), (2)) AS free (slot)
WHERE NOT EXISTS (SELECT FROM app.context_keys AS taken WHERE taken.slot = free.slot)
ORDER BY free.slot LIMIT 1
"""
_SAME = "SELECT key_id FROM app.context_keys WHERE key_id = %b AND key = %b"


def install_context_key(dsn_owner: str, key_id: str, key: bytes) -> None:
    """Let the database accept contexts signed with this key of 32 bytes; doing it twice is harmless.

    Raises Conflict when the id stands for another key or two keys live already.
    """
    if not KEY_ID.fullmatch(key_id) or len(key) != KEY_BYTES:
        raise InvalidInput("A context key has an id of letters, digits, _ and -, and 32 bytes")
    with connect_operator(dsn_owner) as connection:
        if connection.execute(_SAME, (key_id, key)).fetchone():
            return
        try:
            installed = connection.execute(_INSTALL, (key_id, key)).rowcount
        except psycopg.errors.UniqueViolation:
            raise Conflict("The context key id is in use") from None
        if not installed:
            raise Conflict("Two context keys live already: retire one first")


def retire_context_key(dsn_owner: str, key_id: str) -> None:
    """Refuse contexts signed with this key from now on; an unknown id is ignored."""
    with connect_operator(dsn_owner) as connection:
        connection.execute("DELETE FROM app.context_keys WHERE key_id = %b", (key_id,))


def ensure_context_keys(dsn_owner: str, key_ids: Sequence[str]) -> dict[str, bytes]:
    """Let exactly these keys live, in this order: make the missing, retire the others. Doing it twice is harmless.

    Raises Conflict where none of the living would stay: functions sign with one of them until they are replaced.
    """
    with connect_operator(dsn_owner) as connection:
        living: dict[str, bytes] = dict(connection.execute("SELECT key_id, key FROM app.context_keys").fetchall())
    if living and not living.keys() & set(key_ids):
        raise Conflict("The next context key is added beside the living one, which is retired by a later release")
    for key_id in living.keys() - set(key_ids):
        retire_context_key(dsn_owner, key_id)
    keys = {key_id: living.get(key_id) or secrets.token_bytes(KEY_BYTES) for key_id in key_ids}
    for key_id, key in keys.items():
        install_context_key(dsn_owner, key_id, key)
    return keys
