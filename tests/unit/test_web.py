"""The HTTP face by itself: headers of every answer, bodies, repeated headers, what each error becomes."""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterator
from typing import Any

import pytest
from aws_lambda_powertools.utilities.data_classes import APIGatewayProxyEvent

from phivault import bootstrap, logs, web
from phivault.errors import (
    ContentTooLarge,
    InvalidInput,
    PhivaultError,
    TooManyRequests,
    Unavailable,
    UnsupportedMediaType,
)
from phivault.identity.source import Source
from phivault.settings import settings


@pytest.fixture(autouse=True)
def profile(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    monkeypatch.setenv("PHIVAULT_PROFILE", "local")
    settings.cache_clear()
    yield monkeypatch
    settings.cache_clear()


def _event(body: str | None = "{}", *, encoded: bool = False, **headers: str | list[str]) -> APIGatewayProxyEvent:
    listed = {n.replace("_", "-"): v if isinstance(v, list) else [v] for n, v in headers.items()}
    return APIGatewayProxyEvent(
        {
            "headers": {name: values[-1] for name, values in listed.items()},
            "multiValueHeaders": listed,
            "body": body,
            "isBase64Encoded": encoded,
            "requestContext": {"requestId": "r1", "identity": {"sourceIp": "192.0.2.1"}},
        }
    )


@pytest.mark.parametrize(("profile_name", "promised"), [("local", False), ("dev", True), ("production", True)])
def test_tls_is_promised_where_there_is_tls(profile: pytest.MonkeyPatch, profile_name: str, promised: bool) -> None:
    profile.setenv("PHIVAULT_PROFILE", profile_name)
    settings.cache_clear()
    headers = web.answer(200, "{}").headers
    assert ("Strict-Transport-Security" in headers) == promised
    assert headers["Cache-Control"] == "no-store"
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["Vary"] == "Origin"


def test_an_answer_may_say_more_and_differently() -> None:
    headers = web.answer(200, "x", media="text/html", Cache_Control="max-age=1", Retry_After="5").headers
    assert (headers["Cache-Control"], headers["Retry-After"], headers["Content-Type"]) == (
        "max-age=1",
        "5",
        "text/html",
    )


@pytest.mark.parametrize(
    "media",
    [
        "application/json",
        "application/fhir+json",
        "APPLICATION/JSON",
        "application/json; charset=utf-8",
        'application/fhir+json;charset="UTF-8"; fhirVersion=4.0',
    ],
)
def test_json_in_utf8_is_read(media: str) -> None:
    assert web.body(_event('{"a": "é"}', Content_Type=media)) == '{"a": "é"}'.encode()


@pytest.mark.parametrize("media", ["", "json", "text/json", "application/json; charset=utf-16", "application/xml"])
def test_other_media_are_not(media: str) -> None:
    with pytest.raises(UnsupportedMediaType):
        web.body(_event(Content_Type=media))


def test_a_coded_body_is_not() -> None:
    with pytest.raises(UnsupportedMediaType):
        web.body(_event(Content_Type="application/json", Content_Encoding="gzip"))


def test_a_body_is_measured_in_bytes_as_it_was_sent() -> None:
    assert web.body(_event("é" * 5, Content_Type="application/json"), limit=10)
    for event in (
        _event("é" * 5 + "x", Content_Type="application/json"),
        _event(base64.b64encode(b"\xff" * 11).decode(), encoded=True, Content_Type="application/json"),
    ):
        with pytest.raises(ContentTooLarge):
            web.body(event, limit=10)


def test_base64_that_is_none() -> None:
    with pytest.raises(InvalidInput):
        web.body(_event("Zebra!", encoded=True, Content_Type="application/json"))


def test_a_header_is_found_in_any_case_and_never_twice() -> None:
    event = _event(**{"x-purpose-of-use": "TREATMENT", "If-Match": ["a", "b"]})
    assert web.header(event, "X-Purpose-Of-Use") == "TREATMENT"
    assert web.header(event, "Idempotency-Key") is None
    with pytest.raises(InvalidInput):
        web.header(event, "if-match")


def test_a_user_agent_is_cut() -> None:
    assert len(web.source(_event(User_Agent="a" * 5_000)).user_agent) == 512


@pytest.mark.parametrize("error", [PhivaultError(), Unavailable("S3 did not answer"), TooManyRequests(retry_after=3)])
def test_a_problem_names_its_request_where_the_fault_is_ours(error: PhivaultError) -> None:
    media, text = web.problem(error, "r1")
    document = json.loads(text)
    assert media == "application/problem+json"
    assert (document["status"], document["title"]) == (error.status, error.title)
    assert document.get("instance") == ("urn:uuid:r1" if error.status >= 500 else None)


def test_repeated_parameters_are_refused() -> None:
    def of(**values: list[str]) -> dict[str, str]:
        raw: dict[str, Any] = {"multiValueQueryStringParameters": values or None}
        return web.parameters(APIGatewayProxyEvent(raw))

    assert of() == {}
    assert of(a=["1"], b=[""]) == {"a": "1", "b": ""}
    with pytest.raises(InvalidInput):
        of(a=["1", "1"])


class _Recorder:
    """Was asked to record whatever ``known`` says."""

    def __init__(self, *known: str) -> None:
        self.known = known

    def was_asked(self, request_id: str) -> bool:
        return request_id in self.known


class _Sessions:
    def __init__(self, failure: PhivaultError | None = None) -> None:
        self.refused: list[tuple[str, str, str]] = []
        self.failure = failure

    def record_refused(self, action: str, claims: object, source: Source, error: PhivaultError) -> None:
        if self.failure is not None:
            raise self.failure
        self.refused.append((action, source.request_id, error.code))


@pytest.fixture
def called(monkeypatch: pytest.MonkeyPatch) -> Callable[..., tuple[int, list[tuple[str, str, str]]]]:
    """Call an operation that records ``me.read`` and does ``work``. The status, and what was recorded for it."""

    def call(
        work: Callable[[], object], *known: str, failure: PhivaultError | None = None, **event: Any
    ) -> tuple[int, list[tuple[str, str, str]]]:
        sessions = _Sessions(failure)
        monkeypatch.setattr(bootstrap, "recorder", lambda: _Recorder(*known))
        monkeypatch.setattr(bootstrap, "sessions", lambda: sessions)
        monkeypatch.setattr(web, "OPERATIONS", {})
        monkeypatch.setattr(logs, "configure", lambda *_: None)
        app = web.resolver("test")
        about = web.Operation(summary="Test", permission="signed-in", audit=("me.read",), phi=True)

        @web.operation(app, "GET", "/v1/me", about)
        def _me() -> Any:
            work()
            return web.answer(200, "{}")

        asked = _event(None).raw_event | {"httpMethod": "GET", "path": "/v1/me", "resource": "/v1/me"}
        return app.resolve(asked | event, object())["statusCode"], sessions.refused

    return call


def _fail(error: Exception) -> Callable[[], object]:
    def fail() -> object:
        raise error

    return fail


def test_an_answer_on_record_leaves(called: Any) -> None:
    assert called(lambda: None, "r1") == (200, [])


def test_an_answer_without_a_record_does_not(called: Any) -> None:
    assert called(lambda: None) == (500, [("me.read", "r1", "internal")])


@pytest.mark.parametrize("error", [InvalidInput("x"), UnsupportedMediaType("x"), Unavailable("x"), ValueError("x")])
def test_a_failure_that_left_no_record_gets_one(called: Any, error: Exception) -> None:
    known = error if isinstance(error, PhivaultError) else PhivaultError()
    assert called(_fail(error)) == (known.status, [("me.read", "r1", known.code)])


def test_a_parameter_that_is_refused_before_the_verb_gets_one(called: Any) -> None:
    asked = {"multiValueQueryStringParameters": {"name": ["x"]}, "queryStringParameters": {"name": "x"}}
    assert called(lambda: None, **asked) == (400, [("me.read", "r1", "unsupported-parameter")])


def test_a_failure_that_was_recorded_is_not_recorded_again(called: Any) -> None:
    assert called(_fail(InvalidInput("x")), "r1") == (400, [])


def test_a_refusal_that_cannot_be_recorded_is_not_told(called: Any) -> None:
    assert called(_fail(InvalidInput("x")), failure=Unavailable("The audit log is busy")) == (503, [])
