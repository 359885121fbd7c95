"""Requests byte by byte, as no well-behaved client sends them."""

from __future__ import annotations

import json
import socket
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from tests.support.stack import RunningStack

SECONDS = 30.0


@dataclass(frozen=True)
class Answer:
    status: int
    headers: dict[str, str]
    body: bytes

    @property
    def document(self) -> Any:
        return json.loads(self.body)


class Wire:
    """A connection of one's own for each request."""

    def __init__(self, stack: RunningStack) -> None:
        host, _, port = stack.base_url.removeprefix("http://").partition(":")
        self._place, self.host = (host, int(port)), f"{host}:{port}".encode()

    def send(self, octets: bytes, *, half_close: bool = False, seconds: float = SECONDS) -> bytes:
        """Everything that comes back until the server closes."""
        with socket.create_connection(self._place, seconds) as connection:
            connection.sendall(octets)
            if half_close:
                connection.shutdown(socket.SHUT_WR)
            received = b""
            try:
                while piece := connection.recv(65536):
                    received += piece
            except ConnectionResetError:
                pass
        return received

    def ask(self, line: bytes, *headers: bytes, body: bytes = b"") -> Answer:
        """One request: ``line`` is method and target, Host and Connection are added."""
        fields = b"\r\n".join([b"Host: " + self.host, b"Connection: close", *headers])
        return parsed(self.send(line + b" HTTP/1.1\r\n" + fields + b"\r\n\r\n" + body))


def parsed(received: bytes) -> Answer:
    """The first answer in what was received, whole."""
    head, _, body = received.partition(b"\r\n\r\n")
    status, *lines = head.decode("latin-1").split("\r\n")
    headers = {name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines)}
    return Answer(int(status.split()[1]), headers, body)


def refusal(answer: Answer, *statuses: int) -> None:
    """One of the statuses, with a body in one of the two forms of this API, or the parser's own one line."""
    assert answer.status in statuses, (answer.status, answer.body[:300])
    if answer.headers.get("content-type", "").startswith("text/plain"):
        assert answer.body in (b"Invalid HTTP request received.",) or b"Invalid HTTP request" in answer.body
        return
    assert answer.headers["content-type"] in ("application/problem+json", "application/fhir+json")
    assert answer.document
    assert answer.headers["x-content-type-options"] == "nosniff"
