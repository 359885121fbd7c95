"""Requests that somebody else's program makes up from the API document: each is answered as the document says.

Schemathesis writes requests that fit each operation and requests that don't; the token and the places in the path are
those of the call of tests/support/calls.py that succeeds, so that generated bodies and parameters reach the code behind
the checks of who asks. ``PHIVAULT_SCHEMATHESIS_EXAMPLES`` makes a longer run: that many requests of each kind instead
of the few that ``make test`` has time for, with the smallest failing one found.
"""

from __future__ import annotations

import base64
import json
import os
import re
import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import CHECKS, load_all_checks

from tests.support.accounts import Account
from tests.support.answers import THROTTLED
from tests.support.caller import World
from tests.support.calls import CALLS

if TYPE_CHECKING:
    from schemathesis import Case, Response

    from tests.support.stack import RunningStack

SERVED = json.loads((Path(__file__).parents[3] / "functions" / "pages" / "openapi.json").read_text("utf-8"))
API = schemathesis.openapi.from_dict(SERVED)
OPERATIONS = [(method.upper(), path) for path, item in SERVED["paths"].items() for method in item]
LONG = int(os.environ.get("PHIVAULT_SCHEMATHESIS_EXAMPLES", "0"))
EXAMPLES = LONG or 4
WAITS = 3  # for a dependency that this machine kept from answering in time

load_all_checks()
CONFORMS = CHECKS.get_by_names(
    [
        "status_code_conformance",
        "content_type_conformance",
        "response_headers_conformance",
        "response_schema_conformance",
    ]
)
ENDS_ITSELF = {
    ("POST", "/v1/auth/sign-out"): "ends the session that asks",
    ("DELETE", "/v1/me/sessions"): "ends every session of the person who asks",
    ("DELETE", "/v1/me/sessions/{id}"): "the session named may be the one that asks",
}
"""These are called with a session of their own for each request; no operation is left out."""
UNSIGNED = ".".join(
    base64.urlsafe_b64encode(part).decode().rstrip("=") for part in (b'{"alg":"none"}', b'{"sub":"a"}', b"")
)
"""A token of the algorithm "none"."""
JSON = {"Content-Type": "application/json"}
ODD: dict[str, dict[str, Any]] = {
    "no token": {"headers": {"Authorization": ""}},
    "a forged token": {"headers": {"Authorization": f"Bearer {UNSIGNED}"}},
    "a method that no path has": {"method": "TRACE"},
    "a parameter twice, one that is unknown": {"params": {"limit": ["1", "2"], "\x00": "\ufffe"}},
    "a body that nobody asked for": {"headers": {"Content-Type": "text/csv"}, "data": b"a,b"},
}
ODD_BODIES: dict[str, dict[str, Any]] = {
    "no media type": {"headers": {"Content-Type": ""}, "data": b"{}"},
    "a list": {"headers": JSON, "data": b"[]"},
    "a number": {"headers": JSON, "data": b"1e999"},
    "not JSON": {"headers": JSON, "data": b'{"a":'},
    "not UTF-8": {"headers": JSON, "data": b'{"a":"\xff\xfe"}'},
    "a lone surrogate": {"headers": JSON, "data": b'{"a":"\\ud800"}'},
    "a zero byte": {"headers": JSON, "data": b'{"resourceType":"\\u0000"}'},
    "deep": {"headers": JSON, "data": b"[" * 20_000 + b"]" * 20_000},
    "large": {"headers": JSON, "data": b'"' + b"a" * (5 << 20) + b'"'},
    "compressed": {"headers": JSON | {"Content-Encoding": "gzip"}, "data": b"\x1f\x8b"},
}


@pytest.fixture(scope="module")
def world(stack: RunningStack) -> World:
    from tests.support.locked_log import LockedLog

    return World(stack, LockedLog(stack))


def own_token(stack: RunningStack) -> str:
    """Of a clinician whom nobody else needs."""
    return str(Account(stack, "clinician", stack.tenants[0]).tokens()["access_token"])


@pytest.fixture(scope="module")
def clinician(stack: RunningStack) -> str:
    return own_token(stack)


class Fitting:
    """Who may call an operation, and places that are there: those of a call that succeeds."""

    def __init__(self, world: World, key: tuple[str, str]) -> None:
        self._world, self._key = world, key
        self.places: dict[str, str] = {}
        self.body: dict[str, Any] = {}
        self._token = ""
        if key in CALLS:
            asked = CALLS[key][0](world).request
            pattern = re.sub(r"\\\{(\w+)\\\}", r"(?P<\1>[^/]+)", re.escape(key[1]))
            found = re.fullmatch(pattern, asked.url.path)
            assert found, f"{asked.url.path} is not at {key[1]}"
            self.places, self._token = found.groupdict(), asked.headers.get("Authorization", "")
            if asked.content:
                self.body = {"data": asked.content, "headers": {"Content-Type": asked.headers["Content-Type"]}}

    @property
    def headers(self) -> dict[str, str]:
        if self._key in ENDS_ITSELF:
            return {"Authorization": f"Bearer {own_token(self._world.stack)}"}
        return {"Authorization": self._token} if self._token else {}


