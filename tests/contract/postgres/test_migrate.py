from __future__ import annotations

import re
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from local.postgres import Postgres
from phivault.adapters.postgres.bootstrap import APP, ROLES, bootstrap
from phivault.adapters.postgres.migrate import FOLDER, migrate
from phivault.errors import IntegrityError, Unavailable


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Postgres:
    with Postgres.start(tmp_path_factory.mktemp("postgres")) as server:
        yield server


@pytest.fixture
def folder(empty: Postgres, tmp_path: Path) -> Path:
    """Migrations that make a table and then fill it, on a database without any."""
    with psycopg.connect(empty.owner_dsn) as owner:
        owner.execute("DROP SCHEMA IF EXISTS app CASCADE; DROP SCHEMA IF EXISTS other CASCADE")
    (tmp_path / "0001_first.sql").write_text("CREATE SCHEMA other; CREATE TABLE other.rows (n int);")
    (tmp_path / "0002_second.sql").write_text("INSERT INTO other.rows VALUES (1); INSERT INTO other.rows VALUES (2);")
    return tmp_path


def rows(server: Postgres) -> list[int]:
    with psycopg.connect(server.owner_dsn) as owner:
        return [n for (n,) in owner.execute("SELECT n FROM other.rows ORDER BY n")]


def test_each_file_is_applied_once_and_in_order(empty: Postgres, folder: Path) -> None:
    assert migrate(empty.owner_dsn, folder) == ["0001_first.sql", "0002_second.sql"]
    assert migrate(empty.owner_dsn, folder) == []
    (folder / "0003_third.sql").write_text("INSERT INTO other.rows VALUES (3)")
    assert migrate(empty.owner_dsn, folder) == ["0003_third.sql"]
    assert rows(empty) == [1, 2, 3]


def test_runs_at_the_same_time_apply_each_file_once(empty: Postgres, folder: Path) -> None:
    with ThreadPoolExecutor(4) as threads:
        applied = list(threads.map(lambda _: migrate(empty.owner_dsn, folder), range(4)))
    assert sorted(len(names) for names in applied) == [0, 0, 0, 2]
    assert rows(empty) == [1, 2]


def test_a_file_that_changed_stops_everything(empty: Postgres, folder: Path) -> None:
    migrate(empty.owner_dsn, folder)
    (folder / "0001_first.sql").write_text("CREATE SCHEMA other;")
    (folder / "0003_third.sql").write_text("INSERT INTO other.rows VALUES (3)")
    with pytest.raises(IntegrityError, match="0001_first"):
        migrate(empty.owner_dsn, folder)
    assert rows(empty) == [1, 2]


def test_a_file_that_fails_leaves_nothing_of_itself(empty: Postgres, folder: Path) -> None:
    (folder / "0003_third.sql").write_text("INSERT INTO other.rows VALUES (3); SELECT 1 / 0;")
    with pytest.raises(psycopg.errors.DivisionByZero):
        migrate(empty.owner_dsn, folder)
    assert rows(empty) == [1, 2]
    (folder / "0003_third.sql").write_text("INSERT INTO other.rows VALUES (4)")
    assert migrate(empty.owner_dsn, folder) == ["0003_third.sql"]
    assert rows(empty) == [1, 2, 4]


OUTSIDE = """-- outside a transaction
-- A unique index, which fails where there are two rows alike.
DROP INDEX CONCURRENTLY IF EXISTS other.once;
CREATE UNIQUE INDEX CONCURRENTLY once ON other.rows (n);
"""


def index(server: Postgres) -> tuple[bool, ...]:
    """Whether each index of the name is valid."""
    with psycopg.connect(server.owner_dsn) as owner:
        found = owner.execute("SELECT indisvalid FROM pg_index WHERE indexrelid::regclass::text = 'other.once'")
        return tuple(valid for (valid,) in found)


def test_a_file_outside_a_transaction_is_applied_once_too(empty: Postgres, folder: Path) -> None:
    (folder / "0003_third.sql").write_text(OUTSIDE)
    assert migrate(empty.owner_dsn, folder)[2:] == ["0003_third.sql"]
    assert index(empty) == (True,)
    assert migrate(empty.owner_dsn, folder) == []
    (folder / "0003_third.sql").write_text(OUTSIDE + "SELECT 1;")
    with pytest.raises(IntegrityError, match="0003_third"):
        migrate(empty.owner_dsn, folder)


