"""Every line has what OCSF 1.3 requires of its class, as far as we know it.

The required attributes were written down from memory and from pages about OCSF, not read off schema.ocsf.io: the
schema itself hasn't been checked against.
"""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings

from phivault.audit.canonical import EventLine
from phivault.audit.event import Action, RiskLevel
from phivault.audit.projections.ocsf import project
from tests.support.audit_lines import a_line, event_lines

BASE = {"activity_id", "category_uid", "class_uid", "metadata", "severity_id", "time", "type_uid"}
REQUIRED = {
    6003: BASE | {"actor", "api", "src_endpoint"},
    3002: BASE | {"user"},
    3001: BASE | {"user"},
}
ACTIVITIES = {
    6003: {0, 1, 2, 3, 4, 99},
    3002: {0, 1, 2, 3, 4, 5, 6, 99},
    3001: {0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 99},
}


@settings(max_examples=150, deadline=None)
@given(line=event_lines())
def test_every_line_has_what_its_class_requires(line: EventLine) -> None:
    shown = project(line)
    class_uid = shown["class_uid"]
    assert REQUIRED[class_uid] <= shown.keys()
    assert shown["activity_id"] in ACTIVITIES[class_uid]
    assert shown["type_uid"] == class_uid * 100 + shown["activity_id"]
    assert shown["category_uid"] == class_uid // 1000
    assert shown["severity_id"] in {1, 2, 3, 4, 5}
    assert {"version", "product"} <= shown["metadata"].keys()
    assert shown["metadata"]["product"]["vendor_name"]
    assert json.loads(json.dumps(shown)) == shown
    people = [shown[name] for name in ("user",) if name in shown]
    people += [shown["actor"]["user"]] if "actor" in shown else []
    assert all({"uid", "name"} & person.keys() for person in people)  # at least one
    if class_uid == 6003:
        assert shown["api"]["operation"] == line.event.action
        assert {"uid", "name"} & shown["src_endpoint"].keys()
    if class_uid == 3002:
        assert {"service", "dst_endpoint"} & shown.keys()


@pytest.mark.parametrize(
    ("action", "type_uid"),
    [
        (Action.CREATE, 600301),
        (Action.READ, 600302),
        (Action.SEARCH, 600302),
        (Action.UPDATE, 600303),
        (Action.DELETE, 600304),
        (Action.TRANSACTION, 600399),
        (Action.AUDIT_SEARCH, 600302),
        (Action.SIGN_IN, 300201),
        (Action.SIGN_OUT, 300202),
        (Action.TOKEN_ISSUE, 300203),
        (Action.TOKEN_REUSE, 300299),
        (Action.MFA_ENROL, 300110),
    ],
)
def test_classes_and_activities(action: Action, type_uid: int) -> None:
    assert project(a_line(action=action))["type_uid"] == type_uid


def test_what_happened_and_how_it_ended() -> None:
    shown = project(a_line(success=False, error="denied", risk=RiskLevel.HIGH, timestamp="2026-03-04T05:06:07.089Z"))
    assert (shown["status_id"], shown["status_code"], shown["severity_id"]) == (2, "denied", 4)
    assert shown["time"] == 1772600767089


def test_a_patient_is_a_resource_beside_what_is_theirs() -> None:
    kinds = [(each["type"], each["uid"]) for each in project(a_line(resource_id="o-1"))["resources"]]
    assert kinds == [("Observation", "o-1"), ("Patient", "patient-1")]
    (only,) = project(a_line(resource="Patient", resource_id="patient-1"))["resources"]
    assert (only["type"], only["uid"]) == ("Patient", "patient-1")
