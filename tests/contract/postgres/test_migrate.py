from __future__ import annotations

from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import psycopg
import pytest

from local.postgres import OWNER, Postgres
from phivault.adapters.postgres.bootstrap import APP, bootstrap
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


def test_our_own_files_are_numbered_without_gaps() -> None:
    names = sorted(path.name for path in FOLDER.iterdir())
    assert [name[:5] for name in names] == [f"{n:04}_" for n in range(1, len(names) + 1)]
    assert all(name.endswith(".sql") for name in names)


def test_bootstrap_runs_again_and_sets_new_passwords(empty: Postgres) -> None:
    before = empty.app_dsn
    empty.passwords[APP] = "another password"
    bootstrap(empty.dsn("postgres", "postgres"), {role: empty.passwords[role] for role in (OWNER, APP)})
    psycopg.connect(empty.app_dsn).close()
    with pytest.raises(psycopg.OperationalError, match="password"):
        psycopg.connect(before)


def test_an_unreachable_database_is_unavailable(empty: Postgres, folder: Path) -> None:
    with pytest.raises(Unavailable):
        migrate(empty.owner_dsn.replace(f":{empty.port}/", ":1/"), folder)
