"""Lines of the gateway's access log."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.table import TABLE
from phivault.audit.reconcile.access_log import parse_line
from phivault.audit.reconcile.claims import Request
from phivault.errors import InvalidInput
from tests.support.evidence import NOON, a_line


def test_a_line_is_read() -> None:
    assert parse_line(a_line(), "x") == Request(NOON, "r1", "GET", "/v1/fhir/{type}/{id}", 200, "", 900)


@pytest.mark.parametrize("path", sorted({route.path for row in TABLE for route in row.routes}))
def test_every_route_of_ours_is_one(path: str) -> None:
    assert parse_line(a_line(route=path), "x").route == path


def test_what_the_gateway_answered_itself_is_told() -> None:
    assert parse_line(a_line(answered="THROTTLED", status="429"), "x").answered == "THROTTLED"


def test_a_dash_is_nothing() -> None:
    found = parse_line(a_line(status="-", bytes="-", route="-"), "x")
    assert (found.status, found.octets, found.route) == (0, 0, "-")


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("request_id", ""),
        ("request_id", "-" * 200),
        ("request_id", "a b"),
        ("at", "-"),
        ("at", "noon"),
        ("method", "get"),
        ("status", "2xx"),
        ("answered", "\x1b[2J"),
        ("route", "/a b"),
    ],
)
def test_another_value_names_its_place(name: str, value: str) -> None:
    with pytest.raises(InvalidInput, match=f"line 7 has no {name}"):
        parse_line(json.dumps(json.loads(a_line()) | {name: value}), "line 7")


def test_a_missing_member_names_its_place() -> None:
    members = json.loads(a_line())
    del members["request_id"]
    with pytest.raises(InvalidInput, match="line 7 has no request_id"):
        parse_line(json.dumps(members), "line 7")


@given(st.binary() | st.sampled_from([b"[" * 10**5, b"null", b"1", b'"x"', b"{}"]))
def test_hostile_lines_yield_our_errors_alone(line: bytes) -> None:
    with pytest.raises(InvalidInput):
        parse_line(line, "x")
