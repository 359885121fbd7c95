"""A gateway beside the stack's whose functions write down the AWS calls that they really make."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from functions.row import Function
from functions.table import TABLE
from local import invoke
from local.cognito.signatures import Signatures
from local.confine import granted, known_resources
from local.ports import listen, port_of
from local.recorded import VARIABLE, read
from local.serve import Server
from local.workers import Pool
from phivault.ids import uuid7
from tests.support.beside import Beside
from tests.support.own_log import own_log

if TYPE_CHECKING:
    import httpx

    from tests.support.stack import RunningStack

type Trace = set[tuple[str, str, str]]
"""Function, action, resource."""

SECRET = "the-administrators-password"


class Recording(Beside):
    """A gateway whose functions write down what they call, into the file ``made``. They record into a log of their
    own, and call each other."""

    def __init__(self, stack: RunningStack, folder: Path) -> None:
        self.made = folder / "made.jsonl"
        self.made.touch()
        self.own: dict[str, str] = {}
        self._altered: dict[str, dict[str, str]] = {}
        self._heard: Callable[[str], None] | None = None
        super().__init__(stack, folder / "functions.log")
        self.own = own_log(stack) | {"AWS_ENDPOINT_URL_LAMBDA": self._serve_invoke()}

    def _serve_invoke(self) -> str:
        listener, later = listen(0), invoke.Later(self.call)
        facts = self.stack.facts
        credentials = facts["aws_access_key_id"], facts["aws_secret_access_key"], facts["region"]
        signed = Signatures(*credentials, service="lambda", also_signed=())
        names = [function.name for function in TABLE if function.local]
        server = Server(invoke.create(names, self.call, later, signed), listener).start()
        self._ends.callback(listener.close)
        self._ends.callback(server.stop)
        self._ends.callback(later.stop)
        return f"http://127.0.0.1:{port_of(listener)}"

    def call(self, name: str, event: Any) -> dict[str, Any]:
        """As another function or an operator calls it."""
        answer = self._invoke(row(name), event, uuid7())
        if self._heard:
            self._heard(name)
        return answer

    @contextmanager
    def answered(self, heard: Callable[[str], None]) -> Iterator[None]:
        """Meanwhile ``heard`` is told each function that was called, before its caller has the answer."""
        self._heard = heard
        try:
            yield
        finally:
            self._heard = None

    def environment_of(self, function: str) -> dict[str, str]:
        given = super().environment_of(function) if row(function).local else self._of_a_deployment(row(function))
        own = {name: value for name, value in self.own.items() if name in given}
        if function == "sealer" and own:
            own["PHIVAULT_ACCESS_STATE_TABLE"] = self.own["RULES"]
        return given | own | {VARIABLE: str(self.made)} | self._altered.get(function, {})

    def _of_a_deployment(self, function: Function) -> dict[str, str]:
        """What another function has, of the settings that the row names, and what exists in the cloud alone."""
        own = {f"PHIVAULT_{setting.upper()}" for setting in function.settings}
        given = super().environment_of("records") | {"PHIVAULT_POSTGRES_SECRET_ARN": SECRET}
        return {name: value for name, value in given.items() if name in own or not name.startswith("PHIVAULT_")}

    @contextmanager
    def altered(self, function: str, environment: dict[str, str]) -> Iterator[None]:
        """New execution environments of ``function`` have ``environment`` meanwhile."""
        self.forget(function)
        self._altered[function] = environment
        try:
            yield
        finally:
            self.forget(function)
            del self._altered[function]

    def trace(self) -> Trace:
        return read(self.made)

    def granted(self, name: str) -> set[tuple[str, str]]:
        """What the function's row grants in this stack."""
        return set(granted(row(name), known_resources(self.environment_of(name))))

    def cold(self, function: str, client: httpx.Client, path: str, **headers: str) -> httpx.Response:
        """GET from an execution environment that knows no key yet."""
        self.forget(function)
        return client.get(path, headers=headers)

    def invoke(self, function: str, event: dict[str, Any], **environment: str) -> dict[str, Any]:
        """What a trigger invokes."""
        pool = Pool(function, self.environment_of(function) | environment, self.log, 1, 30).wait_ready()
        try:
            return pool.call(event, uuid7())
        finally:
            pool.stop()


def row(name: str) -> Function:
    return next(function for function in TABLE if function.name == name)
