"""SQL injection through the application role, under the attacker's own valid context: nothing of another tenant."""

from __future__ import annotations

import time
from collections.abc import Callable

import psycopg
import pytest

from local.postgres import Postgres
from phivault.adapters.postgres import PostgresStore
from phivault.errors import Unavailable
from tests.attacks.postgres.conftest import SECRET

Inject = Callable[..., list[tuple[object, ...]]]
pytestmark = pytest.mark.usefixtures("untouched")


def assert_nothing_of(victim: str, rows: list[tuple[object, ...]]) -> None:
    for row in rows:
        assert victim not in row
        assert SECRET not in row
        assert "target" not in row


def test_the_query_is_open_to_injection(inject: Inject, attacker: str) -> None:
    """Else the attacks below would prove nothing: the attacker's own rows do come back."""
    assert inject("own") == [(attacker, "own", b"the attacker's own")]
    assert inject("x' OR 1=1 --") == [(attacker, "own", b"the attacker's own")]
    assert inject("x'; SELECT 'stacked' --") == [("stacked",)]


READS = {
    "or true": "x' OR 1=1 --",
    "or tenant": "x' OR tenant_id = '{victim}' --",
    "union": "x' UNION ALL SELECT tenant_id, id, envelope FROM phi.resources --",
    "union history": "x' UNION ALL SELECT tenant_id, id, envelope FROM phi.history --",
    "union idempotency": "x' UNION ALL SELECT tenant_id, principal, request_hash FROM app.idempotency "
    "WHERE tenant_id = '{victim}' --",
    "stacked": "x'; SELECT tenant_id, id, envelope FROM phi.resources --",
    "role owner": "x'; SELECT set_config('role', 'phivault_owner', true); SELECT * FROM phi.resources --",
    "role postgres": "x'; SET ROLE postgres; SELECT * FROM phi.resources --",
    "session authorization": "x'; SET SESSION AUTHORIZATION phivault_owner; SELECT * FROM phi.resources --",
    "row_security off": "x'; SET row_security = off; SELECT * FROM phi.resources --",
    "bare tenant": "x'; SELECT set_config('phivault.context', '{victim}', true); SELECT * FROM phi.resources --",
    "no context": "x'; SELECT set_config('phivault.context', '', true); SELECT * FROM phi.resources --",
    "reset context": "x'; RESET phivault.context; SELECT * FROM phi.resources --",
    "forged mac": "x'; SELECT set_config('phivault.context', 'v1|test|{victim}|{soon}|{zeros}', true); "
    "SELECT * FROM phi.resources --",
    "forged mac in a union": "x' UNION ALL SELECT r.tenant_id, r.id, r.envelope FROM (SELECT "
    "set_config('phivault.context', 'v1|test|{victim}|{soon}|{zeros}', true)) s, LATERAL "
    "(SELECT * FROM phi.resources WHERE s.set_config IS NOT NULL) r --",
    "own mac, other tenant": "x' UNION ALL SELECT r.tenant_id, r.id, r.envelope FROM (SELECT "
    "set_config('phivault.context', replace(current_setting('phivault.context'), '{attacker}', '{victim}'), true)) s, "
    "LATERAL (SELECT * FROM phi.resources WHERE s.set_config IS NOT NULL) r --",
    "own mac through the functions": "x'; SELECT * FROM app.read(replace(current_setting('phivault.context'), "
    "'{attacker}', '{victim}'), 'Patient', 'target') --",
    "unknown key id": "x'; SELECT * FROM app.read('v1|none|{victim}|{soon}|{zeros}', 'Patient', 'target') --",
    "null parts": "x'; SELECT * FROM app.read('v1|test|{victim}', 'Patient', 'target') --",
    "trailing part": "x'; SELECT * FROM app.read(current_setting('phivault.context') || '|{victim}', 'Patient', "
    "'target') --",
    "key table": "x' UNION ALL SELECT key_id, '', key FROM app.context_keys --",
    "migrations": "x' UNION ALL SELECT name, '', sha256 FROM app.migrations --",
    "copy program": "x'; COPY phi.resources TO PROGRAM 'cat' --",
    "server file": "x' UNION ALL SELECT pg_read_file('PG_VERSION'), '', '' --",
    "large object": "x'; SELECT lo_import('/etc/passwd') --",
    "statistics": "x' UNION ALL SELECT most_common_vals::text, '', '' FROM pg_stats WHERE tablename = 'resources' --",
    "other sessions": "x' UNION ALL SELECT query, '', '' FROM pg_stat_activity WHERE pid <> pg_backend_pid() --",
    "cursor": "x'; DECLARE c CURSOR FOR SELECT * FROM phi.resources; FETCH ALL FROM c --",
    "explain": "x'; EXPLAIN (ANALYZE, VERBOSE) SELECT * FROM phi.resources WHERE tenant_id = '{victim}' "
    "AND envelope IS NOT NULL; SELECT * FROM phi.resources WHERE tenant_id = '{victim}' --",
    "xml": "x'; SELECT query_to_xml('SELECT tenant_id FROM phi.resources', true, false, '')::text --",
}