def test_the_next_run_repairs_an_index_whose_build_failed(empty: Postgres, folder: Path) -> None:
    migrate(empty.owner_dsn, folder)
    (folder / "0003_third.sql").write_text(OUTSIDE)
    with psycopg.connect(empty.owner_dsn) as owner:
        owner.execute("INSERT INTO other.rows VALUES (2)")
    for _ in range(2):
        with pytest.raises(psycopg.errors.UniqueViolation):
            migrate(empty.owner_dsn, folder)
        assert index(empty) == (False,), "what a failed build leaves: kept up to date, used by nothing"
    with psycopg.connect(empty.owner_dsn) as owner:
        owner.execute("DELETE FROM other.rows WHERE n = 2")
    assert migrate(empty.owner_dsn, folder) == ["0003_third.sql"]
    assert index(empty) == (True,)


def test_runs_at_the_same_time_build_an_index_once(empty: Postgres, folder: Path) -> None:
    """A build waits for older transactions to end: a run that waits for its turn mustn't be one."""
    (folder / "0003_third.sql").write_text(OUTSIDE)
    with ThreadPoolExecutor(4) as threads:
        applied = list(threads.map(lambda _: migrate(empty.owner_dsn, folder), range(4)))
    assert sorted(len(names) for names in applied) == [0, 0, 0, 3]
    assert index(empty) == (True,)


def test_rows_are_written_while_our_indexes_are_built(own_postgres: Postgres) -> None:
    """A build waits here for a transaction that wrote before it began, and others write meanwhile."""
    builds = [path.name for path in sorted(FOLDER.glob("*.sql")) if path.read_bytes().startswith(b"-- outside")]
    assert len(builds) >= 3
    with psycopg.connect(own_postgres.owner_dsn, autocommit=True) as owner:
        owner.execute("DELETE FROM app.migrations WHERE name = ANY (%s)", (builds,))
    row = "INSERT INTO phi.history VALUES ('north', 'Patient', %s, 1, 'Patient/p', now(), 'x')"
    admin = psycopg.connect(own_postgres.admin_dsn)
    with admin, ThreadPoolExecutor(1) as threads:
        admin.execute(row, ("before",))
        building = threads.submit(migrate, own_postgres.owner_dsn)
        with psycopg.connect(own_postgres.admin_dsn, autocommit=True) as other:
            waiting = "SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock' AND query ~ 'CONCURRENTLY'"
            deadline = time.monotonic() + 60
            while other.execute(waiting).fetchone() == (0,) and time.monotonic() < deadline:
                time.sleep(0.02)
            assert not building.done()
            other.execute("SET lock_timeout = '1s'")
            other.execute(row, ("meanwhile",))
        admin.commit()
        assert building.result(30) == builds


def test_files_outside_a_transaction_drop_what_they_make_first() -> None:
    """So that a build that failed is repaired."""
    for path in FOLDER.glob("*.sql"):
        text = path.read_text()
        if text.startswith("-- outside a transaction\n"):
            made = re.findall(r"CREATE INDEX CONCURRENTLY (\w+)", text)
            assert re.findall(r"DROP INDEX CONCURRENTLY IF EXISTS (?:phi|app)\.(\w+)", text) == made
        else:
            assert "CONCURRENTLY" not in text
            tables = set(re.findall(r"CREATE TABLE ([\w.]+)", text))
            assert set(re.findall(r"CREATE (?:UNIQUE )?INDEX \w+ ON ([\w.]+)", text)) <= tables, "blocks writers"


def test_our_own_files_are_numbered_without_gaps() -> None:
    names = sorted(path.name for path in FOLDER.iterdir())
    assert [name[:5] for name in names] == [f"{n:04}_" for n in range(1, len(names) + 1)]
    assert all(name.endswith(".sql") for name in names)


def test_bootstrap_runs_again_and_sets_new_passwords(empty: Postgres) -> None:
    before = empty.app_dsn
    empty.passwords[APP] = "another password"
    bootstrap(empty.dsn("postgres", "postgres"), {role: empty.passwords[role] for role in ROLES})
    psycopg.connect(empty.app_dsn).close()
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(before)


def test_an_unreachable_database_is_unavailable(empty: Postgres, folder: Path) -> None:
    with pytest.raises(Unavailable):
        migrate(empty.owner_dsn.replace(f":{empty.port}/", ":1/"), folder)
