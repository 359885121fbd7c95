"""Every line is a valid R4 AuditEvent; what claims a BALP profile has what that profile demands."""

from __future__ import annotations

import base64
import json
from typing import Any

import pytest
from fhir.resources.R4B.auditevent import AuditEvent as R4AuditEvent
from hypothesis import given, settings

from phivault.audit.canonical import EventLine
from phivault.audit.event import Action
from phivault.audit.policy import DISCLOSURE
from phivault.audit.projections.fhir import DCM, PROFILES, project
from tests.support.audit_lines import a_line, event_lines

READS, WRITES, ASKS = ("110152", "110153", "IRCP"), ("110153", "110152", "AUT"), ("110153", "110152", "IRCP")

# BALP 1.1.3: action; the profile's name; subtype; agent types of client, server, user; AuditEvent.action.
BALP = [
    (Action.READ, "Read", "read", READS, "R"),
    (Action.VREAD, "Read", "vread", READS, "R"),
    (Action.CREATE, "Create", "create", WRITES, "C"),
    (Action.UPDATE, "Update", "update", WRITES, "U"),
    (Action.DELETE, "Delete", "delete", ("110150", "custodian", "AUT"), "D"),
    (Action.SEARCH, "Query", "search-type", ASKS, "E"),
]


@settings(max_examples=150, deadline=None)
@given(line=event_lines())
def test_every_line_is_a_valid_audit_event(line: EventLine) -> None:
    shown = project(line)
    read = R4AuditEvent.model_validate_json(json.dumps(shown))
    assert read.id == line.event.id
    assert shown["recorded"] == line.event.timestamp
    assert sum(agent["requestor"] for agent in shown["agent"]) == 1
    assert line.event.personal == "" or line.event.personal not in json.dumps(shown)


def types(parts: list[dict[str, Any]]) -> list[str]:
    return [part["type"]["coding"][0]["code"] for part in parts]


def entity(shown: dict[str, Any], code: str) -> dict[str, Any]:
    (found,) = (each for each in shown["entity"] if each["type"]["code"] == code)
    return dict(found)


@pytest.mark.parametrize(("action", "profile", "subtype", "agents", "verb"), BALP)
def test_restful_profiles(action: Action, profile: str, subtype: str, agents: tuple[str, ...], verb: str) -> None:
    of_patient = project(a_line(action=action))
    assert of_patient["meta"]["profile"] == [f"{PROFILES}Patient{profile}"]
    assert of_patient["type"]["code"] == "rest"
    assert of_patient["subtype"][0] == {
        "system": "http://hl7.org/fhir/restful-interaction",
        "code": subtype,
        "display": subtype,
    }
    assert (of_patient["action"], of_patient["outcome"]) == (verb, "0")
    assert tuple(types(of_patient["agent"])) == agents
    client, server, user = of_patient["agent"]
    assert all(agent["who"] and agent["network"] for agent in (client, server))
    assert user["requestor"]
    assert "network" not in user
    assert not any("media" in agent for agent in of_patient["agent"])
    person = entity(of_patient, "1")
    assert person["what"]["reference"] == "Patient/patient-1"
    assert person["role"]["code"] == "1"

    of_nobody = project(a_line(action=action, patient=""))
    assert of_nobody["meta"]["profile"] == [f"{PROFILES}{profile}"]
    assert not [each for each in of_nobody["entity"] if each["type"]["code"] == "1"]


def test_a_read_names_what_was_read_and_which_classes() -> None:
    shown = project(a_line(resource_id="o-1", version=3, classes=("clinical", "identifying")))
    data = entity(shown, "2")
    assert data["what"]["reference"] == "Observation/o-1/_history/3"
    assert data["role"]["code"] in ("4", "3", "20")
    assert [label["code"] for label in data["securityLabel"]] == ["clinical", "identifying"]
    assert shown["purposeOfEvent"][0]["coding"][0]["code"] == "TREAT"
    assert shown["agent"][2]["purposeOfUse"] == shown["purposeOfEvent"]


