"""Paths that mean one thing to who checks and another to who serves: here they mean nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.attacks.http.wire import Wire, refusal
from tests.support.answers import ok, refused

if TYPE_CHECKING:
    from tests.support.stack import RunningStack


@pytest.mark.parametrize(
    "target",
    [
        b"/v1/fhir/Patient/../../audit/events",
        b"/v1/fhir/Patient/%2e%2e/%2e%2e/me",
        b"/v1/fhir/Patient/..%2f..%2fme",
        b"/v1/fhir/Patient/..%252f..%252fme",
        b"/v1/fhir/..;/me",
        b"/v1/./me",
        b"/v1/%6d%65",
        b"/%76%31/me",
        b"//v1/me",
        b"/v1//me",
        b"/v1/me//",
        b"/v1/me/.",
        b"/v1/me;a=b",
        b"/v1/me%00",
        b"/v1/me%0a",
        b"/v1/me%0d%0aX:%20y",
        b"/v1/me%20",
        b"/v1/me.json",
        b"/v1/ME",
        b"/v1\\me",
        b"/v1/me#x",
        b"/healthz/../v1/me",
        b"/_local/../v1/me",
        b"/v1/fhir%2fPatient",
        b"v1/me",
        b"*",
        b"http://evil.example/v1/me",
        b"//evil.example/v1/me",
        b"\\\\evil.example/v1/me",
        b"/v1/fhir/Patient/a%0ab",
        b"/v1/fhir/Patient/a%00b",
        b"/v1/fhir/Patient/%ff",
        b"/v1/fhir/Patient/%c0%ae%c0%ae",
        b"/v1/fhir/Patient/%u002e",
        b"/v1/fhir/Patient/%zz",
        b'/v1/fhir/Patient/a"b',
        b"/v1/fhir/Patient/a`b",
        b"/v1/fhir/Patient/{id}",
        b"/v1/fhir/{type}",
        b"/v1/fhir/Patient/'%20OR%201=1--",
        b"/v1/fhir/Patient/$(id)",
        b"/v1/fhir/Patient/x/_history/1/_history/1",
    ],
)
def test_near_misses_are_404(wire: Wire, bearer: bytes, target: bytes) -> None:
    refusal(wire.ask(b"GET " + target, bearer), 404)


def test_one_slash_at_the_end_changes_nothing(stack: RunningStack) -> None:
    """API Gateway takes no notice of it either; whoever may not ask still may not."""
    client = stack.api("clinician")
    assert ok(client.get("/me/")) == ok(client.get("/me"))
    refused(client.get("/audit/events/"), 403)
    refused(stack.anyone().get("/me/"), 401)


def test_a_path_as_long_as_a_header_may_be(wire: Wire, bearer: bytes) -> None:
    for length in (8_000, 60_000):
        refusal(wire.ask(b"GET /v1/fhir/Patient/" + b"a" * length, bearer), 404)
    refusal(wire.ask(b"GET /v1/fhir/Patient/" + b"a" * 200_000, bearer), 400)
    refusal(wire.ask(b"GET /v1/fhir/Patient/" + b"../" * 10_000, bearer), 404)


@pytest.mark.parametrize("octets", [b"\x00", b"\x01", b"\x7f", "é".encode(), b"\xff", b" ", b"\t"])
def test_octets_that_a_target_may_not_hold(wire: Wire, bearer: bytes, octets: bytes) -> None:
    refusal(wire.ask(b"GET /v1/fhir/Patient/a" + octets + b"b", bearer), 400, 404)


@pytest.mark.parametrize("path", ["/%5flocal/outbox", "/_local%2foutbox", "/./_local/outbox", "/_LOCAL/outbox"])
def test_other_spellings_of_the_outbox_are_guarded_as_it_is(stack: RunningStack, path: str) -> None:
    wire = Wire(stack)
    for foreign in (b"Origin: http://evil.example", b"Origin: null"):
        refused = wire.ask(b"GET " + path.encode(), foreign)
        assert refused.status in (403, 404)
        assert b"sign-in" not in refused.body


def test_log_lines_cannot_be_forged(stack: RunningStack, bearer: bytes) -> None:
    target = b'/v1/fhir/Patient/x%0a{"level":"INFO","message":"Zebrowski-forged"}'
    refusal(Wire(stack).ask(b"GET " + target.replace(b'"', b"%22"), bearer, b"User-Agent: Zebrowski-forged"), 404)
    for log in (stack.folder / "logs").glob("*.log"):
        assert "Zebrowski-forged" not in log.read_text(errors="replace")
