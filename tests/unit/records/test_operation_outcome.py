from __future__ import annotations

import json

import pytest
from fhir.resources.R4B.operationoutcome import OperationOutcome

from phivault import errors
from phivault.records.findings import Finding, InvalidResource
from phivault.records.operation_outcome import operation_outcome, outcome

# http://hl7.org/fhir/R4/valueset-issue-type.html
ISSUE_TYPES = frozenset(
    {"invalid", "structure", "login", "forbidden", "not-supported", "not-found", "deleted", "too-long", "processing"}
    | {"business-rule", "conflict", "transient", "exception", "throttled", "security", "expired", "code-invalid"}
)
ALL = [value for value in vars(errors).values() if isinstance(value, type) and issubclass(value, errors.PhivaultError)]


def issues(body: bytes) -> list[dict]:
    OperationOutcome.model_validate_json(body)
    return json.loads(body)["issue"]


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_error_of_the_tree_has_an_issue_of_fhirs_own_type(kind: type[errors.PhivaultError]) -> None:
    (issue,) = issues(operation_outcome(kind("A rule."), request_id="r1"))
    assert issue["code"] in ISSUE_TYPES
    assert (issue["code"] in {"exception", "transient"}) == (kind.status >= 500)
    assert ("A rule." in issue["diagnostics"]) == (kind.status < 500)
    assert ("urn:uuid:r1" in issue["diagnostics"]) == (kind.status >= 500)


def test_each_finding_is_an_issue_with_its_place() -> None:
    error = InvalidResource([Finding("Patient.gender", "is wrong"), Finding("Patient.name[0]", "is empty")])
    assert issues(operation_outcome(error)) == [
        {
            "severity": "error",
            "code": "structure",
            "diagnostics": "Patient.gender is wrong",
            "expression": ["Patient.gender"],
        },
        {
            "severity": "error",
            "code": "structure",
            "diagnostics": "Patient.name[0] is empty",
            "expression": ["Patient.name[0]"],
        },
    ]


def test_expressions_and_media_type() -> None:
    (issue,) = issues(operation_outcome(errors.Unprocessable("x"), expression=["Observation.subject"]))
    assert issue["expression"] == ["Observation.subject"]
    media, text = outcome(errors.NotFound(), "r1")
    assert media == "application/fhir+json"
    assert issues(text.encode())[0]["code"] == "not-found"
