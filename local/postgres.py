"""The embedded PostgreSQL: TLS 1.3 and SCRAM on 127.0.0.1, no socket, gone when the process that started it is.

The same SQL, roles and driver as in the cloud; nothing is kept between runs but what ``directory`` holds.
"""

from __future__ import annotations

import secrets
import socket
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path
from typing import Self
from urllib.parse import quote, urlencode

import psycopg

from local import postgres_files as files
from phivault.adapters.postgres.bootstrap import APP, DATABASE, OWNER, ROLES, ROTATOR, bootstrap

ADMIN = "postgres"
START_SECONDS = 30.0
# After kill -9 the old backends hold the lock file for a moment.
RETRY_SECONDS = 10.0
POLL_SECONDS = 0.05


def free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


def guarded(command: list[str], directory: Path, log: Path) -> subprocess.Popen[bytes]:
    """Start ``command`` under the guardian, with none of our environment, its output appended to ``log``."""
    guardian = Path(__file__).with_name("postgres_guardian.py")
    environment = {"PATH": "/usr/bin:/bin", "HOME": str(directory), "LC_ALL": "C", "TZ": "UTC"}
    with log.open("ab") as output:
        return subprocess.Popen(
            [sys.executable, "-I", "-S", guardian, *command],
            stdin=subprocess.PIPE,
            stdout=output,
            stderr=output,
            cwd=directory,
            env=environment,
            start_new_session=True,  # the terminal's Ctrl-C is for our parent, which then stops us in order
        )


@dataclass
class Postgres:
    """A running server. ``directory`` is its alone; passwords are drawn per server."""

    directory: Path
    log: Path
    port: int = 0
    passwords: dict[str, str] = field(
        default_factory=lambda: {role: secrets.token_urlsafe(24) for role in (ADMIN, *ROLES)}, repr=False
    )
    _guardian: subprocess.Popen[bytes] | None = field(default=None, repr=False)

    @classmethod
    def start(cls, directory: Path, *, log: Path | None = None) -> Self:
        """A new server in an empty or absent folder, with the database and its roles; migrations are the caller's.

        Raises RuntimeError, naming the log, when it doesn't come up.
        """
        directory = directory.resolve()
        directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        server = cls(directory, log or directory / "postgres.log")
        server.log.touch(mode=0o600)
        server._initialise()
        server._run()
        bootstrap(server.dsn(ADMIN, "postgres"), {role: server.passwords[role] for role in ROLES})
        return server

    def dsn(self, role: str, database: str = DATABASE) -> str:
        """A libpq URL. The certificate is its own root, so verify-full trusts this server alone."""
        options = {
            "sslmode": "verify-full",
            "sslrootcert": str(self.directory / "server.crt"),
            "ssl_min_protocol_version": "TLSv1.3",
            "connect_timeout": "3",
        }
        return (
            f"postgresql://{role}:{quote(self.passwords[role])}@127.0.0.1:{self.port}/{database}?{urlencode(options)}"
        )

    @property
    def admin_dsn(self) -> str:
        """The superuser's, in phivault's database. Row-level security doesn't bind it."""
        return self.dsn(ADMIN)

    @property
    def owner_dsn(self) -> str:
        """For migrations and operators."""
        return self.dsn(OWNER)

    @property
    def app_dsn(self) -> str:
        """For the functions."""
        return self.dsn(APP)

    @property
    def rotator_dsn(self) -> str:
        """For the function that rotates keys."""
        return self.dsn(ROTATOR)

    def stop(self) -> None:
        """Fast shutdown; returns when the server is down. Harmless if it is already."""
        if self._guardian is not None:
            guardian, self._guardian = self._guardian, None
            guardian.communicate()

    def kill(self) -> None:
        """SIGKILL, as a crash would."""
        if self._guardian is not None:
            guardian, self._guardian = self._guardian, None
            guardian.communicate(b"k")

    def restart(self) -> None:
        """Start again where ``stop`` or ``kill`` left it, on the same port."""
        self.stop()
        self._run()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _initialise(self) -> None:
        data, password = self.directory / "data", self.directory / "password"
        files.write_private(password, self.passwords[ADMIN].encode())
        files.write_certificate(self.directory)
        command = [str(files.programs() / "initdb"), "-D", str(data), "-U", ADMIN, "-A", "scram-sha-256"]
        command += [f"--pwfile={password}", "--locale=C", "--encoding=UTF8", "--data-checksums"]
        with guarded(command, self.directory, self.log) as process:
            code = process.wait()  # not communicate(): its end of standard input would stop the command
        password.unlink()
        if code != 0:
            raise RuntimeError(f"initdb failed; see {self.log}")
        files.configure(data)

    def _run(self) -> None:
        """Keep trying: another process may take a free port first, a killed server's lock file lingers."""
        fixed, deadline = self.port, time.monotonic() + RETRY_SECONDS
        while True:
            self.port = fixed or free_port()
            command = [str(files.programs() / "postgres"), "-D", str(self.directory / "data"), "-p", str(self.port)]
            self._guardian = guarded(command, self.directory, self.log)
            if self._comes_up():
                return
            self.stop()
            if time.monotonic() > deadline:
                raise RuntimeError(f"PostgreSQL did not start; see {self.log}")
            time.sleep(POLL_SECONDS * 2)

    def _comes_up(self) -> bool:
        """Whether it answers, before it ends or START_SECONDS pass."""
        assert self._guardian is not None
        deadline = time.monotonic() + START_SECONDS
        while self._guardian.poll() is None and time.monotonic() < deadline:
            try:
                psycopg.connect(self.dsn(ADMIN, "postgres")).close()
            except psycopg.OperationalError:
                time.sleep(POLL_SECONDS)
            else:
                return True
        return False
