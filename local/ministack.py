"""An AWS account on this machine that takes CloudFormation: ministack, with IAM enforced and TLS 1.3, on 127.0.0.1.

It lives in an environment of its own (it pins another botocore), made once from ``requirements/e2e.txt``. It runs on
the bare interpreter with that environment's packages added, because it starts Lambda functions with its own
interpreter: so they find the standard library and their layers and nothing else, as in the cloud. What it holds is
gone with it, and it ends with the process that started it, however that ends.
"""

from __future__ import annotations

import shutil
import ssl
import subprocess
import sys
import time
from dataclasses import dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import Self

import httpx

from local.postgres import free_port, guarded
from local.postgres_files import write_certificate

ROOT = Path(__file__).resolve().parent.parent
LOCK = ROOT / "requirements" / "e2e.txt"
ENVIRONMENT = ROOT / "build" / "ministack"
START_SECONDS = 30.0
REGION = "us-east-1"
ACCOUNT = "111122223333"
"""An access key id of twelve digits is that account's root user."""

_BOOT = Path(__file__).with_name("ministack_boot.py")


def install() -> Path:
    """Make or renew the environment when the lock changed; its site-packages. Needs the package index."""
    packages = ENVIRONMENT / "lib" / f"python{sys.version_info.major}.{sys.version_info.minor}" / "site-packages"
    stamp, wanted = ENVIRONMENT / ".ready", sha256(LOCK.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
        pip = [str(ENVIRONMENT / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
        subprocess.run([*pip, "--require-hashes", "--only-binary", ":all:", "-r", str(LOCK)], check=True)
        stamp.write_text(wanted)
    return packages


@dataclass
class Ministack:
    """A running emulator. ``directory`` is its alone."""

    directory: Path
    port: int
    process: subprocess.Popen[bytes] = field(repr=False)

    @classmethod
    def start(cls, directory: Path) -> Self:
        """Raises RuntimeError, naming the log, when it doesn't come up."""
        packages = install()
        directory = directory.resolve()
        (directory / "tmp").mkdir(mode=0o700, parents=True)
        write_certificate(directory)
        port = free_port()
        command = ["/usr/bin/env", *(f"{name}={value}" for name, value in _settings(directory, port).items())]
        command += [_bare_interpreter(), "-I", "-B", str(_BOOT), str(packages)]
        emulator = cls(directory, port, guarded(command, directory, directory / "ministack.log"))
        emulator._wait()
        return emulator

    @property
    def endpoint_url(self) -> str:
        return f"https://127.0.0.1:{self.port}"

    @property
    def certificate(self) -> Path:
        """Its own root."""
        return self.directory / "server.crt"

    def environment(self) -> dict[str, str]:
        """The variables that make any AWS SDK or the CDK use it, as the account's root user."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_CA_BUNDLE": str(self.certificate),
            "NODE_EXTRA_CA_CERTS": str(self.certificate),
            "AWS_ACCESS_KEY_ID": ACCOUNT,
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_REGION": REGION,
            "AWS_DEFAULT_REGION": REGION,
            "AWS_EC2_METADATA_DISABLED": "true",
        }

    def trust(self) -> ssl.SSLContext:
        """For clients that aren't an SDK's."""
        context = ssl.create_default_context(cafile=self.certificate)
        context.minimum_version = ssl.TLSVersion.TLSv1_3
        return context

    def stop(self) -> None:
        """Harmless if it is down already."""
        if self.process.poll() is None:
            self.process.communicate()

    def _wait(self) -> None:
        deadline = time.monotonic() + START_SECONDS
        with httpx.Client(verify=self.trust()) as api:
            while self.process.poll() is None and time.monotonic() < deadline:
                try:
                    if api.get(f"{self.endpoint_url}/_ministack/health").status_code == 200:
                        return
                except httpx.TransportError:
                    pass
                time.sleep(0.1)
        self.stop()
        raise RuntimeError(f"ministack did not start; see {self.directory / 'ministack.log'}")


def _settings(directory: Path, port: int) -> dict[str, str]:
    node = shutil.which("node")  # the CDK's own custom resources are written for it
    path = ["/usr/bin", "/bin", *([str(Path(node).parent)] if node else [])]
    return {
        "PATH": ":".join(path),
        "AUTH": "true",
        "BIND_HOST": "127.0.0.1",
        "GATEWAY_PORT": str(port),
        "MINISTACK_ACCOUNT_ID": ACCOUNT,
        "MINISTACK_HOST": "127.0.0.1",
        "MINISTACK_REGION": REGION,
        "USE_SSL": "1",
        "MINISTACK_SSL_CERT": str(directory / "server.crt"),
        "MINISTACK_SSL_KEY": str(directory / "server.key"),
        "SSL_CERT_FILE": str(directory / "server.crt"),  # it calls itself, and nobody else
        "TMPDIR": str(directory / "tmp"),
        "SFTP_ENABLED": "0",
        "IOT_MTLS_ENABLED": "0",
        "LAMBDA_EXECUTOR": "local",
        "MINISTACK_COGNITO_PRETOKEN_STRICT": "1",
    }


def _bare_interpreter() -> str:
    return str(Path(sys.base_prefix) / "bin" / f"python{sys.version_info.major}.{sys.version_info.minor}")
