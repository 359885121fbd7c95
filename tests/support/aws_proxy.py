"""What lies between a function and an AWS endpoint: counts the calls and, told to, loses them."""

from __future__ import annotations

import http.client
import threading
import time
from collections.abc import Callable
from enum import Enum
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

HOP_BY_HOP = {"connection", "keep-alive", "transfer-encoding", "expect"}
DENIED = b"<Error><Code>AccessDenied</Code></Error>"
SLOW_DOWN = b"<Error><Code>SlowDown</Code></Error>"


class Fault(Enum):
    """REFUSED: no connection. FORBIDDEN, SLOW_DOWN: 403 and 503. SILENT: no answer. TRICKLING: a header's byte now
    and then. LOST: the endpoint did as asked, its answer doesn't arrive."""

    REFUSED = "connection refused"
    FORBIDDEN = "403"
    SLOW_DOWN = "503"
    SILENT = "no answer"
    TRICKLING = "an answer that never ends"
    LOST = "answer lost"


class AwsProxy:
    """Forwards from a loopback port of its own. ``calls`` are "kms Decrypt", "s3 PUT" and so on, in their order."""

    def __init__(self, upstream: str) -> None:
        self.upstream = urlsplit(upstream)
        self.calls: list[str] = []
        self.fault: Fault | None = None
        self._once, self._only = False, ""
        self._port = 0
        self._over = threading.Event()
        self._server: ThreadingHTTPServer | None = None
        self._listen()

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self._port}"

    def fail(self, fault: Fault, *, once: bool = False, only: str = "") -> None:
        """From now on, or for the next call alone; ``only`` calls of that name."""
        self.fault, self._once, self._only = fault, once, only
        if fault is Fault.REFUSED:
            self._close()

    def heal(self) -> None:
        self.fault = None
        self._over.set()  # lets go of whoever still waits for an answer
        self._over = threading.Event()
        if self._server is None:
            self._listen()

    def close(self) -> None:
        self.heal()
        self._close()

    def fault_of(self, call: str) -> Fault | None:
        """What happens to a call that has just come."""
        self.calls.append(call)
        fault = self.fault if self._only in {"", call} else None
        if fault and self._once:
            self.fault = None
        return fault

    def linger(self, seconds: float = 30.0) -> bool:
        """Wait; True once the fault is over."""
        return self._over.wait(seconds)

    def _listen(self) -> None:
        self._server = _Server(("127.0.0.1", self._port), _handler(self))
        self._port = self._server.server_address[1]
        threading.Thread(target=self._server.serve_forever, args=(0.02,), daemon=True).start()

    def _close(self) -> None:
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server = None


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False

    def handle_error(self, request: Any, client_address: Any) -> None:
        """A caller that has gone is what some faults are for."""


def _handler(proxy: AwsProxy) -> type[BaseHTTPRequestHandler]:
    return type("Handler", (_Handler,), {"proxy": proxy})


class _Handler(BaseHTTPRequestHandler):
    proxy: AwsProxy
    protocol_version = "HTTP/1.1"
    timeout = 30

    def handle_one_request(self) -> None:
        super().handle_one_request()
        if self.proxy.fault is Fault.REFUSED:  # kept connections end as well
            self.close_connection = True

    def serve(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.proxy.fault_of(_name(self))
        faults: dict[Fault | None, Callable[[], None]] = {
            Fault.FORBIDDEN: lambda: self.answer(403, [], DENIED),
            Fault.SLOW_DOWN: lambda: self.answer(503, [], SLOW_DOWN),
            Fault.SILENT: self.drop_later,
            Fault.TRICKLING: self.trickle,
            Fault.REFUSED: self.drop,
        }
        if fault in faults:
            faults[fault]()
            return
        answer = _forward(self.proxy, self, body)
        if fault is Fault.LOST:
            self.drop()
        else:
            self.answer(*answer)

    do_GET = do_PUT = do_POST = do_HEAD = do_DELETE = serve  # noqa: N815 (the base class's names)

    def answer(self, status: int, headers: list[tuple[str, str]], content: bytes) -> None:
        self.send_response_only(status)
        for name, value in headers:
            if name.lower() not in HOP_BY_HOP and (name.lower() != "content-length" or self.command == "HEAD"):
                self.send_header(name, value)
        if self.command == "HEAD":
            self.end_headers()
            return
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

    def drop(self) -> None:
        self.close_connection = True

    def drop_later(self) -> None:
        self.proxy.linger()
        self.close_connection = True

    def trickle(self) -> None:
        self.close_connection = True
        self.wfile.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while not self.proxy.linger(0.2):
            self.wfile.write(b".")

    def log_message(self, format: str, *args: Any) -> None:
        """Nothing: the tests' output has no use for it."""


def _forward(proxy: AwsProxy, request: BaseHTTPRequestHandler, body: bytes) -> tuple[int, list[tuple[str, str]], bytes]:
    connection = http.client.HTTPConnection(proxy.upstream.hostname or "", proxy.upstream.port, timeout=20)
    headers = {name: value for name, value in request.headers.items() if name.lower() not in HOP_BY_HOP}
    try:
        connection.request(request.command, request.path, body=body, headers=headers)
        answer = connection.getresponse()
        return answer.status, answer.getheaders(), answer.read()
    finally:
        connection.close()


def _name(request: BaseHTTPRequestHandler) -> str:
    """The service from the signature's scope, the operation from the target header or the method."""
    scope = request.headers.get("Authorization", "").partition("Credential=")[2].split("/")
    service = scope[3] if len(scope) > 3 else "?"
    return f"{service} {request.headers.get('X-Amz-Target', '').rpartition('.')[2] or request.command}"


def within(seconds: float, condition: Callable[[], bool]) -> bool:
    """Whether ``condition`` comes true in time."""
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:
        time.sleep(0.05)
    return condition()
