"""What the roles of functions are and may: the database's own catalogues tell."""

from __future__ import annotations

import time
from collections.abc import Iterator

import psycopg
import pytest

from local.postgres import Postgres

FUNCTIONS = pytest.mark.parametrize("role", ["phivault_app", "phivault_rotator"])
"""The roles that functions which handle requests and rotate keys sign in as."""


@pytest.fixture
def admin(postgres: Postgres) -> Iterator[psycopg.Connection]:
    with psycopg.connect(postgres.admin_dsn, autocommit=True) as admin:
        yield admin


def column(connection: psycopg.Connection, query: str) -> set[str]:
    return {row[0] for row in connection.execute(query)}


def test_row_level_security_is_forced_on_every_table_of_phi(admin: psycopg.Connection) -> None:
    tables = (
        "SELECT c.relname FROM pg_class c WHERE c.relnamespace = 'phi'::regnamespace "
        "AND c.relkind IN ('r', 'p', 'v', 'm', 'f')"
    )
    assert column(admin, tables) >= {"resources", "history"}
    assert column(admin, tables + " AND NOT (c.relrowsecurity AND c.relforcerowsecurity)") == set()


def test_and_on_idempotency(admin: psycopg.Connection) -> None:
    query = "SELECT relrowsecurity AND relforcerowsecurity FROM pg_class WHERE oid = 'app.idempotency'::regclass"
    assert column(admin, query) == {True}


def test_every_policy_is_the_tenants(admin: psycopg.Connection) -> None:
    rows = admin.execute("SELECT permissive, roles::text, cmd, qual, with_check FROM pg_policies").fetchall()
    check = "(tenant_id = ( SELECT app.tenant() AS tenant))"
    assert len(rows) == 4
    assert set(rows) == {("PERMISSIVE", "{public}", "ALL", check, check)}


def test_keys_lead_with_the_tenant(admin: psycopg.Connection) -> None:
    indexes = admin.execute(
        "SELECT indexdef FROM pg_indexes WHERE schemaname = 'phi' OR tablename = 'idempotency'"
    ).fetchall()
    assert len(indexes) >= 4
    assert all("(tenant_id, " in definition for (definition,) in indexes)


@pytest.mark.parametrize("role", ["phivault_app", "phivault_rotator", "phivault_owner"])
def test_the_roles_have_no_attributes(admin: psycopg.Connection, role: str) -> None:
    row = admin.execute(
        "SELECT rolsuper, rolbypassrls, rolcreaterole, rolcreatedb, rolreplication FROM pg_roles WHERE rolname = %s",
        (role,),
    ).fetchone()
    assert row == (False,) * 5


@FUNCTIONS
def test_a_functions_role_owns_nothing_and_belongs_to_no_role(admin: psycopg.Connection, role: str) -> None:
    owned = f"SELECT classid::regclass::text FROM pg_shdepend WHERE refobjid = '{role}'::regrole AND deptype = 'o'"
    assert column(admin, owned) == set()
    member = f"SELECT roleid::regrole::text FROM pg_auth_members WHERE member = '{role}'::regrole"
    assert column(admin, member) == set()


@FUNCTIONS
def test_it_can_create_nothing(postgres: Postgres, role: str) -> None:
    for statement in (
        "CREATE TEMP TABLE t (n int)",
        "CREATE TABLE public.t (n int)",
        "CREATE TABLE app.t (n int)",
        "CREATE TABLE phi.t (n int)",
        "CREATE SCHEMA mine",
        "CREATE FUNCTION public.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "CREATE FUNCTION pg_temp.f() RETURNS int LANGUAGE sql AS 'SELECT 1'",
        "SELECT 1 AS n INTO TEMP t",
    ):
        with (
            psycopg.connect(postgres.dsn(role), autocommit=True) as connection,
            pytest.raises(psycopg.errors.InsufficientPrivilege),
        ):
            connection.execute(statement)


def test_the_application_has_exactly_these_rights_to_tables(admin: psycopg.Connection) -> None:
    rows = admin.execute(
        "SELECT table_schema || '.' || table_name, privilege_type FROM information_schema.role_table_grants "
        "WHERE grantee IN ('phivault_app', 'PUBLIC') AND table_schema NOT IN ('pg_catalog', 'information_schema')"
    ).fetchall()
    assert set(rows) == {
        *(
            (table, right)
            for table in ("phi.resources", "phi.history", "app.idempotency", "phi.search_tokens")
            for right in ("SELECT", "INSERT")
        ),
        ("phi.search_tokens", "DELETE"),
    }
    columns = (
        "SELECT column_name FROM information_schema.column_privileges "
        "WHERE grantee = 'phivault_app' AND privilege_type = 'UPDATE'"
    )
    assert column(admin, columns) == {"version", "at", "envelope"}


def test_the_rotator_has_exactly_these_rights_to_tables(admin: psycopg.Connection) -> None:
    """It writes no row, sees no Idempotency-Key, and no token."""
    rows = admin.execute(
        "SELECT table_schema || '.' || table_name, privilege_type FROM information_schema.role_table_grants "
        "WHERE grantee = 'phivault_rotator'"
    ).fetchall()
    assert set(rows) == {
        ("phi.resources", "SELECT"),
        ("phi.history", "SELECT"),
        ("phi.search_tokens", "DELETE"),
    }
    columns = (
        "SELECT table_name || ' ' || column_name || ' ' || privilege_type FROM information_schema.column_privileges "
        "WHERE grantee = 'phivault_rotator' AND table_name NOT IN ('resources', 'history')"
    )
    assert column(admin, columns) == {f"search_tokens {name} SELECT" for name in ("tenant_id", "type", "id")}


