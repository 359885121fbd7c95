"""The WSGI side of the local AWS endpoints: moto behind a gate, one listener per outage that can be rehearsed."""

from __future__ import annotations

import hmac
import io
import re
import sys
import threading
from collections.abc import Callable, Iterable, Mapping
from contextlib import AbstractContextManager, nullcontext
from typing import Any
from urllib.parse import parse_qs

from moto.backends import SERVICE_NAMES
from moto.core.models import DEFAULT_ACCOUNT_ID
from moto.moto_server.werkzeug_app import DomainDispatcherApplication, MotoRequestHandler, create_backend_app
from moto.s3.models import s3_backends
from werkzeug.serving import BaseWSGIServer, make_server

from local import aws_dynamodb, aws_kms_ed25519, aws_kms_states, aws_policy, aws_s3_rules
from local.aws_presigned import Presigned
from local.aws_trail import Trail

StartResponse = Callable[..., Any]
Application = Callable[[dict[str, Any], StartResponse], Iterable[bytes]]

SERVICES = frozenset({"kms", "dynamodb", "sns", "events", "secretsmanager", "logs"})
S3 = frozenset({"s3"})
_BACKENDS: tuple[SERVICE_NAMES, ...] = (
    "kms",
    "s3",
    "dynamodb",
    "dynamodbstreams",
    "sns",
    "events",
    "secretsmanager",
    "logs",
)
_SCOPE = re.compile(r"Credential=([^/,\s]+)/\d{8}/[a-z0-9-]+/([a-z0-9-]+)/aws4_request")
_MAX_BODY = 64 << 20


class QuietHandler(MotoRequestHandler):
    """Logs nothing: paths, bodies and exception text may carry values."""

    protocol_version = "HTTP/1.1"

    def log(self, type: str, message: str, *args: Any) -> None:
        """Werkzeug's log, for requests and failures alike, goes nowhere."""