def test_the_request_is_named_as_balp_does() -> None:
    line = a_line()
    assert entity(project(line), "XrequestId")["what"]["identifier"]["value"] == line.event.request_id


def test_a_search_has_its_path_and_no_parameters() -> None:
    query = entity(project(a_line(action=Action.SEARCH)), "2")
    assert base64.b64decode(query["query"]) == b"/v1/fhir/Observation"
    assert query["role"]["code"] == "24"
    assert not {"what", "name", "lifecycle", "detail"} & set(query)


def test_a_failure_claims_no_profile() -> None:
    refused = project(a_line(success=False, error="denied"))
    assert "profile" not in refused["meta"]
    assert (refused["outcome"], refused["outcomeDesc"]) == ("4", "denied")
    assert project(a_line(success=False, error="unavailable"))["outcome"] == "8"


def test_what_an_accounting_lists_is_a_disclosure() -> None:
    shown = project(a_line(purpose="RESEARCH", flags=(DISCLOSURE,)))
    assert shown["meta"]["profile"] == [PROFILES + "PrivacyDisclosure.Source"]
    assert shown["type"] == {"system": DCM, "code": "110106", "display": "Export"}
    assert "disclose" in [subtype["code"] for subtype in shown["subtype"]]
    source, recipient = shown["agent"][1], shown["agent"][0]
    assert types([source, recipient]) == ["110153", "110152"]
    assert source["who"] == shown["source"]["observer"]  # val-audit-source
    assert entity(shown, "1")["what"]["reference"] == "Patient/patient-1"


@pytest.mark.parametrize("action", [Action.SIGN_IN, Action.CHALLENGE, Action.TOKEN_ISSUE, Action.SESSION_REFUSED])
def test_sign_in_is_user_authentication(action: Action) -> None:
    shown = project(a_line(action=action, resource="Challenge", resource_id="SMS_MFA", patient="", purpose=""))
    assert shown["type"]["code"] == "110114"
    assert shown["subtype"][0]["code"] == "110122"
    assert entity(shown, "2")["what"] == {"type": "Challenge", "identifier": {"value": "SMS_MFA"}}
    assert project(a_line(action=Action.SIGN_OUT))["subtype"][0]["code"] == "110123"


def test_who_is_unknown_is_not_made_up() -> None:
    shown = project(a_line(action=Action.SIGN_IN, user_id="", session="", role=""))
    assert types(shown["agent"]) == ["110153", "110152"]
    assert shown["agent"][0]["requestor"]


def test_the_address_is_said_to_be_masked() -> None:
    (extension,) = project(a_line())["agent"][0]["network"]["_address"]["extension"]
    assert extension["valueCode"] == "masked"


@pytest.mark.parametrize(
    ("action", "code", "display"),
    [
        (Action.BREAK_GLASS_OPEN, "110127", "Emergency Override Started"),
        (Action.BREAK_GLASS_END, "110138", "Emergency Override Stopped"),
    ],
)
def test_broken_glass_is_an_emergency_override(action: Action, code: str, display: str) -> None:
    """DICOM PS3.15 A.5.3.11."""
    shown = project(a_line(action=action, resource="BreakGlass", purpose="EMERGENCY", classes=()))
    assert shown["type"] == {"system": DCM, "code": "110113", "display": "Security Alert"}
    assert shown["subtype"][0] == {"system": DCM, "code": code, "display": display}
    assert (shown["action"], "profile" in shown["meta"]) == ("E", False)
    assert entity(shown, "1")["role"]["code"] == "1"


@pytest.mark.parametrize("action", [Action.BREAK_GLASS_OPEN, Action.READ, Action.SEARCH, Action.CREATE])
def test_what_is_done_in_an_emergency_says_etreat(action: Action) -> None:
    wanted = [{"coding": [{"system": "http://terminology.hl7.org/CodeSystem/v3-ActReason", "code": "ETREAT"}]}]
    shown = project(a_line(action=action, purpose="EMERGENCY"))
    assert shown["purposeOfEvent"] == wanted
    assert shown["agent"][2]["purposeOfUse"] == wanted