def filled(attack: str, attacker: str, victim: str) -> str:
    names = {"victim": victim, "attacker": attacker, "soon": str(int(time.time()) + 30), "zeros": "0" * 64}
    for name, value in names.items():
        attack = attack.replace("{" + name + "}", value)
    return attack


@pytest.mark.parametrize("attack", READS.values(), ids=READS.keys())
def test_nothing_of_another_tenant_is_read(inject: Inject, attacker: str, victim: str, attack: str) -> None:
    rows = inject(filled(attack, attacker, victim))
    if "EXPLAIN" in attack:  # it prints the attacker's own condition
        rows = [row for row in rows if len(row) > 1]
    assert_nothing_of(victim, rows)
    assert not [row for row in rows if victim in str(row)]


WRITES = {
    "update all": "x'; UPDATE phi.resources SET envelope = '' --",
    "update theirs": "x'; UPDATE phi.resources SET envelope = 'x', version = 9 WHERE tenant_id = '{victim}' --",
    "give away": "x'; UPDATE phi.resources SET tenant_id = '{victim}' --",
    "insert": "x'; INSERT INTO phi.resources VALUES ('{victim}', 'Patient', 'new', 1, 'Patient/new', now(), 'x') --",
    "upsert": "x'; INSERT INTO phi.resources VALUES ('{victim}', 'Patient', 'target', 3, 'Patient/target', now(), 'x') "
    "ON CONFLICT (tenant_id, type, id) DO UPDATE SET envelope = 'x' --",
    "insert history": "x'; INSERT INTO phi.history VALUES ('{victim}', 'Patient', 'target', 7, 'Patient/target', "
    "now()) --",
    "delete": "x'; DELETE FROM phi.resources --",
    "delete history": "x'; DELETE FROM phi.history --",
    "update history": "x'; UPDATE phi.history SET envelope = NULL --",
    "delete idempotency": "x'; DELETE FROM app.idempotency --",
    "truncate": "x'; TRUNCATE phi.resources CASCADE --",
    "drop": "x'; DROP TABLE phi.resources CASCADE --",
    "disable rls": "x'; ALTER TABLE phi.resources DISABLE ROW LEVEL SECURITY --",
    "no force": "x'; ALTER TABLE phi.resources NO FORCE ROW LEVEL SECURITY --",
    "drop policy": "x'; DROP POLICY tenant ON phi.resources --",
    "new policy": "x'; CREATE POLICY open ON phi.resources USING (true) --",
    "replace the check": "x'; CREATE OR REPLACE FUNCTION app.tenant() RETURNS text LANGUAGE sql "
    "AS $f$ SELECT '{victim}' $f$ --",
    "rule": "x'; CREATE RULE r AS ON SELECT TO phi.resources DO INSTEAD NOTHING --",
    "copy in": "x'; COPY phi.resources FROM '/dev/null' --",
    "install key": "x'; INSERT INTO app.context_keys VALUES (2, 'mine', decode(repeat('00', 32), 'hex')) --",
    "bypass": "x'; ALTER ROLE phivault_app BYPASSRLS --",
    "lock out": "x'; LOCK TABLE phi.resources IN ACCESS EXCLUSIVE MODE --",
    "extension": "x'; CREATE EXTENSION citext SCHEMA phi --",
    "block": "x'; DO $b$ BEGIN RAISE LOG 'into the log'; END $b$ --",
}