ROTATION = ("key_version", "subjects", "key_versions", "sealed_below", "reseal", "tokens_of", "forget_tokens")


def may_call(admin: psycopg.Connection, role: str) -> set[str]:
    return column(
        admin,
        "SELECT p.oid::regproc::text FROM pg_proc p WHERE pronamespace NOT IN "
        "('pg_catalog'::regnamespace, 'information_schema'::regnamespace) "
        f"AND has_schema_privilege('{role}', pronamespace, 'USAGE') "
        f"AND has_function_privilege('{role}', p.oid, 'EXECUTE')",
    )


def test_the_rotator_may_call_exactly_these_functions(admin: psycopg.Connection) -> None:
    assert may_call(admin, "phivault_rotator") == {"app.tenant", *(f"app.{name}" for name in ROTATION)}


def test_the_application_may_call_exactly_these_functions(admin: psycopg.Connection) -> None:
    names = (
        "tenant",
        "read",
        "read_version",
        "search",
        "search_shuffled",
        "search_among",
        "search_among_holding",
        "recent_holding",
        "of_subjects",
        "find_idempotent",
        "idempotency_life",
        "commit",
        "commit_indexed",
        "is_there",
        "came_since",
        "replace_tokens",
        "find",
        "recent",
        "history",
        "history_holding",
        "of_patient",
        "of_patient_holding",
        "listed",
        "lists",
        "lists_of_both",
        "holds_of_both",
        "owners_of",
    )
    assert may_call(admin, "phivault_app") == {f"app.{name}" for name in names}


def test_every_function_has_a_fixed_search_path(admin: psycopg.Connection) -> None:
    """A SECURITY DEFINER function that resolved names by its caller's path would run the caller's code as the owner."""
    rows = admin.execute(
        "SELECT proname, prosecdef, proconfig, prosqlbody IS NOT NULL FROM pg_proc "
        "WHERE pronamespace IN ('app'::regnamespace, 'phi'::regnamespace)"
    ).fetchall()
    assert {name for name, definer, *_ in rows if definer} == {"tenant", "reseal", "end_idempotency"}
    bound = {name for name, _, _, is_bound in rows if is_bound}  # its names were looked up when it was made
    assert bound == {"key_version", "idempotency_life", "listed", "lists", "lists_of_both"}
    qualified = {"holds_of_both"}  # gives every name with its schema (0018)
    others = [config for name, _, config, _ in rows if name not in bound | qualified]
    assert all("search_path=pg_catalog, pg_temp" in config for config in others)


@pytest.mark.parametrize("path", ["evil, pg_temp, pg_catalog, app", "evil", "pg_temp"])
def test_headers_are_read_alike_under_any_search_path(own_postgres: Postgres, path: str) -> None:
    """The one function without a path of its own, asked by somebody who brings names of theirs."""
    envelope = bytes(38) + b"\x00\x02" + bytes(2) + b"\x01\x06" + bytes(9)
    with psycopg.connect(own_postgres.admin_dsn, autocommit=True) as admin:
        admin.execute("CREATE SCHEMA evil AUTHORIZATION phivault_app")
    with psycopg.connect(own_postgres.app_dsn, autocommit=True) as app:
        app.execute("CREATE DOMAIN evil.bytea AS text")
        app.execute("CREATE FUNCTION evil.listed(pg_catalog.bytea) RETURNS text LANGUAGE sql RETURN 'x'")
        app.execute(f"SET search_path = {path}")
        for finds, shows, held in ((b"\x01", b"\x06", True), (b"\x01", b"\x05", False), (b"", b"\x01", False)):
            asked = "SELECT app.holds_of_both(%b::pg_catalog.bytea, %b::pg_catalog.bytea, %b::pg_catalog.bytea)"
            assert app.execute(asked, (envelope, finds, shows)).fetchone() == (held,)


def test_a_hijacked_search_path_changes_nothing(own_postgres: Postgres) -> None:
    """Even with a schema to create in, which the role has not: its functions and tables are never looked at."""
    with psycopg.connect(own_postgres.admin_dsn, autocommit=True) as admin:
        admin.execute("CREATE SCHEMA evil AUTHORIZATION phivault_app")
        admin.execute("GRANT TEMP ON DATABASE phivault TO phivault_app")
        admin.execute("GRANT USAGE ON LANGUAGE sql TO phivault_app")
        admin.execute("INSERT INTO phi.resources VALUES ('victim', 'Patient', 'p', 1, 'Patient/p', now(), 'x')")
    with psycopg.connect(own_postgres.app_dsn, autocommit=True) as app:
        app.execute("GRANT USAGE ON SCHEMA evil TO PUBLIC")
        app.execute("CREATE FUNCTION evil.sha256(bytea) RETURNS bytea LANGUAGE sql AS $$ SELECT ''::bytea $$")
        app.execute("CREATE FUNCTION evil.pg_backend_pid() RETURNS int LANGUAGE sql AS $$ SELECT 1 $$")
        app.execute("CREATE TEMP TABLE context_keys (slot int, key_id text, key bytea)")
        app.execute("INSERT INTO context_keys VALUES (1, 'mine', decode(repeat('00', 32), 'hex'))")
        app.execute("SET search_path = evil, pg_temp, pg_catalog, app")
        for key_id in ("mine", "test"):
            forged = f"v1|{key_id}|victim|{int(time.time()) + 30}|{'0' * 64}"
            app.execute("SELECT set_config('phivault.context', %s, false)", (forged,))
            with pytest.raises(psycopg.errors.InvalidAuthorizationSpecification):
                app.execute("SELECT * FROM phi.resources")
