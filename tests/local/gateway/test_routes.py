"""Which function a path belongs to: literal segments first, one segment per parameter, nothing decoded."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from functions.row import Function, Route
from functions.table import TABLE
from local.gateway.routes import Match, Routes


def _function(*routes: Route) -> Function:
    return Function("f", "", (), routes)


def test_a_literal_segment_wins_over_a_parameter_whatever_the_order() -> None:
    rows = [Route("GET", "/v1/fhir/{type}"), Route("GET", "/v1/fhir/metadata"), Route("GET", "/v1/{a}/{b}")]
    for routes in (rows, rows[::-1]):
        found = Routes([_function(*routes)]).find("GET", "/v1/fhir/metadata")
        assert isinstance(found, Match)
        assert (found.route.path, found.parameters) == ("/v1/fhir/metadata", {})


def test_parameters_are_the_segments_as_sent() -> None:
    found = Routes(TABLE).find("GET", "/v1/fhir/Patient/a%2Fb")
    assert isinstance(found, Match)
    assert found.parameters == {"type": "Patient", "id": "a%2Fb"}
    assert found.function.name == "records"


@pytest.mark.parametrize(
    "path",
    [
        "",
        "/",
        "/v1",
        "/v1/",
        "/v1/me//",
        "//v1/me",
        "/v1//me",
        "/v1/fhir//",
        "/v1/fhir//x",
        "/v1/fhir/Patient/x//",
        "/v1/fhir/Patient/x/_history//",
        "/v1/fhir/Patient/x/_history/1/2",
        "/V1/me",
        "/v1/ME",
        "/v1/me\n",
        "/v1/me?x",
        "x/v1/me",
        "/v1.me",
        "/healthzz",
        "/v1/openapiXjson",
    ],
)
def test_near_misses_are_no_path(path: str) -> None:
    assert Routes(TABLE).find("GET", path) == ()


def test_another_method_names_those_that_are_allowed() -> None:
    assert Routes(TABLE).find("MERGE", "/v1/fhir/Patient/x") == ("GET", "PUT", "PATCH", "DELETE")
    assert Routes(TABLE).find("get", "/v1/me") == ("GET",)


def test_every_route_of_the_table_finds_itself() -> None:
    routes = Routes(TABLE)
    for function in TABLE:
        for route in function.routes:
            found = routes.find(route.method, route.path.replace("{", "").replace("}", ""))
            assert isinstance(found, Match)
            assert (found.function, found.route) == (function, route)


@given(st.text(max_size=40), st.text(max_size=40))
def test_a_parameter_never_spans_a_slash(kind: str, id: str) -> None:
    found = Routes(TABLE).find("GET", f"/v1/fhir/{kind}/{id}")
    if isinstance(found, Match):
        assert "/" not in "".join(found.parameters.values())
        assert "" not in found.parameters.values()
