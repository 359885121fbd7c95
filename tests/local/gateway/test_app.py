"""The gateway's own answers: what it refuses, how, and what every answer carries."""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from local.gateway.app import MAX_PAYLOAD
from local.gateway.throttle import Throttle
from local.workers import WorkerDied
from phivault.errors import Unavailable
from tests.local.gateway.harness import HOST, ORIGINS, Asked, Client

ALLOWED, FOREIGN = ORIGINS[1], "http://evil.test"


def _problem(answer: httpx.Response, status: int) -> dict[str, Any]:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    document: dict[str, Any] = answer.json()
    assert document["status"] == status
    return document


def _outcome(answer: httpx.Response, status: int) -> str:
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/fhir+json"
    assert answer.json()["resourceType"] == "OperationOutcome"
    return str(answer.json()["issue"][0]["diagnostics"])


def test_a_functions_answer_is_passed_on(client: Client, asked: Asked) -> None:
    asked.answer = lambda _: {
        "statusCode": 201,
        "headers": {"ETag": 'W/"1"'},
        "multiValueHeaders": {"X-Two": ["a", "b"]},
        "body": "AP8=",
        "isBase64Encoded": True,
    }
    answer = client.send("GET", "/v1/notes", ("Accept", "application/pdf, */*"))
    assert (answer.status_code, answer.content, answer.headers["etag"]) == (201, b"\x00\xff", 'W/"1"')
    assert answer.headers.get_list("x-two") == ["a", "b"]
    # API Gateway decodes for nobody who doesn't accept a binary media type first.
    assert client.send("GET", "/v1/notes", ("Accept", "*/*")).content == b"AP8="


def test_what_is_of_a_binary_media_type_travels_as_base64(client: Client, asked: Asked) -> None:
    for media, encoded in (("application/pdf", True), ("text/plain", True), ("application/fhir+json", False)):
        client.send("GET", "/v1/notes", ("Content-Type", media), content=b"abc")
        assert asked.events[-1]["isBase64Encoded"] is encoded
        assert asked.events[-1]["body"] == ("YWJj" if encoded else "abc")


@pytest.mark.parametrize(("path", "read"), [("/v1/nope", _problem), ("/v1/fhir/a/b/c", _outcome)])
def test_no_such_path(client: Client, asked: Asked, path: str, read: Any) -> None:
    read(client.send("GET", path), 404)
    assert asked.events == []


def test_another_method_is_told_which_are_allowed(client: Client, asked: Asked) -> None:
    for method in ("PUT", "DELETE", "PATCH", "HEAD", "OPTIONS", "TRACE", "BREW"):
        answer = client.send(method, "/v1/notes")
        assert answer.status_code == 405
        assert answer.headers["allow"] == "GET, POST"
    assert asked.events == []


def test_a_path_is_refused_before_a_token_is_looked_at(client: Client) -> None:
    assert client.send("GET", "/v1/nope", ("Authorization", "")).status_code == 404
    assert client.send("PUT", "/v1/notes", ("Authorization", "")).status_code == 405


@pytest.mark.parametrize(("path", "read"), [("/v1/notes", _problem), ("/v1/fhir/Patient", _outcome)])
def test_without_a_token(client: Client, asked: Asked, path: str, read: Any) -> None:
    answer = client.send("GET", path, ("Authorization", "Bearer nothing"))
    read(answer, 401)
    assert answer.headers["www-authenticate"] == "Bearer"
    assert asked.events == []


def test_two_authorization_headers_are_refused_even_if_both_are_good(client: Client, asked: Asked) -> None:
    good = ("Authorization", f"Bearer {client.pool.token()}")
    _problem(client.send("GET", "/v1/notes", good, good), 401)
    assert asked.events == []


def test_without_our_scope(client: Client) -> None:
    _problem(client.send("GET", "/v1/notes", ("Authorization", f"Bearer {client.pool.token(scope='x')}")), 403)


@pytest.mark.parametrize("host", ["", "evil.test", HOST + ".evil.test", HOST + ":81", "user@" + HOST, HOST + "."])
def test_a_foreign_host(client: Client, asked: Asked, host: str) -> None:
    _problem(client.send("GET", "/open", ("Host", host)), 400)
    assert asked.events == []


def test_a_payload_beyond_api_gateways_limit(client: Client, asked: Asked) -> None:
    _problem(client.send("POST", "/open", content=b" " * (MAX_PAYLOAD + 1)), 413)
    assert asked.events == []
    assert client.send("POST", "/open", content=b" " * MAX_PAYLOAD).status_code == 200


def test_a_payload_that_says_no_length_is_counted_as_it_comes(client: Client, asked: Asked) -> None:
    sent = 0

    def pieces() -> Iterator[bytes]:
        nonlocal sent
        while True:
            sent += 1 << 20
            yield b" " * (1 << 20)

    async def endless() -> Any:
        for piece in pieces():
            yield piece

    _problem(client.send("POST", "/open", content=endless()), 413)
    assert sent <= MAX_PAYLOAD + (2 << 20)
    assert asked.events == []


def _raise(error: Exception) -> Any:
    def answer(_: object) -> Any:
        raise error

    return answer


