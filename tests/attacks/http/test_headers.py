"""Headers by which a client would be someone else, come from elsewhere, or say two things at once."""

from __future__ import annotations

import time
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Any

import httpx
import pytest

from tests.attacks.http.wire import Wire, refusal
from tests.support.answers import ok, refused
from tests.support.fhir import make, observation, patient, send

if TYPE_CHECKING:
    from tests.support.stack import RunningStack

FOREIGN = "http://evil.example"
CLAIMED = {
    "X-Tenant": "tenant-b",
    "X-Tenant-Id": "tenant-b",
    "X-Role": "auditor",
    "X-User": "admin",
    "X-User-Id": "00000000-0000-0000-0000-000000000000",
    "X-Amzn-Oidc-Identity": "admin",
    "X-Amzn-Requestid": "forged",
    "X-Request-Id": "forged",
    "X-Authenticated-User": "admin",
    "X-Original-Url": "/v1/audit/events",
    "X-Rewrite-Url": "/v1/audit/events",
    "X-Forwarded-Host": "evil.example",
    "X-Forwarded-Prefix": "/evil",
    "X-Forwarded-For": "203.0.113.7",
    "X-Real-Ip": "203.0.113.7",
    "Forwarded": "for=203.0.113.7;host=evil.example;proto=https",
    "X-Mfa": "true",
    "X-Patient-Id": "x",
    "X-Http-Method": "DELETE",
    "X-Http-Method-Override": "DELETE",
    "X-Method-Override": "DELETE",
}


def test_claimed_tenants_roles_and_methods_change_nothing(stack: RunningStack) -> None:
    client = stack.api("clinician")
    subject = make(client, patient())["id"]
    plain = client.get(f"/fhir/Patient/{subject}")
    claimed = client.get(f"/fhir/Patient/{subject}", headers=CLAIMED)
    assert claimed.content == plain.content
    assert claimed.headers["x-request-id"] not in ("forged", plain.headers["x-request-id"])
    me = ok(client.get("/me", headers=CLAIMED))
    assert me == ok(client.get("/me"))
    refused(client.get(f"/fhir/Patient/{stack.patients(stack.tenants[1])[0]}", headers=CLAIMED), 404)
    refused(client.get("/audit/events", headers=CLAIMED), 403)
    refused(stack.anyone(**CLAIMED).get("/me"), 401)


def test_links_lead_to_where_the_request_came_in(stack: RunningStack) -> None:
    client = stack.api("clinician")
    subject = make(client, patient())["id"]
    lies = {"X-Forwarded-Host": "evil.example", "X-Forwarded-Proto": "gopher", "Forwarded": "host=evil.example"}
    made = send(client, "POST", "/fhir/Observation", observation(subject), **lies)
    found = client.get("/fhir/Observation", params={"patient": subject}, headers=lies)
    assert made.headers["location"].startswith(f"{stack.base_url}/v1/fhir/")
    assert ok(found)["link"][0]["url"].startswith(f"{stack.base_url}/v1/fhir/")


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_method_overrides_are_ignored(stack: RunningStack, method: str) -> None:
    client = stack.api("clinician")
    subject = make(client, patient())["id"]
    headers = {name: value for name, value in CLAIMED.items() if "Method" in name}
    client.request(method, f"/fhir/Patient/{subject}", headers=headers, params={"_method": "DELETE"})
    assert ok(client.get(f"/fhir/Patient/{subject}"))["meta"]["versionId"] == "1"


def test_two_authorization_headers(stack: RunningStack, wire: Wire, bearer: bytes) -> None:
    other = b"Authorization: Bearer " + stack.tokens("auditor")["access_token"].encode()
    for pair in (
        (bearer, other),
        (other, bearer),
        (bearer, bearer),
        (bearer, b"Authorization: x"),
        (bearer, b"Authorization:"),
    ):
        refusal(wire.ask(b"GET /v1/me", *pair), 401)
    for alone in (b"authorization: x", b"Authorization : " + bearer[15:], b"Proxy-" + bearer, b"X-" + bearer):
        refusal(wire.ask(b"GET /v1/me", alone), 400, 401)
    assert wire.ask(b"GET /v1/me", bearer).status == 200


def test_headers_that_decide_may_not_be_repeated(stack: RunningStack, wire: Wire, bearer: bytes) -> None:
    subject = make(stack.api("clinician"), patient())["id"].encode()
    target = b"GET /v1/fhir/Patient/" + subject
    treat, research = b"X-Purpose-Of-Use: TREATMENT", b"X-Purpose-Of-Use: RESEARCH"
    for pair in ((treat, research), (research, treat), (treat, treat)):
        refusal(wire.ask(target, bearer, *pair), 400)
    delete = b"DELETE /v1/fhir/Patient/" + subject
    refusal(wire.ask(delete, bearer, b'If-Match: W/"1"', b'If-Match: W/"2"'), 400)
    refusal(wire.ask(delete, bearer, b"Idempotency-Key: a", b"Idempotency-Key: b"), 400)
    body = b'{"resourceType":"Patient"}'
    length = b"Content-Length: %d" % len(body)
    types = (b"Content-Type: application/json", b"Content-Type: text/plain")
    for pair in (types, types[::-1]):
        refusal(wire.ask(b"POST /v1/fhir/Patient", bearer, length, *pair, body=body), 400)
    assert ok(stack.api("clinician").get(f"/fhir/Patient/{subject.decode()}"))["meta"]["versionId"] == "1"


