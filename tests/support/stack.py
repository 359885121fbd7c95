"""Fixture: the whole product on this machine, as ``make run`` starts it, used as any client would."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import pytest

from local import totp
from tests.support import processes

if TYPE_CHECKING:
    import httpx

ROOT = Path(__file__).resolve().parents[2]
READY_SECONDS = 180.0
END_SECONDS = 60.0


@dataclass
class Run:
    """One ``python -m local.run``. Its standard output and error go to the file ``log``."""

    folder: Path
    log: Path
    process: subprocess.Popen[bytes]

    @classmethod
    def start(cls, folder: Path, log: Path, **environment: str) -> Self:
        """Returns at once; ``folder`` is its state folder. A session of its own keeps our Ctrl-C apart from its."""
        given = os.environ | {"PORT": "0", "PHIVAULT_LOCAL": str(folder)} | environment
        with log.open("ab") as output:
            process = subprocess.Popen(
                [sys.executable, "-m", "local.run"],
                cwd=ROOT,
                env=given,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        return cls(folder, log, process)

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def output(self) -> str:
        return self.log.read_text(errors="replace")

    @property
    def family(self) -> list[processes.Process]:
        return processes.family(self.pid)

    def wait_for(self, text: str, within: float = READY_SECONDS) -> None:
        """Until it has printed ``text``."""
        deadline = time.monotonic() + within
        while text not in self.output:
            if self.process.poll() is not None or time.monotonic() > deadline:
                raise AssertionError(f"The stack did not say {text!r} (status {self.process.poll()}):\n{self._logs()}")
            time.sleep(0.1)

    def wait_ready(self, within: float = READY_SECONDS) -> dict[str, Any]:
        """Until ``demo.json`` stands, which is written last and whole. Its content."""
        self.wait_for("Ctrl-C ends everything", within)
        document: dict[str, Any] = json.loads((self.folder / "demo.json").read_text())
        return document

    def interrupt(self, number: int = signal.SIGINT) -> int:
        """The signal to the foreground process group, as the terminal sends Ctrl-C. The exit status."""
        os.killpg(self.pid, number)
        return self.process.wait(END_SECONDS)

    def end(self) -> None:
        """For clean-up after a failure: whatever it takes, harmless when it has ended."""
        left = self.family if self.process.poll() is None else []
        for process in left:
            if process.alive:
                os.kill(process.pid, signal.SIGKILL)
        self.process.wait(END_SECONDS)

    def _logs(self) -> str:
        logs = sorted((self.folder / "logs").glob("*.log"))
        return "\n".join([self.output, *(f"--- {p.name}\n{p.read_text(errors='replace')[-2000:]}" for p in logs)])


@dataclass
class RunningStack:
    """A ready stack and its users. ``facts`` is ``demo.json``; a tenant that isn't named is the first, larger one."""

    run: Run
    facts: dict[str, Any]
    _totp_steps: dict[str, int] = field(default_factory=dict)
    _tokens: dict[tuple[str, str], tuple[dict[str, Any], float]] = field(default_factory=dict)
    _signing_in: threading.RLock = field(default_factory=threading.RLock)
    _ends: ExitStack = field(default_factory=ExitStack)

    def __post_init__(self) -> None:
        self.base_url: str = self.facts["base_url"]
        self.folder = self.run.folder
        self.pid = self.run.pid
        # Each user's app was enrolled before this moment, with the code of the step before the one it was in then.
        self._seeded_step = int((self.folder / "demo.json").stat().st_mtime) // totp.STEP - 1

    @property
    def output(self) -> str:
        """What it has printed so far."""
        return self.run.output

    @property
    def tenants(self) -> list[str]:
        return list(self.facts["tenants"])

    def user(self, role: str, tenant: str | None = None) -> dict[str, str]:
        user: dict[str, str] = self.facts["tenants"][tenant or self.tenants[0]]["users"][role]
        return user

    def patients(self, tenant: str | None = None) -> list[str]:
        ids: list[str] = self.facts["tenants"][tenant or self.tenants[0]]["patients"]
        return ids

    def anyone(self, **headers: str) -> httpx.Client:
        """A client without a token; paths are relative to ``/v1``. Closed with the stack."""
        import httpx

        client = httpx.Client(base_url=f"{self.base_url}/v1", timeout=30, headers=headers)
        return self._ends.enter_context(client)

    def api(self, role: str, tenant: str | None = None) -> httpx.Client:
        """A client that is signed in as that user; paths are relative to ``/v1``."""
        client = self.anyone()
        client.auth = self.bearer(role, tenant)
        return client

    def bearer(self, role: str, tenant: str | None = None) -> Callable[[httpx.Request], httpx.Request]:
        """The ``auth`` of a client that is that user for as long as it is held: a token ends after a quarter of an
        hour, a module on a busy machine may take longer."""
        self.tokens(role, tenant)

        def sign(request: httpx.Request) -> httpx.Request:
            if "Authorization" not in request.headers:
                request.headers["Authorization"] = f"Bearer {self.tokens(role, tenant)['access_token']}"
            return request

        return sign

    def tokens(self, role: str, tenant: str | None = None) -> dict[str, Any]:
        """What sign-in answered, kept for the session and renewed before it expires. Don't sign these out."""
        name = (tenant or self.tenants[0], role)
        with self._signing_in:
            answer, until = self._tokens.get(name, ({}, 0.0))
            if time.monotonic() >= until:
                answer = self.sign_in(role, tenant)
                self._tokens[name] = answer, time.monotonic() + answer["expires_in"] - 120
        return answer

    def sign_in(self, role: str, tenant: str | None = None) -> dict[str, Any]:
        """A new session through password and code. The answer with the tokens."""
        user = self.user(role, tenant)
        for _ in range(3):  # the demo signs in as these users too, and may have used up a code
            asked = self._post("/auth/sign-in", {"email": user["email"], "password": user["password"]})
            answer = {name: asked[name] for name in ("challenge", "session")} | {"email": user["email"]}
            got = self._post("/auth/challenge", answer | {"code": self.code(role, tenant)})
            if "access_token" in got:
                return got
        raise AssertionError(f"{user['email']} can't sign in: {got}")

    def code(self, role: str, tenant: str | None = None) -> str:
        """A TOTP code that hasn't counted yet: of the step before, this or the next one; waits when all are used."""
        user = self.user(role, tenant)
        last = self._totp_steps.get(user["email"], self._seeded_step)
        step = self._totp_steps[user["email"]] = totp.unused(last)
        return totp.code(user["totp_secret"], step)

    def environment_of(self, function: str) -> dict[str, str]:
        """The variables that the execution environments of ``function`` were given."""
        worker = next(p for p in self.run.family if p.command.split()[-2:] == ["local.worker", function])
        pairs = (processes.PROC / str(worker.pid) / "environ").read_bytes().decode().rstrip("\0").split("\0")
        return dict(pair.split("=", 1) for pair in pairs)

    def aws(self, service: str) -> Any:
        """A boto3 client with what ``demo.json`` tells."""
        import boto3

        endpoint = self.facts["aws_endpoint_url_s3" if service == "s3" else "aws_endpoint_url"]
        make: Any = boto3.client  # typed for literal names alone
        return make(
            service,
            endpoint_url=endpoint,
            region_name=self.facts["region"],
            aws_access_key_id=self.facts["aws_access_key_id"],
            aws_secret_access_key=self.facts["aws_secret_access_key"],
        )

    def close(self) -> None:
        self._ends.close()

    def _post(self, path: str, body: dict[str, str]) -> dict[str, Any]:
        import httpx

        answer = httpx.post(f"{self.base_url}/v1{path}", json=body, timeout=30)
        while answer.status_code == 429:
            time.sleep(int(answer.headers["Retry-After"]))
            answer = httpx.post(f"{self.base_url}/v1{path}", json=body, timeout=30)
        document: dict[str, Any] = answer.json()
        return document


@pytest.fixture(scope="session")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStack]:
    """The stack that the session shares: write under users and patients, never stop or change what others rely on."""
    yield from running(tmp_path_factory.mktemp("stack"))


def running(folder: Path) -> Iterator[RunningStack]:
    """A stack of its own, for a fixture to yield from."""
    run = Run.start(folder / "state", folder / "output.log")
    try:
        started = RunningStack(run, run.wait_ready())
        yield started
        started.close()
        everyone = run.family
        assert run.interrupt() == 0, run.output
        assert processes.survivors(everyone, within=15) == []
    finally:
        run.end()
