"""AWS clients: made once, never below TLS 1.3, and their errors name no value."""

from __future__ import annotations

import contextlib
import os
import socket
import ssl
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

import pytest
from botocore.exceptions import ClientError
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from phivault.adapters.access_state_table import TABLE
from phivault.adapters.aws import client, error_code, forget_clients, translated
from phivault.errors import Unavailable
from tests.support.bounded import ends_by_itself

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 17\r\nConnection: close\r\n\r\n" + b'{"TableNames":[]}'


@pytest.fixture
def certificate(tmp_path: Path) -> Path:
    """A self-signed certificate of 127.0.0.1 with its key, in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number(), now, now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(IPv4Address("127.0.0.1"))]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    private = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path = tmp_path / "certificate.pem"
    path.write_bytes(private + made.public_bytes(serialization.Encoding.PEM))
    return path


@contextlib.contextmanager
def dynamodb_over(version: ssl.TLSVersion, certificate: Path) -> Iterator[str]:
    """A server that speaks TLS up to ``version`` and answers ListTables."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate)
    context.maximum_version = version
    listener = socket.create_server(("127.0.0.1", 0))

    def serve() -> None:
        while True:
            try:
                connection, _ = listener.accept()
            except OSError:
                return
            with contextlib.suppress(OSError), context.wrap_socket(connection, server_side=True) as secured:
                received = b""
                while not received.endswith(b"\r\n\r\n{}"):  # what is left unread resets the connection
                    received += secured.recv(65536)
                secured.sendall(ANSWER)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"https://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.fixture
def elsewhere(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Credentials and a region; clients made in the test are forgotten."""
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "x")
    monkeypatch.setenv("AWS_REGION", "eu-central-1")
    forget_clients()
    yield monkeypatch
    monkeypatch.undo()
    forget_clients()


def test_tls_below_1_3_is_refused(elsewhere, certificate):
    elsewhere.setenv("AWS_CA_BUNDLE", str(certificate))
    with dynamodb_over(ssl.TLSVersion.TLSv1_2, certificate) as url:
        elsewhere.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        with pytest.raises(Unavailable, match="DynamoDB did not answer: SSLError"), translated("DynamoDB"):
            client("dynamodb").list_tables()
    forget_clients()
    with dynamodb_over(ssl.TLSVersion.TLSv1_3, certificate) as url:
        elsewhere.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        assert client("dynamodb").list_tables()["TableNames"] == []


def test_a_client_is_made_once_for_the_region_of_the_environment(elsewhere):
    made = client("kms")
    assert client("kms") is made
    assert made.meta.region_name == "eu-central-1"
    assert client("kms", attempts=1) is not made


def test_threads_get_the_same_client(elsewhere):
    made: list[object] = []
    threads = [threading.Thread(target=lambda: made.append(client("sns"))) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len({id(each) for each in made}) == 1


def test_a_forked_child_shares_no_connection(elsewhere):
    made = client("sns")
    child = os.fork()
    if child == 0:
        os._exit(0 if client("sns") is not made else 1)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0


def test_a_silent_service_is_unavailable_within_its_time_outs(elsewhere):
    with socket.create_server(("127.0.0.1", 0)) as listener:
        elsewhere.setenv("AWS_ENDPOINT_URL_KMS", f"http://127.0.0.1:{listener.getsockname()[1]}")
        silent = pytest.raises(Unavailable, match="KMS did not answer: ReadTimeoutError")
        with ends_by_itself(), silent, translated("KMS"):
            client("kms", read_timeout=0.3, attempts=2).list_keys()


def test_an_error_of_the_service_names_its_code_and_no_value(new_table):
    table = new_table(TABLE)
    with pytest.raises(Unavailable) as caught, translated("DynamoDB"):
        client("dynamodb").get_item(TableName=table, Key={"Zaphod": {"S": "Beeblebrox"}})
    assert str(caught.value) == "DynamoDB refused: ValidationException"
    assert caught.value.__suppress_context__


def test_an_expected_error_is_the_callers_to_read(new_table):
    table = new_table(TABLE)
    with pytest.raises(ClientError) as caught, translated("DynamoDB", "ConditionalCheckFailedException"):
        client("dynamodb").put_item(
            TableName=table,
            Item={"pk": {"S": "p"}, "sk": {"S": "s"}},
            ConditionExpression="attribute_exists(pk)",
        )
    assert error_code(caught.value) == "ConditionalCheckFailedException"


def test_a_wrong_argument_is_not_repeated(aws_endpoints):
    with pytest.raises(Unavailable) as caught, translated("DynamoDB"):
        client("dynamodb").get_item(TableName="t", Key={"pk": {"S": 1952, "Zaphod": ""}})
    assert "Zaphod" not in str(caught.value)


def test_a_code_that_is_no_code_is_not_repeated():
    answer = {"Error": {"Code": "Patient Zaphod", "Message": ""}}
    with pytest.raises(Unavailable, match="KMS refused: unknown error"), translated("KMS"):
        raise ClientError(answer, "Decrypt")
