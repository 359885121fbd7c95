from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import psycopg
import pytest

from local.postgres import Postgres
from local.postgres_files import programs
from tests.support.postgres import prepare

GUARDIAN = Path(__file__).parents[2] / "local" / "postgres_guardian.py"
ROOT = Path(__file__).parents[2]
linux = pytest.mark.skipif(sys.platform != "linux", reason="the parent-death signal is Linux's")


def alive(pid: int) -> bool:
    """Whether it runs; a zombie, which nobody waited for yet, doesn't."""
    state = subprocess.run(["ps", "-o", "stat=", "-p", str(pid)], capture_output=True, text=True, check=False).stdout
    return bool(state.strip()) and not state.startswith("Z")


def eventually(condition: Callable[[], bool], seconds: float = 60) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.02)
    return condition()


def postmaster(directory: Path) -> int:
    return int((directory / "data" / "postmaster.pid").read_text().splitlines()[0])


def test_it_serves_four_roles_as_version_16_or_later(postgres: Postgres) -> None:
    for dsn, role in (
        (postgres.admin_dsn, "postgres"),
        (postgres.owner_dsn, "phivault_owner"),
        (postgres.app_dsn, "phivault_app"),
        (postgres.rotator_dsn, "phivault_rotator"),
    ):
        with psycopg.connect(dsn) as connection:
            assert connection.execute("SELECT session_user::text, current_database()::text").fetchone() == (
                role,
                "phivault",
            )
            assert connection.info.server_version >= 160000


def test_its_files_are_private_and_hold_no_password(postgres: Postgres) -> None:
    assert postgres.directory.stat().st_mode & 0o077 == 0
    for name in ("server.key", "postgres.log"):
        assert (postgres.directory / name).stat().st_mode & 0o077 == 0
    assert not (postgres.directory / "password").exists()
    assert not any(password in repr(postgres) for password in postgres.passwords.values())
    log = postgres.log.read_text()
    assert not any(password in log for password in postgres.passwords.values())


def test_it_does_not_run_as_root(postgres: Postgres) -> None:
    """Nor does its environment hold ours."""
    pid = postmaster(postgres.directory)
    if sys.platform == "linux":
        status = Path(f"/proc/{pid}/status").read_text()
        assert "CapEff:\t0000000000000000" in status
        assert b"PYTEST_CURRENT_TEST" not in Path(f"/proc/{pid}/environ").read_bytes()
    with psycopg.connect(postgres.admin_dsn) as admin:
        assert admin.execute("SELECT count(*) FROM pg_stat_activity").fetchone() != (0,)


def test_stop_kill_and_restart(tmp_path: Path) -> None:
    with Postgres.start(tmp_path / "server") as server:
        prepare(server)
        port, pid = server.port, postmaster(server.directory)
        server.stop()
        assert not alive(pid)
        server.stop()
        server.restart()
        pid = postmaster(server.directory)
        server.kill()
        assert not alive(pid)
        with pytest.raises(psycopg.OperationalError):
            psycopg.connect(server.app_dsn)
        server.restart()
        assert server.port == port
        with psycopg.connect(server.app_dsn) as connection:
            assert connection.execute("SELECT app.tenant()").fetchone() == (None,)
        pid = postmaster(server.directory)
    assert not alive(pid)


STARTER = """
import sys, threading, time
from pathlib import Path
from local.postgres import Postgres
def start():
    server = Postgres.start(Path(sys.argv[1]))
    print("up", flush=True)
    globals()["server"] = server
thread = threading.Thread(target=start)
thread.start()
thread.join()
time.sleep(60)
"""


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT], ids=["killed", "interrupted"])
def test_it_ends_with_whoever_started_it_and_not_with_a_thread(tmp_path: Path, how: signal.Signals) -> None:
    directory = tmp_path / "server"
    starter = subprocess.Popen(
        [sys.executable, "-c", STARTER, str(directory)], cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL
    )
    with starter:
        assert starter.stdout is not None
        assert starter.stdout.readline() == b"up\n"
        pid = postmaster(directory)
        time.sleep(0.3)
        assert alive(pid)
        starter.send_signal(how)
        starter.wait()
    assert eventually(lambda: not alive(pid))
    assert "database system is shut down" in (directory / "postgres.log").read_text()


@linux
def test_it_ends_even_when_its_guardian_is_killed(tmp_path: Path) -> None:
    server = Postgres.start(tmp_path / "server")
    pid = postmaster(server.directory)
    assert server._guardian is not None
    os.kill(server._guardian.pid, signal.SIGKILL)
    assert eventually(lambda: not alive(pid))
    server.stop()


@linux
@pytest.mark.skipif(os.geteuid() != 0, reason="only root has rights to give up")
def test_without_user_namespaces_root_becomes_nobody_for_real(tmp_path: Path) -> None:
    """Where containers forbid namespaces; the working directory comes along."""
    tmp_path.chmod(0o755)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    (tmp_path / "file").touch(0o600)
    forbid = "import os, runpy, sys\ndef no(*_): raise PermissionError\nos.unshare = no\n"
    script = forbid + f"sys.argv = ['guardian', *sys.argv[1:]]\nrunpy.run_path({str(GUARDIAN)!r}, run_name='__main__')"
    process = subprocess.Popen(
        [sys.executable, "-c", script, "/bin/sh", "-c", "id -u; id -G; cat file && echo readable"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=tmp_path,
    )
    with process:
        assert process.wait(60) == 0
        assert process.stdout is not None
        assert process.stdout.read().split() == [b"65534", b"65534", b"readable"]


def test_the_guardian_hands_on_the_exit_code(tmp_path: Path) -> None:
    with subprocess.Popen(
        [sys.executable, "-I", "-S", GUARDIAN, "/bin/sh", "-c", "exit 7"], stdin=subprocess.PIPE, cwd=tmp_path
    ) as process:
        assert process.wait(60) == 7


def test_a_server_that_cannot_start_names_its_log(tmp_path: Path) -> None:
    directory = tmp_path / "server"
    (directory / "data").mkdir(parents=True)
    (directory / "data" / "something").touch()
    with pytest.raises(RuntimeError, match=r"postgres\.log"):
        Postgres.start(directory)
    assert "exists but is not empty" in (directory / "postgres.log").read_text()


def test_servers_run_side_by_side(postgres: Postgres, tmp_path: Path) -> None:
    with Postgres.start(tmp_path / "second") as second:
        assert second.port != postgres.port
        assert second.passwords["phivault_app"] != postgres.passwords["phivault_app"]
        psycopg.connect(second.app_dsn).close()


def test_other_programs_can_be_chosen(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHIVAULT_POSTGRES_BIN", str(programs()))
    assert programs() == Path(os.environ["PHIVAULT_POSTGRES_BIN"])
    (tmp_path / "postgres").write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 15.9 (Debian)'\n")
    (tmp_path / "postgres").chmod(0o755)
    monkeypatch.setenv("PHIVAULT_POSTGRES_BIN", str(tmp_path))
    with pytest.raises(RuntimeError, match="at least 16"):
        programs()
