"""The API, used as a signed-in user."""

from __future__ import annotations

import http.client
import json
import re
import ssl
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Final
from urllib.parse import urlsplit

from phivault.errors import (
    AccessDenied,
    InvalidCredentials,
    InvalidInput,
    NotFound,
    PhivaultError,
    TooManyRequests,
    Unavailable,
)

_ERRORS: Final = {
    error.status: error for error in (InvalidInput, AccessDenied, NotFound, InvalidCredentials, TooManyRequests)
}
_LOOPBACK: Final = frozenset({"127.0.0.1", "::1", "localhost"})
_MOST_BYTES: Final = 32 << 20
_INSTANCE: Final = re.compile(rb"urn:uuid:([0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12})")


class _Stay(urllib.request.HTTPRedirectHandler):
    """Follows nobody to another place: the token would go along."""

    def redirect_request(self, *_: object) -> None:
        return None


def _opener(*handlers: urllib.request.BaseHandler) -> urllib.request.OpenerDirector:
    context = ssl.create_default_context()
    context.minimum_version = ssl.TLSVersion.TLSv1_3
    return urllib.request.build_opener(_Stay(), urllib.request.HTTPSHandler(context=context), *handlers)


direct = _opener(urllib.request.ProxyHandler({}))  # no proxy leads to this machine
_outward = _opener()


@dataclass(frozen=True, slots=True)
class Answer:
    """What came back, whatever its status. Header names are in lower case. Prints without the body."""

    status: int
    headers: Mapping[str, str]
    body: bytes = field(repr=False)

    @property
    def retry_after(self) -> int | None:
        """Seconds; None where the answer names none."""
        text = self.headers.get("retry-after", "")
        return int(text) if text.isascii() and text.isdecimal() else None

    @property
    def where(self) -> str:
        """Of a failure of the API's own, where to find its cause, in words; else nothing."""
        found = _INSTANCE.search(self.body) if self.status >= 500 else None
        return f"The API's log says why, under {found[1].decode()}" if found else ""


@dataclass(slots=True)
class Api:
    """Calls with one access token. ``renew`` gives another once the API refuses it; without it a call fails then.
    May be used from several threads."""

    base_url: str
    token: str = field(default="", repr=False)
    renew: Callable[[], str] | None = field(default=None, repr=False)
    _renewing: threading.Lock = field(default_factory=threading.Lock, repr=False)

    def __post_init__(self) -> None:
        self.base_url = checked(self.base_url)

    def call(self, method: str, path: str, body: dict[str, Any] | None = None) -> dict[str, Any]:
        """The answer's JSON, empty for 204. Raises the error of its status, with the detail that the API gives."""
        headers = {} if body is None else {"Content-Type": "application/json"}
        answer = self.send(method, path, None if body is None else json.dumps(body).encode(), headers)
        if not 200 <= answer.status < 300:
            raise _error(answer)
        if answer.status == 204:
            return {}
        try:
            document = json.loads(answer.body)
        except ValueError:
            raise Unavailable("What answered isn't the API") from None
        if not isinstance(document, dict):
            raise Unavailable("What answered isn't the API")
        return document

    def send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str]) -> Answer:
        """The answer as it comes. Raises Unavailable where there is none; then nobody knows whether it was done."""
        used = self.token
        answer = self._send(method, path, body, headers, used)
        if answer.status != 401 or self.renew is None:
            return answer
        with self._renewing:
            if self.token == used:  # else another thread did it meanwhile
                self.token = self.renew()
        return self._send(method, path, body, headers, self.token)

    def _send(self, method: str, path: str, body: bytes | None, headers: Mapping[str, str], token: str) -> Answer:
        request = urllib.request.Request(self.base_url + path, body, dict(headers), method=method)  # noqa: S310  # checked
        if token:
            request.add_unredirected_header("Authorization", f"Bearer {token}")
        opener = direct if urlsplit(self.base_url).hostname in _LOOPBACK else _outward
        try:
            with opener.open(request, timeout=60) as answer:
                return _read(answer)
        except urllib.error.HTTPError as refused:
            try:
                with refused:
                    return _read(refused)
            except (OSError, http.client.HTTPException):
                raise Unavailable("The API's answer was cut off") from None
        except (OSError, http.client.HTTPException):
            raise Unavailable(
                "The API doesn't answer. A local stack is started in another terminal: make run"
            ) from None


def checked(base_url: str) -> str:
    """The address before ``/v1``, without a slash at its end. Raises InvalidInput for one without TLS that isn't this
    machine's, and for one that holds more than an address."""
    try:
        url = urlsplit(base_url)
        host, _ = url.hostname, url.port
    except ValueError:
        raise InvalidInput("The API's address is no URL") from None
    if url.scheme not in ("https", "http") or not host or url.username or url.password or url.query or url.fragment:
        raise InvalidInput("The API's address is like https://api.example/")
    if url.scheme == "http" and host not in _LOOPBACK:
        raise InvalidInput("The API's address must begin with https: a password would go in clear")
    return base_url.rstrip("/").removesuffix("/v1")


def _read(answer: Any) -> Answer:
    body = answer.read(_MOST_BYTES + 1)
    if len(body) > _MOST_BYTES:
        raise Unavailable("The API's answer is too large")
    return Answer(answer.status, {name.lower(): value for name, value in answer.headers.items()}, body)


def _error(answer: Answer) -> PhivaultError:
    try:
        problem = json.loads(answer.body)
        text = str(problem.get("detail") or problem["title"])
    except (ValueError, KeyError, AttributeError):
        text = f"The API answered {answer.status}"
    text = ". ".join(filter(None, (text, answer.where)))
    kind = _ERRORS.get(answer.status, Unavailable)
    if answer.retry_after is not None and kind in (TooManyRequests, Unavailable):
        return kind(text, retry_after=answer.retry_after)
    return kind(text)
