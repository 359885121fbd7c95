"""The database and its roles, made once per server by its administrator.

``phivault_owner`` owns the database and runs migrations. ``phivault_app`` is what functions sign in as, and
``phivault_rotator`` what the one signs in as that rotates keys and forgets erased people. Neither owns anything,
creates anything (no temporary tables either) or may run anonymous code blocks; migrations say what they may call.
"""

from __future__ import annotations

from collections.abc import Mapping

import psycopg
from psycopg import sql
from psycopg.conninfo import make_conninfo
from psycopg.rows import TupleRow

from phivault.adapters.postgres.operators import connect_operator

DATABASE = "phivault"
OWNER = "phivault_owner"
APP = "phivault_app"
ROTATOR = "phivault_rotator"
ROLES = (OWNER, APP, ROTATOR)

_PRIVILEGES = (
    "REVOKE ALL ON DATABASE phivault FROM PUBLIC",
    "GRANT CONNECT ON DATABASE phivault TO phivault_app, phivault_rotator",
    "REVOKE ALL ON SCHEMA public FROM PUBLIC",
    # DO blocks could write to the server's log; calling functions that exist needs no such right.
    "REVOKE USAGE ON LANGUAGE plpgsql FROM PUBLIC",
    "GRANT USAGE ON LANGUAGE plpgsql TO phivault_owner",
)


def bootstrap(dsn_admin: str, passwords: Mapping[str, str]) -> None:
    """Make what is missing; running it again is harmless and sets the passwords anew.

    A role without a password signs in by IAM (Aurora's ``rds_iam``). Passwords leave as SCRAM verifiers.
    """
    with connect_operator(dsn_admin, autocommit=True) as connection:
        for role in ROLES:
            _ensure_role(connection, role, passwords.get(role))
        connection.execute("GRANT phivault_owner TO CURRENT_USER")
        if not connection.execute("SELECT FROM pg_database WHERE datname = 'phivault'").rowcount:
            connection.execute("CREATE DATABASE phivault OWNER phivault_owner ENCODING 'UTF8' TEMPLATE template0")
    with connect_operator(make_conninfo(dsn_admin, dbname=DATABASE)) as connection:
        for statement in _PRIVILEGES:
            connection.execute(statement)


def _ensure_role(connection: psycopg.Connection[TupleRow], role: str, password: str | None) -> None:
    name = sql.Identifier(role)
    if not connection.execute("SELECT FROM pg_roles WHERE rolname = %s", (role,)).rowcount:
        connection.execute(sql.SQL("CREATE ROLE {} LOGIN").format(name))
    if password is None:
        connection.execute(sql.SQL("GRANT rds_iam TO {}").format(name))
        return
    verifier = connection.pgconn.encrypt_password(password.encode(), role.encode(), b"scram-sha-256").decode()
    connection.execute(sql.SQL("ALTER ROLE {} PASSWORD {}").format(name, sql.Literal(verifier)))
