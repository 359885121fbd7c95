"""The wire: TLS 1.3 to the right server, or nothing."""

from __future__ import annotations

import socket
import ssl
import struct
from pathlib import Path

import psycopg
import pytest
from psycopg.conninfo import make_conninfo

from local.postgres import Postgres
from local.postgres_files import write_certificate
from phivault.adapters.postgres import PostgresStore
from phivault.errors import Unavailable
from tests.support.postgres import CONTEXT_KEY


def test_plaintext_is_refused(postgres: Postgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="no encryption"):
        psycopg.connect(postgres.app_dsn, sslmode="disable")


def test_tls_1_2_is_refused(postgres: Postgres) -> None:
    with pytest.raises(psycopg.OperationalError, match="SSL"):
        psycopg.connect(postgres.app_dsn, ssl_min_protocol_version="TLSv1.2", ssl_max_protocol_version="TLSv1.2")


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_only_tls_1_3_completes_a_handshake(postgres: Postgres, version: ssl.TLSVersion) -> None:
    context = ssl.create_default_context(cafile=str(postgres.directory / "server.crt"))
    context.minimum_version = context.maximum_version = version
    with socket.create_connection(("127.0.0.1", postgres.port), timeout=30) as raw:
        raw.sendall(struct.pack("!ii", 8, 80877103))  # SSLRequest
        assert raw.recv(1) == b"S"
        if version is ssl.TLSVersion.TLSv1_2:
            with pytest.raises(ssl.SSLError):
                context.wrap_socket(raw, server_hostname="localhost")
        else:
            with context.wrap_socket(raw, server_hostname="localhost") as secured:
                assert secured.version() == "TLSv1.3"


@pytest.mark.parametrize("role", ["phivault_app", "phivault_rotator", "phivault_owner", "postgres"])
def test_a_wrong_password_is_refused(postgres: Postgres, role: str) -> None:
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        psycopg.connect(postgres.dsn(role), password="wrong")


@pytest.mark.parametrize("role", ["phivault_app", "phivault_rotator"])
def test_a_functions_role_reaches_no_other_database(postgres: Postgres, role: str) -> None:
    for database in ("postgres", "template1"):
        with pytest.raises(psycopg.OperationalError, match="pg_hba"):
            psycopg.connect(postgres.dsn(role, database))


def test_it_listens_on_loopback_alone(postgres: Postgres) -> None:
    with psycopg.connect(postgres.admin_dsn) as admin:
        row = admin.execute(
            "SELECT current_setting('listen_addresses'), current_setting('unix_socket_directories')"
        ).fetchone()
    assert row == ("127.0.0.1", "")


@pytest.mark.parametrize(
    "weak", [{"sslmode": "require"}, {"sslmode": "disable"}, {"ssl_min_protocol_version": "TLSv1"}]
)
def test_the_store_does_not_let_a_dsn_weaken_it(postgres: Postgres, weak: dict[str, str]) -> None:
    store = PostgresStore(make_conninfo(postgres.app_dsn, **weak), lambda: CONTEXT_KEY)
    store.ping()
    connection = store._link._usable()
    assert connection.pgconn.ssl_in_use
    info = connection.execute("SELECT version FROM pg_stat_ssl WHERE pid = pg_backend_pid()").fetchone()
    assert info == ("TLSv1.3",)
    assert {o.keyword: o.val for o in connection.pgconn.info}[b"sslmode"] == b"verify-full"
    store.close()


def test_another_servers_certificate_is_refused(postgres: Postgres, tmp_path: Path) -> None:
    write_certificate(tmp_path)
    dsn = make_conninfo(postgres.app_dsn, sslrootcert=str(tmp_path / "server.crt"))
    with pytest.raises(Unavailable):
        PostgresStore(dsn, lambda: CONTEXT_KEY).ping()


def test_another_name_is_refused(postgres: Postgres) -> None:
    """The certificate is trusted, but isn't for this name."""
    dsn = make_conninfo(postgres.app_dsn, host="database.example", hostaddr="127.0.0.1")
    with pytest.raises(Unavailable):
        PostgresStore(dsn, lambda: CONTEXT_KEY).ping()
