from __future__ import annotations

import json

from fhir.resources.R4B.capabilitystatement import CapabilityStatement

from phivault.audit.projections.fhir_search import PARAMETERS
from phivault.records.capability import statement
from phivault.records.types import TYPES

BASE = "https://host.example/v1/fhir"


def test_it_is_a_valid_statement_of_every_type() -> None:
    body = statement(BASE)
    CapabilityStatement.model_validate_json(body)
    said = json.loads(body)
    assert (said["fhirVersion"], said["implementation"]["url"]) == ("4.0.1", BASE)
    (rest,) = said["rest"]
    assert [resource["type"] for resource in rest["resource"]] == [*TYPES, "AuditEvent"]
    assert {code["code"] for code in rest["interaction"]} == {"transaction"}


def test_the_parameter_patient_stands_where_a_patient_is_referred_to() -> None:
    for resource in json.loads(statement(BASE))["rest"][0]["resource"][:-1]:
        names = {parameter["name"] for parameter in resource["searchParam"]}
        assert names == {"_id", "_count"} | ({"patient"} if TYPES[resource["type"]].patient_element else set())
        assert resource["versioning"] == "versioned"


def test_audit_events_are_read_and_searched_by_what_the_search_takes() -> None:
    resource = json.loads(statement(BASE))["rest"][0]["resource"][-1]
    assert [one["code"] for one in resource["interaction"]] == ["read", "search-type"]
    assert {one["name"] for one in resource["searchParam"]} == set(PARAMETERS) - {"_cursor", "_format"}