@pytest.mark.parametrize("error", [WorkerDied("records"), RuntimeError("Zebra"), KeyError("Zebra"), RecursionError()])
def test_whatever_breaks_has_an_id_that_the_log_has(
    client: Client, asked: Asked, caplog: pytest.LogCaptureFixture, error: Exception
) -> None:
    asked.answer = _raise(error)
    with caplog.at_level(logging.ERROR, "phivault.gateway"):
        answer = client.send("GET", "/v1/notes")
    document = _problem(answer, 500)
    (record,) = caplog.records
    assert document["instance"] == f"urn:uuid:{record.request_id}"  # type: ignore[attr-defined]  # set through extra
    assert answer.headers["x-request-id"] == record.request_id  # type: ignore[attr-defined]  # as above
    assert "Zebra" not in answer.text + record.getMessage()


def test_a_breakdown_under_fhir_is_an_operation_outcome(client: Client, asked: Asked) -> None:
    asked.answer = _raise(WorkerDied("records"))
    answer = client.send("GET", "/v1/fhir/Patient")
    assert f"urn:uuid:{answer.headers['x-request-id']}" in _outcome(answer, 500)


def test_an_answer_of_another_shape_is_a_breakdown(client: Client, asked: Asked) -> None:
    for strange in ({}, {"statusCode": "x"}, {"statusCode": 200, "headers": 7}):
        asked.answer = lambda _, strange=strange: strange  # type: ignore[misc]  # a loop variable, bound now
        _problem(client.send("GET", "/v1/notes"), 500)


def test_keys_that_cannot_be_fetched_are_503(client: Client) -> None:
    class Down:
        jwks = property(lambda self: (_ for _ in ()).throw(Unavailable("keys")))
        token = client.pool.token

    client.pool = Down()  # type: ignore[assignment]  # a pool whose key set can't be fetched
    answer = client.send("GET", "/v1/notes")
    document = _problem(answer, 503)
    assert answer.headers["retry-after"] == "5"
    assert document["instance"] == f"urn:uuid:{answer.headers['x-request-id']}"


def test_throttling_says_when_to_come_back(client: Client, asked: Asked, throttles: dict[str, Throttle]) -> None:
    throttles["notes"] = Throttle(rate=0.2, burst=2, now=lambda: 0.0)
    answers = [client.send("GET", "/v1/notes") for _ in range(3)]
    assert [answer.status_code for answer in answers] == [200, 200, 429]
    assert answers[2].headers["retry-after"] == "5"
    assert _problem(answers[2], 429)["type"] == "urn:phivault:problem:too-many-requests"
    assert len(asked.events) == 2
    assert client.send("GET", "/open").status_code == 200


def test_one_limit_holds_for_everything_together(client: Client, throttles: dict[str, Throttle]) -> None:
    throttles["*"] = Throttle(rate=1, burst=1, now=lambda: 0.0)
    assert client.send("GET", "/open").status_code == 200
    assert client.send("GET", "/v1/fhir/Patient").status_code == 429


def test_guessing_tokens_is_throttled_too(client: Client, throttles: dict[str, Throttle]) -> None:
    throttles["*"] = Throttle(rate=1, burst=1, now=lambda: 0.0)
    statuses = [client.send("GET", "/v1/notes", ("Authorization", "Bearer x")).status_code for _ in range(2)]
    assert statuses == [401, 429]


def test_preflight(client: Client, asked: Asked) -> None:
    asks = ("Access-Control-Request-Method", "PUT")
    answer = client.send("OPTIONS", "/v1/notes", ("Origin", ALLOWED), asks, ("Authorization", ""))
    assert (answer.status_code, answer.content) == (204, b"")
    assert answer.headers["access-control-allow-origin"] == ALLOWED
    allowed = answer.headers["access-control-allow-headers"].split(",")
    assert {"Authorization", "Content-Type", "X-Purpose-Of-Use", "If-Match", "Idempotency-Key"} <= set(allowed)
    assert "access-control-allow-credentials" not in answer.headers
    foreign = client.send("OPTIONS", "/v1/notes", ("Origin", FOREIGN), asks)
    assert not [name for name in foreign.headers if name.startswith("access-control")]
    assert asked.events == []


@pytest.mark.parametrize("origin", [FOREIGN, "null", "", ALLOWED + ".evil.test", ALLOWED + "/", ALLOWED.upper()])
def test_only_the_very_origins_are_allowed(client: Client, origin: str) -> None:
    answer = client.send("GET", "/v1/nope", ("Origin", origin))
    assert not [name for name in answer.headers if name.startswith("access-control")]
    assert answer.headers["vary"] == "Origin"


def test_a_page_of_ours_can_read_why_it_was_refused(client: Client) -> None:
    answer = client.send("GET", "/v1/notes", ("Origin", ALLOWED), ("Authorization", "Bearer x"))
    assert answer.headers["access-control-allow-origin"] == ALLOWED
    assert "Retry-After" in answer.headers["access-control-expose-headers"]


def test_refusals_are_kept_by_no_cache_and_read_as_what_they_are(client: Client) -> None:
    for answer in (client.send("GET", "/v1/nope"), client.send("GET", "/v1/notes", ("Authorization", ""))):
        assert answer.headers["cache-control"] == "no-store"
        assert answer.headers["x-content-type-options"] == "nosniff"


def test_the_access_log_has_neither_paths_nor_queries(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO, "phivault.access"):
        client.send("GET", "/v1/fhir/Zebra?name=Zebra", ("X-Zebra", "Zebra"))
        client.send("GET", "/Zebra")
    ours = [record for record in caplog.records if record.name.startswith("phivault")]
    assert [getattr(record, "resource", None) for record in ours] == ["/v1/fhir/{type}", "-"]
    assert "Zebra" not in json.dumps([vars(record) for record in ours], default=str)