@pytest.mark.parametrize("attack", WRITES.values(), ids=WRITES.keys())
def test_nothing_of_another_tenant_is_written(
    inject: Inject, postgres: Postgres, postgres_store: PostgresStore, attacker: str, victim: str, attack: str
) -> None:
    inject(filled(attack, attacker, victim))
    assert postgres_store.read(victim, "Patient", "new") is None
    assert postgres_store.read_version(victim, "Patient", "target", 7) is None
    assert "into the log" not in postgres.log.read_text()


@pytest.mark.parametrize(
    "name",
    [
        "truncate",
        "delete",
        "delete history",
        "update history",
        "disable rls",
        "drop policy",
        "new policy",
        "lock out",
        "extension",
        "block",
        "bypass",
    ],
)
def test_the_role_may_not_even_try(connection: psycopg.Connection, name: str) -> None:
    connection.execute("BEGIN")
    with pytest.raises(psycopg.errors.InsufficientPrivilege):
        connection.execute(WRITES[name].removeprefix("x'; ").removesuffix(" --"))


def test_copy_is_under_row_level_security(
    connection: psycopg.Connection, attacker: str, victim: str, context: Callable[..., str]
) -> None:
    with connection.transaction():
        connection.execute("SELECT set_config('phivault.context', %s, true)", (context(connection, attacker),))
        with connection.cursor().copy("COPY phi.resources TO STDOUT") as copy:
            copied = b"".join(bytes(part) for part in copy).decode()
    assert attacker in copied
    assert victim not in copied


def test_an_error_is_no_oracle(inject: Inject, connection: psycopg.Connection, attacker: str, victim: str) -> None:
    """1/0 on a row of the victim's would tell that it exists: row-level security goes first, so it never runs."""
    probe = (
        "SELECT 1 FROM phi.resources WHERE tenant_id = '{victim}' "
        "AND 1 / (CASE WHEN id = 'target' THEN 0 ELSE 1 END) = 1"
    )
    assert inject("x'; " + filled(probe, attacker, victim) + "; SELECT 'no error' --") == [("no error",)]
    own = probe.replace("target", "own").replace("{victim}", attacker)
    assert inject(f"x'; {own}; SELECT 'no error' --") == []


def test_a_taken_key_is_no_oracle(inject: Inject, attacker: str) -> None:
    """The victim's id in the attacker's tenant is free: no unique violation tells that it is used elsewhere."""
    insert = f"INSERT INTO phi.resources VALUES ('{attacker}', 'Patient', 'target', 1, 'Patient/target', now(), 'x')"
    assert inject(f"x'; {insert}; SELECT 'inserted' --") == [("inserted",)]


def test_a_call_leaves_no_context_behind(
    connection: psycopg.Connection, attacker: str, context: Callable[..., str]
) -> None:
    signed = context(connection, attacker)
    with connection.transaction():
        assert connection.execute("SELECT * FROM app.read(%s, 'Patient', 'own')", (signed,)).rowcount == 1
        assert connection.execute("SELECT current_setting('phivault.context', true)").fetchone() == ("",)
        assert connection.execute("SELECT * FROM phi.resources").rowcount == 0
    assert connection.execute("SELECT * FROM phi.resources").rowcount == 0


def test_values_of_the_store_are_never_sql(postgres_store: PostgresStore, attacker: str, victim: str) -> None:
    for attack in READS.values():
        assert postgres_store.read(attacker, "Patient", filled(attack, attacker, victim)) is None
        found = postgres_store.search(
            attacker, "Patient", subject=filled(attack, attacker, victim), ids=None, after="", limit=10, room=1 << 20
        )
        assert found == []


def test_a_store_with_another_key_reads_nothing(postgres: Postgres, victim: str) -> None:
    store = PostgresStore(postgres.app_dsn, lambda: ("test", b"x" * 32))
    with pytest.raises(Unavailable, match="28000"):
        store.read(victim, "Patient", "target")
    store.close()
