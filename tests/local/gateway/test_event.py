"""What a function is handed: API Gateway's REST proxy event, payload format 1.0."""

from __future__ import annotations

import base64

import pytest

from tests.local.gateway.harness import Asked, Client


def test_the_request_as_a_function_sees_it(client: Client, asked: Asked) -> None:
    client.send("GET", "/v1/fhir/Patient?_id=a%20b&empty=&_id=c", ("User-Agent", "app/1"), ("X-Purpose-Of-Use", "P"))
    (event,) = asked.events
    assert (event["resource"], event["path"], event["httpMethod"]) == ("/v1/fhir/{type}", "/v1/fhir/Patient", "GET")
    assert event["pathParameters"] == {"type": "Patient"}
    assert event["queryStringParameters"] == {"_id": "c", "empty": ""}
    assert event["multiValueQueryStringParameters"] == {"_id": ["a b", "c"], "empty": [""]}
    assert event["headers"]["X-Purpose-Of-Use"] == "P"
    assert event["requestContext"]["identity"] == {"sourceIp": "127.0.0.1", "userAgent": "app/1"}
    assert event["requestContext"]["authorizer"]["claims"]["sub"] == "user"
    assert (event["body"], event["isBase64Encoded"]) == (None, False)


def test_a_public_route_has_no_claims_whatever_token_comes_along(client: Client, asked: Asked) -> None:
    client.send("GET", "/open")
    (event,) = asked.events
    assert event["requestContext"]["authorizer"] == {}
    assert (event["pathParameters"], event["queryStringParameters"]) == (None, None)


def test_an_encoded_slash_stays_one_segment(client: Client, asked: Asked) -> None:
    client.send("GET", "/v1/fhir/a%2Fb")
    assert asked.events[0]["pathParameters"] == {"type": "a%2Fb"}
    assert asked.events[0]["path"] == "/v1/fhir/a%2Fb"


@pytest.mark.parametrize("text", ['{"name": "Zoë 😀"}', " \n", "\x00"])
def test_utf8_travels_as_text(client: Client, asked: Asked, text: str) -> None:
    client.send("POST", "/open", content=text.encode())
    assert (asked.events[0]["body"], asked.events[0]["isBase64Encoded"]) == (text, False)


@pytest.mark.parametrize("octets", [b"\xff", b"\x1f\x8b\x08\x00", "é".encode("latin-1"), b"\xed\xa0\x80"])
def test_other_octets_travel_as_base64(client: Client, asked: Asked, octets: bytes) -> None:
    client.send("POST", "/open", content=octets)
    assert asked.events[0]["isBase64Encoded"] is True
    assert base64.b64decode(asked.events[0]["body"]) == octets


def test_repeated_headers_are_all_told(client: Client, asked: Asked) -> None:
    client.send("GET", "/v1/notes", ("If-Match", 'W/"1"'), ("If-Match", 'W/"2"'))
    assert asked.events[0]["multiValueHeaders"]["If-Match"] == ['W/"1"', 'W/"2"']


def test_the_scheme_is_the_gateways_own_word(client: Client, asked: Asked) -> None:
    client.send("GET", "/v1/notes", ("X-Forwarded-Proto", "gopher"), ("X-Forwarded-For", "203.0.113.9"))
    (event,) = asked.events
    assert event["headers"]["X-Forwarded-Proto"] == "http"
    assert event["multiValueHeaders"]["X-Forwarded-Proto"] == ["http"]
    assert event["requestContext"]["identity"]["sourceIp"] == "127.0.0.1"
