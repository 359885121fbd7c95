"""Every way out of a function refuses what is older than TLS 1.3. (boto3's clients: tests/contract/aws.)"""

from __future__ import annotations

import ast
import contextlib
import socket
import ssl
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.error import URLError

import pytest
from psycopg.conninfo import make_conninfo

from local.postgres_files import write_certificate
from phivault.adapters import cloudformation
from phivault.adapters.postgres.connection import connect
from phivault.adapters.postgres.operators import connect_operator
from phivault.errors import Unavailable
from tests.support.bounded import HANGS

ROOT = Path(__file__).resolve().parents[3]
CONSTRUCTORS = {
    ("adapters/aws.py", "boto3.session.Session"),
    ("adapters/aws.py", "boto3.session.Session().get_credentials"),
    ("adapters/cloudformation.py", "urllib.request.urlopen"),
    ("adapters/postgres/connection.py", "Connection.connect"),
    ("adapters/postgres/operators.py", "psycopg.connect"),
    ("adapters/rds_token.py", "botocore.session.get_session"),
}
"""Where connections are made. The last signs, and sends nothing; ``get_credentials`` asks whatever an operator's
credentials come from, and operators' commands alone call it."""
SSL_REQUEST = 8
type Door = Callable[[int, Path], object]


@contextlib.contextmanager
def server(version: ssl.TLSVersion, certificate: Path, *, postgres: bool) -> Iterator[tuple[int, list[str]]]:
    """Speaks TLS up to ``version``. Its port, and the versions that were agreed on."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate / "server.crt", certificate / "server.key")
    context.maximum_version = version
    agreed: list[str] = []
    with socket.create_server(("127.0.0.1", 0)) as listener:

        def serve() -> None:
            with contextlib.suppress(OSError):
                connection, _ = listener.accept()
                connection.settimeout(HANGS)
                if postgres:
                    connection.recv(SSL_REQUEST)
                    connection.sendall(b"S")
                with context.wrap_socket(connection, server_side=True) as secured:
                    agreed.append(str(secured.version()))

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield listener.getsockname()[1], agreed
        thread.join(HANGS)


def _dsn(port: int, certificate: Path) -> str:
    """One that asks for less than it should."""
    return make_conninfo(
        host="127.0.0.1",
        port=port,
        user="u",
        dbname="d",
        sslrootcert=str(certificate / "server.crt"),
        sslmode="require",
        ssl_min_protocol_version="TLSv1",
    )


DOORS: dict[str, Door] = {
    "application": lambda port, certificate: connect(_dsn(port, certificate)),
    "operator": lambda port, certificate: connect_operator(_dsn(port, certificate)),
}


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    write_certificate(tmp_path)
    return tmp_path


@pytest.mark.parametrize("door", DOORS)
def test_postgresql_below_tls_1_3_is_refused(door: str, certificate: Path) -> None:
    with server(ssl.TLSVersion.TLSv1_2, certificate, postgres=True) as (port, agreed), pytest.raises(Unavailable):
        DOORS[door](port, certificate)
    assert agreed == []
    # The same server with TLS 1.3 gets past the handshake, and no further: it is no database.
    with server(ssl.TLSVersion.TLSv1_3, certificate, postgres=True) as (port, agreed), pytest.raises(Unavailable):
        DOORS[door](port, certificate)
    assert agreed == ["TLSv1.3"]


def test_cloudformation_is_answered_over_tls_1_3_alone(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate / "server.crt"))
    event = dict.fromkeys(("StackId", "RequestId", "LogicalResourceId"), "x")
    for version, expected in ((ssl.TLSVersion.TLSv1_2, []), (ssl.TLSVersion.TLSv1_3, ["TLSv1.3"])):
        with server(version, certificate, postgres=False) as (port, agreed), pytest.raises((URLError, ConnectionError)):
            cloudformation.answer(event | {"ResponseURL": f"https://127.0.0.1:{port}/"}, "id", dict)
        assert agreed == expected


def test_connections_are_made_nowhere_else() -> None:
    library = ROOT / "layers" / "core" / "python" / "phivault"
    made = set()
    for source in [path for path in library.rglob("*.py") if "cli" not in path.relative_to(library).parts]:
        made |= {(source.relative_to(library).as_posix(), name) for name in _makers(source)}
    assert made == CONSTRUCTORS
    assert not [name for path in (ROOT / "functions").rglob("*.py") for name in _makers(path)]


def _makers(source: Path) -> Iterator[str]:
    """Calls that open a connection or make something that does."""
    libraries = (
        "boto3.",
        "botocore.session",
        "psycopg.connect",
        "Connection.connect",
        "socket.",
        "httpx.",
        "requests.",
    )
    for node in ast.walk(ast.parse(source.read_bytes())):
        if isinstance(node, ast.Call):
            name = ast.unparse(node.func)
            if name.startswith(libraries) or name.split(".")[-1] in ("urlopen", "HTTPSConnection", "PoolManager"):
                yield name