def test_names_that_are_not_this_host(wire: Wire, bearer: bytes) -> None:
    for host in (
        b"evil.example",
        b"",
        wire.host + b".evil.example",
        b"evil.example:" + wire.host.split(b":")[1],
        b"127.0.0.1",
    ):
        sent = b"GET /v1/me HTTP/1.1\r\nHost: " + host + b"\r\n" + bearer + b"\r\nConnection: close\r\n\r\n"
        answer = wire.send(sent)
        assert answer.startswith(b"HTTP/1.1 400")
    twice = b"GET /v1/me HTTP/1.1\r\nHost: %b\r\nHost: evil.example\r\n%b\r\nConnection: close\r\n\r\n"
    assert wire.send(twice % (wire.host, bearer)).startswith(b"HTTP/1.1 400")
    assert wire.send(b"GET /v1/me HTTP/1.1\r\n" + bearer + b"\r\nConnection: close\r\n\r\n").startswith(b"HTTP/1.1 400")
    assert wire.send(b"GET /v1/me HTTP/1.0\r\n" + bearer + b"\r\n\r\n").startswith(b"HTTP/1.1 400")


def test_foreign_pages_read_nothing(stack: RunningStack) -> None:
    client = stack.api("clinician")
    for origin in (FOREIGN, "null", stack.base_url + ".evil.example", stack.base_url.replace("127.0.0.1", "127.0.0.2")):
        for answer in (
            client.get("/me", headers={"Origin": origin}),
            client.get("/nope", headers={"Origin": origin}),
            client.options("/me", headers={"Origin": origin, "Access-Control-Request-Method": "GET"}),
        ):
            assert not [name for name in answer.headers if name.startswith("access-control")]
            assert answer.headers["vary"] == "Origin"


def test_allowed_pages_read_answers_and_refusals_alike(stack: RunningStack) -> None:
    client = stack.api("clinician")
    for origin in (stack.base_url, "http://localhost:3000"):
        for path, status in (("/me", 200), ("/nope", 404), ("/audit/events", 403)):
            answer = client.get(path, headers={"Origin": origin})
            assert answer.status_code == status
            assert answer.headers["access-control-allow-origin"] == origin
            assert "ETag" in answer.headers["access-control-expose-headers"]
            assert "access-control-allow-credentials" not in answer.headers
    preflight = stack.anyone().options(
        "/fhir/Patient", headers={"Origin": "http://localhost:3000", "Access-Control-Request-Method": "POST"}
    )
    assert preflight.status_code == 204
    assert "POST" in preflight.headers["access-control-allow-methods"]


@pytest.mark.parametrize("path", ["/_local/outbox", "/_local/demo", "/"])
def test_what_only_this_stack_has_is_not_for_foreign_pages(stack: RunningStack, path: str) -> None:
    for headers in (
        {"Origin": FOREIGN},
        {"Origin": "null"},
        {"Origin": "http://localhost:3000"},
        {"Host": "evil.example"},
    ):
        answer = stack.anyone().get(f"{stack.base_url}{path}", headers=headers)
        assert answer.status_code == 403
        assert "sign-in" not in answer.text
    answer = stack.anyone().post(f"{stack.base_url}/_local/demo/4", headers={"Origin": FOREIGN})
    assert answer.status_code == 403


def test_header_values_are_bounded(wire: Wire, bearer: bytes) -> None:
    assert wire.ask(b"GET /v1/me", bearer, b"User-Agent: " + b"a" * 30_000).status == 200
    refusal(wire.ask(b"GET /v1/me", bearer, b"X-Padding: " + b"a" * 200_000), 400)
    refusal(wire.ask(b"GET /v1/me", bearer, *[b"X-%d: y" % number for number in range(20_000)]), 400)


def _from(address: str, stack: RunningStack) -> Any:
    transport = httpx.HTTPTransport(local_address=address, limits=httpx.Limits(max_connections=16))
    return httpx.Client(base_url=f"{stack.base_url}/v1", transport=transport, timeout=30)


def test_guessing_passwords_is_slowed_down_whatever_the_headers_say(stack: RunningStack) -> None:
    # From an address of its own, so that no other test has to wait. Linux answers on all of 127.0.0.0/8.
    with _from("127.0.0.77", stack) as client, ThreadPoolExecutor(16) as pool:

        def guess(number: int) -> httpx.Response:
            return client.post("/auth/sign-in", json={}, headers={"X-Forwarded-For": f"203.0.113.{number}"})

        answers = list(pool.map(guess, range(120)))
        slowed = [answer for answer in answers if answer.status_code == 429]
        assert len(slowed) > 20
        assert {answer.status_code for answer in answers} == {400, 429}
        for answer in slowed:
            refused(answer, 429)
            assert int(answer.headers["retry-after"]) >= 1
        assert client.get("/openapi.json").status_code == 200
        time.sleep(int(slowed[0].headers["retry-after"]))
        assert client.post("/auth/sign-in", json={}).status_code == 400
