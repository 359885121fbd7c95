"""Messages whose length is said twice, wrongly or never, and bodies that are more than they seem."""

from __future__ import annotations

import socket
from typing import TYPE_CHECKING, Any

import pytest

from tests.attacks.http.wire import Wire, parsed, refusal
from tests.support.answers import ok, patiently, refused
from tests.support.bounded import ends_by_itself
from tests.support.fhir import every, make, observation, patient, send

if TYPE_CHECKING:
    from tests.support.stack import RunningStack

JSON = b"Content-Type: application/json"
SIGN_IN = b"POST /v1/auth/sign-in"


def _chunked(*pieces: bytes) -> bytes:
    return b"".join(b"%x\r\n%b\r\n" % (len(piece), piece) for piece in pieces) + b"0\r\n\r\n"


def test_chunks_are_a_body_like_any_other(stack: RunningStack, wire: Wire, bearer: bytes) -> None:
    coding = b"Transfer-Encoding: chunked"
    body = _chunked(b'{"resourceType"', b':"Patient"}')
    assert wire.ask(b"POST /v1/fhir/Patient", bearer, JSON, coding, body=body).status == 201
    too_much = _chunked(*[b" " * 65_536] * 17)
    refusal(wire.ask(b"POST /v1/fhir/Patient", bearer, JSON, coding, body=too_much), 413)


@pytest.mark.parametrize(
    "framing",
    [
        [b"Content-Length: 7", b"Content-Length: 8"],
        [b"Content-Length: -1"],
        [b"Content-Length: 1e1"],
        [b"Content-Length: 0x7"],
        [b"Content-Length: 99999999999999999999999"],
        [b"Transfer-Encoding: gzip"],
        [b"Transfer-Encoding: gzip, chunked"],
        [b"Transfer-Encoding: chunked, chunked"],
        [b"Transfer-Encoding: x"],
    ],
)
def test_lengths_that_contradict_or_mean_nothing(wire: Wire, framing: list[bytes]) -> None:
    answer = wire.send(
        b"\r\n".join([SIGN_IN + b" HTTP/1.1", b"Host: " + wire.host, JSON, *framing, b"", b'{"a":1}']), half_close=True
    )
    # Refused, or dropped without an answer; never served.
    if answer:
        refusal(parsed(answer), 400, 413, 501)


@pytest.mark.parametrize("body", [b"zz\r\n{}\r\n0\r\n\r\n", b"-1\r\n", b"2\r\n{}}}}\r\n0\r\n\r\n", b"f" * 40 + b"\r\n"])
def test_broken_chunks(wire: Wire, body: bytes) -> None:
    refusal(wire.ask(SIGN_IN, JSON, b"Transfer-Encoding: chunked", body=body), 400)


def test_a_request_hidden_in_another_is_not_served(stack: RunningStack, wire: Wire, bearer: bytes) -> None:
    hidden = b"GET /v1/me HTTP/1.1\r\nHost: %b\r\n%b\r\n\r\n" % (wire.host, bearer)
    length = b"Content-Length: %d" % len(hidden)
    answer = wire.ask(SIGN_IN, JSON, length, body=hidden)
    refusal(answer, 400)
    assert answer.body.count(b"HTTP/1.1") == 0
    assert b"user_id" not in answer.body


def test_a_body_that_ends_early_changes_nothing(stack: RunningStack, wire: Wire, bearer: bytes) -> None:
    client = stack.api("clinician")
    subject = make(client, patient())["id"]
    body = b'{"resourceType":"Observation","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/%b"}}'
    whole = body % subject.encode()
    for length, sent in ((len(whole) + 1, whole), (len(whole), whole[:-1]), (1 << 20, whole)):
        head = b"POST /v1/fhir/Observation HTTP/1.1\r\nHost: %b\r\n%b\r\n%b\r\nContent-Length: %d\r\n\r\n"
        received = wire.send(head % (wire.host, bearer, JSON, length) + sent, half_close=True)
        assert b"201" not in received[:20]
    assert every(client, "Observation", patient=subject) == []


