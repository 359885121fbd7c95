"""The gateway's access log, as API Gateway writes it: the members of ``ACCESS_LOG`` in infra/api.py, every value in
quotes, ``-`` where there is none. To a file, and to the log group from which the reconciler reads."""

from __future__ import annotations

import json
import logging
import threading
import time
from dataclasses import dataclass
from itertools import batched
from pathlib import Path
from typing import Any, Final

from phivault.adapters.aws import client, translated
from phivault.errors import (
    AccessDenied,
    ContentTooLarge,
    InvalidInput,
    MethodNotAllowed,
    NotFound,
    PhivaultError,
    TooManyRequests,
    Unauthenticated,
    Unavailable,
)

FLUSH_SECONDS: Final = 0.5
STREAM: Final = "local"
_BATCH: Final = 1000
_log = logging.getLogger(__name__)
_ANSWERED: Final[tuple[tuple[type[PhivaultError], str], ...]] = (
    (Unauthenticated, "UNAUTHORIZED"),
    (AccessDenied, "ACCESS_DENIED"),
    (NotFound, "MISSING_AUTHENTICATION_TOKEN"),
    (MethodNotAllowed, "MISSING_AUTHENTICATION_TOKEN"),
    (TooManyRequests, "THROTTLED"),
    (ContentTooLarge, "REQUEST_TOO_LARGE"),
    (Unavailable, "AUTHORIZER_FAILURE"),
    (InvalidInput, "BAD_REQUEST_PARAMETERS"),
)


def answered(error: PhivaultError) -> str:
    """API Gateway's response type for what the gateway answers without a function, or instead of one that failed."""
    return next((name for kind, name in _ANSWERED if isinstance(error, kind)), "INTEGRATION_FAILURE")


@dataclass(frozen=True, slots=True)
class Entry:
    """One request. ``answered`` is "" where a function answered."""

    request_id: str
    at: float
    method: str
    route: str
    status: int
    milliseconds: int
    octets: int
    answered: str = ""

    def line(self) -> str:
        members = {
            "request_id": self.request_id,
            "at": str(round(self.at * 1000)),
            "method": self.method,
            "route": self.route,
            "status": str(self.status),
            "latency_ms": str(self.milliseconds),
            "function_ms": "-" if self.answered else str(self.milliseconds),
            "bytes": str(self.octets),
            "tls": "-",
            "answered": self.answered or "-",
            "waf": "-",
        }
        return json.dumps(members)


class AccessLog:
    """Requests are added as they are answered, and written a moment later, off their path. What the log group can't
    take now comes with the next batch."""

    def __init__(self, file: Path, group: str) -> None:
        self._file, self._group = file, group
        self._entries: list[Entry] = []
        self._unsent: list[dict[str, Any]] = []
        self._changing = threading.Lock()
        self._stopped = threading.Event()
        self._thread = threading.Thread(target=self._run, name="access-log", daemon=True)

    def start(self) -> None:
        """The log group exists."""
        self._file.parent.mkdir(parents=True, exist_ok=True)
        client("logs").create_log_stream(logGroupName=self._group, logStreamName=STREAM)
        self._thread.start()

    def add(self, entry: Entry) -> None:
        with self._changing:
            self._entries.append(entry)

    def stop(self) -> None:
        """Returns once everything is written."""
        self._stopped.set()
        self._thread.join()

    def _run(self) -> None:
        while not self._stopped.wait(FLUSH_SECONDS):
            self._flush()
        self._flush()

    def _flush(self) -> None:
        with self._changing:
            entries, self._entries = self._entries, []
        if entries:
            with self._file.open("a", encoding="utf-8") as file:
                file.write("".join(entry.line() + "\n" for entry in entries))
        self._unsent += [{"timestamp": round(time.time() * 1000), "message": entry.line()} for entry in entries]
        for batch in list(batched(self._unsent, _BATCH, strict=False)):
            try:
                with translated("CloudWatch Logs"):
                    client("logs").put_log_events(logGroupName=self._group, logStreamName=STREAM, logEvents=list(batch))
            except Unavailable as error:
                _log.warning("access log not sent: %s", error.detail)
                return
            self._unsent = self._unsent[len(batch) :]