class Moto:
    """moto's backends, one call at a time per service: moto checks a condition and then acts on it, which is
    only what AWS promises while nothing runs in between. SNS delivers by HTTP inside the call and so must not
    hold a lock that its receiver's own calls would wait for."""

    def __init__(self, region: str) -> None:
        aws_policy.install()
        aws_dynamodb.install()
        aws_kms_ed25519.install()
        aws_kms_states.install()
        self._application = DomainDispatcherApplication(create_backend_app)
        for name in _BACKENDS:  # imports now, so that no caller's time-out pays for them
            self._application.app_instances[name] = create_backend_app(name)
        self._locks = {name: threading.Lock() for name in ("kms", "s3", "dynamodb", "secretsmanager", "logs")}
        self.trail = Trail(self._put, region)

    def __call__(self, service: str, environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        lock: AbstractContextManager[Any] = self._locks.get(service, nullcontext())
        with lock:
            if service == "s3":
                refused = aws_s3_rules.refusal(environ, _rewound(environ))
                if refused is not None:
                    return answer(start_response, refused.status, refused.body())
                if (told := aws_s3_rules.retention(environ)) is not None:
                    return answer(start_response, *told)
                if not aws_s3_rules.bypasses(environ):
                    environ.pop(aws_s3_rules.BYPASS_HEADER, None)  # moto takes any value for yes
            aws_policy.request.set(environ)
            if service == "kms":
                return self._noted(environ, start_response)
            return list(self._application(environ, start_response))

    def _noted(self, environ: dict[str, Any], start_response: StartResponse) -> list[bytes]:
        """A call of KMS, which stands in the trail before its caller hears of it."""
        asked, said = _rewound(environ), ["500"]

        def hear(status: str, *rest: Any) -> Any:
            said[0] = status
            return start_response(status, *rest)

        content = list(self._application(environ, hear))
        self.trail.note(environ, asked, int(said[0].split()[0]), b"".join(content))
        return content

    def _put(self, bucket: str, key: str, body: bytes) -> None:
        # Past the gate: AWS's own service delivers, whatever outage of S3 is rehearsed.
        with self._locks["s3"]:
            s3_backends[DEFAULT_ACCOUNT_ID]["aws"].put_object(bucket, key, body)


class Gate:
    """One listener's application: lets signed requests of this stack for ``services`` through to moto, but answers
    503 for those that are ``stopped``.

    The access key id is a random local value, so that a web page that guesses the port gets nothing.
    """

    def __init__(
        self,
        moto: Moto,
        access_key_id: str,
        services: frozenset[str],
        presigned: Presigned,
        stopped: Callable[[], frozenset[str]] = frozenset,
    ) -> None:
        self._moto, self._key, self._presigned = moto, access_key_id.encode(), presigned
        self._services, self._stopped = services, stopped

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        key, service = _credential(environ)
        admin = environ.get("PATH_INFO", "").startswith(("/moto-api", "/latest/"))  # moto's own: could reset it
        known = service in self._services and hmac.compare_digest(key.encode(), self._key)
        # A client's signature isn't checked, but that of a URL which is handed to others is all that it allows.
        if admin or not known or not ("HTTP_AUTHORIZATION" in environ or self._presigned.allows(environ)):
            return answer(start_response, "403 Forbidden", _denied(environ, service))
        if service in self._stopped():
            return answer(start_response, "503 Service Unavailable", b"<Error><Code>ServiceUnavailable</Code></Error>")
        try:
            environ["wsgi.input"] = io.BytesIO(_body(environ))
            return self._moto(service, environ, start_response)
        except Exception as error:  # noqa: BLE001  (moto's failures answer 500; their text may carry values)
            print(f"{environ['REQUEST_METHOD']} {service}: {type(error).__name__}", file=sys.stderr)
            return answer(start_response, "500 Internal Server Error", b"")


class Listener:
    """A TCP listener on 127.0.0.1 that can close and come back on its port; ``port`` 0 takes a free one."""

    def __init__(self, application: Application, port: int) -> None:
        self._application, self.port = application, port
        self._server: BaseWSGIServer | None = None
        self._thread: threading.Thread | None = None

    @property
    def running(self) -> bool:
        return self._server is not None

    def start(self) -> None:
        """Returns when connections are accepted. Starting twice changes nothing."""
        if self._server is not None:
            return
        server = make_server("127.0.0.1", self.port, self._application, threaded=True, request_handler=QuietHandler)
        self._server, self.port = server, server.port
        self._thread = threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Returns when connections are refused."""
        if self._server is None or self._thread is None:
            return
        self._server.shutdown()
        self._thread.join()
        self._server.server_close()
        self._server = self._thread = None


def answer(start_response: StartResponse, status: str, body: bytes) -> list[bytes]:
    start_response(status, [("Content-Type", "application/xml"), ("Content-Length", str(len(body)))])
    return [body]


def _denied(environ: Mapping[str, Any], service: str) -> bytes:
    """AccessDenied in the protocol that the caller reads: JSON, S3's XML or the query services' XML."""
    if "HTTP_X_AMZ_TARGET" in environ:
        return b'{"__type":"AccessDeniedException"}'
    error = b"<Error><Code>AccessDenied</Code></Error>"
    return error if service == "s3" else b"<ErrorResponse>" + error + b"</ErrorResponse>"


def _credential(environ: Mapping[str, Any]) -> tuple[str, str]:
    stated = environ.get("HTTP_AUTHORIZATION", "")
    if not stated:  # a presigned URL carries the same scope in its query
        query = parse_qs(environ.get("QUERY_STRING", ""))
        stated = "Credential=" + query.get("X-Amz-Credential", [""])[0]
    found = _SCOPE.search(stated)
    return (found[1], found[2]) if found else ("", "")


def _body(environ: Mapping[str, Any]) -> bytes:
    # Read whole before any lock is taken, so that a slow sender holds up nobody else.
    length = environ.get("CONTENT_LENGTH")
    if length:
        return bytes(environ["wsgi.input"].read(min(int(length), _MAX_BODY)))
    return bytes(environ["wsgi.input"].read(_MAX_BODY)) if environ.get("wsgi.input_terminated") else b""


def _rewound(environ: Mapping[str, Any]) -> bytes:
    body = bytes(environ["wsgi.input"].read())
    environ["wsgi.input"].seek(0)
    return body