def test_whoever_sends_slowly_holds_up_nobody(stack: RunningStack, wire: Wire) -> None:
    host, port = wire.host.decode().split(":")
    slow = [socket.create_connection((host, int(port)), 5) for _ in range(40)]
    try:
        for connection in slow:
            connection.sendall(
                b"POST /v1/auth/sign-in HTTP/1.1\r\nHost: %b\r\nContent-Length: 100\r\n\r\n{" % wire.host
            )
        with ends_by_itself():
            ok(stack.api("clinician").get("/me"))
    finally:
        for connection in slow:
            connection.close()


@pytest.mark.parametrize(
    "body",
    [
        '{"email": "a@b.test", "password": "x", "email": "c@d.test"}',
        '{"email": "a@b.test", "password": "x", "\\u0065mail": "c@d.test"}',
        '{"email": "a@b.test", "password": "x", "Password": "y"}',
        '{"email": ["a@b.test", "c@d.test"], "password": "x"}',
        '{"email": {"$ne": null}, "password": {"$gt": ""}}',
        '{"email": "a@b.test", "password": "x", "__proto__": {"role": "auditor"}}',
        '{"email": "a@b.test", "password": "x", "role": "auditor"}',
        '{"email": "a@b.test\\u0000@c.test", "password": "x"}',
        '{"email": "a@b.test\\n", "password": "x"} trailing',
        "[" * 50_000 + "]" * 50_000,
        '{"email":' * 5_000 + "1" + "}" * 5_000,
        '{"email": 1e999999, "password": "x"}',
        "NaN",
    ],
)
def test_sign_in_bodies_that_two_readers_would_read_differently(stack: RunningStack, body: str) -> None:
    headers = {"Content-Type": "application/json"}
    refused(patiently(stack.anyone(), "POST", "/auth/sign-in", content=body.encode(), headers=headers), 400)


@pytest.mark.parametrize(
    "trick",
    [
        {"id": "x", "meta": {"security": [{"code": "R"}], "tenant": "tenant-b"}},
        {"contained": [{"resourceType": "Patient", "id": "p", "contained": [{"resourceType": "Patient", "id": "q"}]}]},
        {"__proto__": {"role": "auditor"}},
        {"constructor": {}},
        {"tenant_id": "tenant-b"},
    ],
)
def test_members_that_no_resource_has(stack: RunningStack, trick: dict[str, Any]) -> None:
    refused(send(stack.api("clinician"), "POST", "/fhir/Patient", patient() | trick), 400)


def test_deep_and_wide_resources_are_refused_quickly(stack: RunningStack) -> None:
    client = stack.api("clinician")
    deep: Any = {"url": "urn:x", "valueString": "x"}
    for _ in range(40):
        deep = {"url": "urn:x", "extension": [deep]}
    wide = [{"url": f"urn:{number}", "valueString": "x"} for number in range(20_000)]
    with ends_by_itself():
        refused(send(client, "POST", "/fhir/Patient", patient(extension=[deep])), 400)
        answer = send(client, "POST", "/fhir/Patient", patient(extension=wide))
    assert answer.status_code in (201, 400, 413)
    ok(client.get("/me"))


def test_a_bundle_that_multiplies_is_bounded(stack: RunningStack) -> None:
    client = stack.api("clinician")
    entry = {"request": {"method": "POST", "url": "Patient"}, "resource": {"resourceType": "Patient"}}
    bundle = {"resourceType": "Bundle", "type": "transaction", "entry": [entry] * 5_000}
    with ends_by_itself():
        refused(send(client, "POST", "/fhir", bundle), 400)


def test_references_cannot_grow_a_bundle(stack: RunningStack) -> None:
    """A fullUrl is replaced where it stands as a reference and nowhere else."""
    client = stack.api("clinician")
    full_url = "urn:uuid:6c1f0f0a-0000-4000-8000-000000000009"
    seen = observation("", subject={"reference": full_url, "display": full_url}, note=[{"text": full_url}])
    entries = [
        {"fullUrl": full_url, "request": {"method": "POST", "url": "Patient"}, "resource": patient()},
        {"request": {"method": "POST", "url": "Observation"}, "resource": seen},
    ]
    answer = ok(send(client, "POST", "/fhir", {"resourceType": "Bundle", "type": "transaction", "entry": entries}))
    made = ok(client.get(answer["entry"][1]["response"]["location"]))
    assert made["note"][0]["text"] == made["subject"]["display"] == full_url
    assert made["subject"]["reference"].startswith("Patient/")
