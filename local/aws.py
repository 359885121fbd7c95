"""AWS endpoints on this machine: KMS, S3, DynamoDB with streams, SNS, EventBridge, Secrets Manager, CloudWatch Logs.

``python -m local.aws [port [s3_port]]`` serves them on 127.0.0.1 with state in memory. Its first line is JSON
with what ``LocalAws`` needs; then ``stop-s3``, ``start-s3`` and ``trail ["bucket", "folder"]`` on its input are
answered with ``ok`` each. It ends with its input or its parent.
"""

from __future__ import annotations

import json
import os
import secrets
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Self, cast

from local import surroundings
from local.parent import end_with_parent

REGION = "us-east-1"


@dataclass(slots=True)
class LocalAws:
    """The running process. Its credentials are random and work here alone."""

    endpoint_url: str
    s3_endpoint_url: str
    access_key_id: str
    secret_access_key: str = field(repr=False)
    process: subprocess.Popen[str] = field(repr=False)
    region: str = REGION

    @classmethod
    def start(cls, port: int = 0, s3_port: int = 0) -> Self:
        """Spawn it and wait until it listens. Call from a thread that lives as long as it should: on Linux the
        process ends with the *thread* that made it (prctl(2), PR_SET_PDEATHSIG)."""
        process = subprocess.Popen(
            [sys.executable, "-m", "local.aws", str(port), str(s3_port)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
            env=os.environ | {"MOTO_DISABLE_GLOBAL_CORS": "true"},
        )
        line = cast("IO[str]", process.stdout).readline()
        if not line:
            raise RuntimeError(f"The local AWS endpoints ended with status {process.wait()}")
        return cls(process=process, **json.loads(line))

    def environment(self) -> dict[str, str]:
        """The variables that make any AWS SDK use it."""
        return {
            "AWS_ENDPOINT_URL": self.endpoint_url,
            "AWS_ENDPOINT_URL_S3": self.s3_endpoint_url,
            "AWS_ACCESS_KEY_ID": self.access_key_id,
            "AWS_SECRET_ACCESS_KEY": self.secret_access_key,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
        } | surroundings.ALONE

    def stop_s3(self) -> None:
        """From now on connections to S3 are refused; what it holds is kept."""
        self._command("stop-s3")

    def start_s3(self) -> None:
        """S3 answers again, on the same port."""
        self._command("start-s3")

    def start_trail(self, bucket: str, folder: Path) -> None:
        """Deliver CloudTrail's files of KMS to the bucket and the folder, from the first call on."""
        self._command("trail " + json.dumps([bucket, str(folder)]))

    def stop(self) -> None:
        cast("IO[str]", self.process.stdin).close()
        try:
            self.process.wait(5)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        cast("IO[str]", self.process.stdout).close()

    def _command(self, line: str) -> None:
        pipe = cast("IO[str]", self.process.stdin)
        pipe.write(line + "\n")
        pipe.flush()
        if cast("IO[str]", self.process.stdout).readline() != "ok\n":
            raise RuntimeError(f"The local AWS endpoints did not {line}")


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # ^C at the terminal reaches the parent, which ends us in order
    end_with_parent()
    os.environ["MOTO_DISABLE_GLOBAL_CORS"] = "true"  # before moto is imported: no web page may read from here
    from local.aws_presigned import Presigned
    from local.aws_server import S3, SERVICES, Gate, Listener, Moto

    moto, key, secret = Moto(REGION), "LKIA" + secrets.token_hex(8).upper(), secrets.token_urlsafe(30)
    presigned = Presigned(key, secret, REGION)
    port, s3_port = (int(argument) for argument in (*sys.argv[1:], "0", "0")[:2])
    s3 = Listener(Gate(moto, key, S3, presigned), s3_port)
    everything = Listener(Gate(moto, key, SERVICES | S3, presigned, lambda: frozenset() if s3.running else S3), port)
    everything.start()
    s3.start()
    ready = {
        "endpoint_url": f"http://127.0.0.1:{everything.port}",
        "s3_endpoint_url": f"http://127.0.0.1:{s3.port}",
        "access_key_id": key,
        "secret_access_key": secret,
    }
    _say(json.dumps(ready))
    commands: dict[str, Callable[..., None]] = {
        "stop-s3": s3.stop,
        "start-s3": s3.start,
        "trail": moto.trail.start,
    }
    for line in sys.stdin:
        name, _, arguments = line.strip().partition(" ")
        command = commands.get(name)
        if command is not None:
            command(*json.loads(arguments or "[]"))
        _say("ok" if command is not None else "unknown command")
    moto.trail.deliver()


def _say(line: str) -> None:
    sys.stdout.write(line + "\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