def answered(case: Case, stack: RunningStack, **how: Any) -> Response:
    """The answer, once this machine's address may ask and its dependencies answer: a 503 that stays is an error."""
    unavailable = 0
    while True:
        answer = case.call(base_url=stack.base_url, timeout=60, **how)
        if answer.status_code == 503 and unavailable < WAITS:
            unavailable += 1
        elif answer.status_code != 429 or THROTTLED not in answer.text:
            return answer
        time.sleep(int(answer.headers["retry-after"][0]))


def conforms(stack: RunningStack, case: Case, answer: Response) -> None:
    if answer.status_code >= 500:
        id = answer.headers["x-request-id"][0]
        lines = [line for log in (stack.folder / "logs").glob("*.log") for line in log.open() if id in line]
        raise AssertionError("\n".join([case.as_curl_command(), f"{answer.status_code} {answer.text}", *lines]))
    case.validate_response(answer, checks=CONFORMS)


def modes(operation: Any) -> list[GenerationMode]:
    """Requests that don't fit can be made up where there is anything to fit."""
    varied = operation.body or operation.query or operation.headers or operation.path_parameters
    return [GenerationMode.POSITIVE, GenerationMode.NEGATIVE] if varied else [GenerationMode.POSITIVE]


def _name(key: tuple[str, str]) -> str:
    return " ".join(key)


def _served(key: tuple[str, str]) -> dict[str, Any]:
    operation: dict[str, Any] = SERVED["paths"][key[1]][key[0].lower()]
    return operation


def test_every_operation_is_called_as_somebody_who_may() -> None:
    secured = {key for key in OPERATIONS if _served(key)["security"]}
    assert secured <= set(CALLS)
    assert set(ENDS_ITSELF) <= secured


@pytest.mark.parametrize("key", OPERATIONS, ids=_name)
def test_generated_requests_are_answered_as_the_document_says(world: World, key: tuple[str, str]) -> None:
    operation, fitting = API[key[1]][key[0]], Fitting(world, key)
    statuses: Counter[int] = Counter()
    examples = settings(
        max_examples=max(1, EXAMPLES // 2) if key in ENDS_ITSELF else EXAMPLES,
        derandomize=True,
        deadline=None,
        database=None,
        phases=[Phase.generate, *([Phase.shrink] if LONG else [])],
        suppress_health_check=list(HealthCheck),
    )
    for mode in modes(operation):

        @examples
        @given(operation.as_strategy(generation_mode=mode), st.sampled_from(["made up", "places", "places and body"]))
        def check(case: Case, real: str) -> None:
            how: dict[str, Any] = {}
            if real != "made up":
                case.path_parameters = {**case.path_parameters, **fitting.places}
            if real == "places and body":  # and what is made up is the query, but for cursors, which can't be
                how, case.headers = fitting.body, {}
                case.query = {name: value for name, value in case.query.items() if "cursor" not in name}
            headers = how.get("headers", {}) | fitting.headers
            answer = answered(case, world.stack, **how | {"headers": headers})
            statuses[answer.status_code] += 1
            conforms(world.stack, case, answer)

        check()
    assert set(statuses) != {401} or not _served(key)["security"], "nobody was let in"


@pytest.mark.parametrize("key", OPERATIONS, ids=_name)
def test_what_no_document_describes_is_answered_as_it_says(world: World, clinician: str, key: tuple[str, str]) -> None:
    operation = API[key[1]][key[0]]
    case = operation.Case(path_parameters=dict.fromkeys(re.findall(r"{(\w+)}", key[1]), "0"))
    token = {"Authorization": f"Bearer {clinician}"}
    for oddity, how in (ODD | (ODD_BODIES if "requestBody" in _served(key) else {})).items():
        if key in ENDS_ITSELF:
            token = {"Authorization": f"Bearer {own_token(world.stack)}"}
        headers = (token if _served(key)["security"] else {}) | how.get("headers", {})
        answer = answered(case, world.stack, **how | {"headers": headers})
        try:
            conforms(world.stack, case, answer)
        except AssertionError as error:
            raise AssertionError(f"{oddity}: {error}") from error
