from __future__ import annotations

import json
from typing import Any

import pytest
from fhir.resources.R4B.capabilitystatement import CapabilityStatement

from functions.table import TABLE
from phivault.audit.projections.fhir_search import PARAMETERS
from phivault.errors import InvalidInput, UnsupportedParameter
from phivault.records.bundle import PATCH_TYPE
from phivault.records.capability import statement
from phivault.records.index.parameters import names, parameters
from phivault.records.search_include import INCLUDES, include_of
from phivault.records.search_query import KNOWN_PARAMETERS, parse
from phivault.records.types import TYPES

BASE = "https://host.example/v1/fhir"


def test_it_is_a_valid_statement_of_every_type() -> None:
    body = statement(BASE)
    CapabilityStatement.model_validate_json(body)
    said = json.loads(body)
    assert (said["fhirVersion"], said["implementation"]["url"]) == ("4.0.1", BASE)
    (rest,) = said["rest"]
    assert [resource["type"] for resource in rest["resource"]] == [*TYPES, "AuditEvent"]


def _resources() -> list[dict[str, Any]]:
    resources: list[dict[str, Any]] = json.loads(statement(BASE))["rest"][0]["resource"]
    return resources[:-1]


def _routes() -> set[tuple[str, str]]:
    """What the function serves below the base, as (method, path)."""
    (records,) = (function for function in TABLE if function.name == "records")
    return {(route.method, route.path.removeprefix("/v1/fhir")) for route in records.routes}


INTERACTIONS = {
    ("POST", "/{type}"): "create",
    ("GET", "/{type}/{id}"): "read",
    ("GET", "/{type}/{id}/_history/{version}"): "vread",
    ("PUT", "/{type}/{id}"): "update",
    ("PATCH", "/{type}/{id}"): "patch",
    ("DELETE", "/{type}/{id}"): "delete",
    ("GET", "/{type}/{id}/_history"): "history-instance",
    ("GET", "/{type}"): "search-type",
    ("POST", "/{type}/_search"): "search-type",
}
OPERATIONS = {("POST", "/{type}/$validate"): "validate", ("GET", "/{type}/{id}/$everything"): "everything"}


def test_it_says_all_that_is_routed_and_nothing_else() -> None:
    """A route that stands in neither table, or a line of them without a route, fails here."""
    assert _routes() == {("GET", "/metadata"), ("POST", ""), *INTERACTIONS, *OPERATIONS}
    for resource in _resources():
        assert {each["code"] for each in resource["interaction"]} == set(INTERACTIONS.values())
        operations = {each["name"] for each in resource["operation"]}
        assert operations == set(OPERATIONS.values()) - ({"everything"} if resource["type"] != "Patient" else set())


def test_bundles_and_patches_are_of_the_kinds_that_are_taken() -> None:
    said = json.loads(statement(BASE))
    assert {code["code"] for code in said["rest"][0]["interaction"]} == {"transaction", "batch"}
    assert said["patchFormat"] == [PATCH_TYPE]


# One of them is a value of each kind that any parameter has.
VALUES = ("x", "meta", "2020-01-01", "1", "none", "true", "json", "_id", "a@b.test", "+15550100")
# Said where FHIR has a place of its own for them: searchInclude and format; a cursor is only ever part of a link.
ELSEWHERE = {"_include", "_format", "_cursor"}


def _is_taken(type: str, name: str) -> bool:
    for value in VALUES:
        try:
            parse(type, [(name, value)], posted=True)
        except InvalidInput:
            continue
        return True
    return False


@pytest.mark.parametrize("type", TYPES)
def test_every_parameter_that_is_named_is_taken_and_every_other_one_refused(type: str) -> None:
    (resource,) = (each for each in _resources() if each["type"] == type)
    named = [each["name"] for each in resource["searchParam"]]
    assert len(set(named)) == len(named)
    every = {*KNOWN_PARAMETERS, *names(), *named, "_count", "_query", "_text", "_unheard", "unheard"}
    assert {name for name in every - ELSEWHERE if _is_taken(type, name)} == set(named)


@pytest.mark.parametrize("type", TYPES)
def test_what_is_said_of_a_parameter_is_what_its_table_says(type: str) -> None:
    (resource,) = (each for each in _resources() if each["type"] == type)
    kinds = {each["name"]: each["type"] for each in resource["searchParam"]}
    for name, parameter in parameters(type).items():
        assert kinds.pop(name) == parameter.search_type
    own = {"patient", "subject"} if type == "Patient" else set()
    assert set(kinds) == own | {"_id", "_lastUpdated", "_count", "_sort", "_summary", "_elements", "_total"}


@pytest.mark.parametrize("type", TYPES)
def test_what_a_sort_needs_is_named(type: str) -> None:
    (resource,) = (each for each in _resources() if each["type"] == type)
    dates = [name for name, each in parameters(type).items() if each.kind == "date"]
    assert all(parse(type, [("_sort", f"{sign}{name}")], posted=True).sort for name in dates for sign in ("", "-"))
    assert not dates or "patient" in {each["name"] for each in resource["searchParam"]}


def test_what_is_asked_elsewhere_is_taken_too() -> None:
    assert _is_taken("Patient", "_format")
    assert _is_taken("Patient", "_cursor")
    assert parse("Patient", [("_include", "Patient:general-practitioner")]).includes


@pytest.mark.parametrize("type", TYPES)
def test_what_tells_about_a_person_is_said_to_be_posted(type: str) -> None:
    (resource,) = (each for each in _resources() if each["type"] == type)
    said = {each["name"]: each["documentation"] for each in resource["searchParam"]}
    for name, parameter in parameters(type).items():
        assert ("POST [type]/_search alone" in said[name]) is parameter.is_phi
        if parameter.is_phi:
            with pytest.raises(UnsupportedParameter, match="only in the body"):
                parse(type, [(name, "x")])


def test_includes_are_those_that_are_followed() -> None:
    for resource in _resources():
        for text in resource.get("searchInclude", ()):
            assert include_of(resource["type"], text)
        assert len(resource.get("searchInclude", ())) == len(INCLUDES.get(resource["type"], ()))


def test_audit_events_are_read_and_searched_by_what_the_search_takes() -> None:
    resource = json.loads(statement(BASE))["rest"][0]["resource"][-1]
    assert [one["code"] for one in resource["interaction"]] == ["read", "search-type"]
    assert {one["name"] for one in resource["searchParam"]} == set(PARAMETERS) - {"_cursor", "_format"}
