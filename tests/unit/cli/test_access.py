"""The commands on access that need no stack."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from phivault.cli.main import app

OWN = '@id("ward") permit (principal in Role::"clinician", action == Action::"read", resource is PatientData);'
OFFLINE = ("access", "explain", "--offline", "--json")


def run(*arguments: str, status: int = 0) -> str:
    result = CliRunner().invoke(app, arguments)
    assert result.exit_code == status, result.output
    return str(result.output)


def decided(*arguments: str) -> list[dict[str, Any]]:
    return list(json.loads(run(*OFFLINE, *arguments))["decisions"])


@pytest.fixture
def own(tmp_path: Path) -> str:
    file = tmp_path / "own.cedar"
    file.write_text(OWN, "utf-8")
    return str(file)


def test_what_is_supposed_is_decided_by_the_products_policies() -> None:
    [clinical] = decided("--role", "clinician", "--purpose", "TREATMENT", "--class", "clinical", "--care-team")
    assert clinical["allowed"]
    [sensitive] = decided("--role", "clinician", "--purpose", "TREATMENT", "--class", "sensitive", "--care-team")
    assert sensitive["policies"][0]["id"] == "sensitive-data-needs-a-grant-or-consent"
    assert ["sensitive-membership"] in sensitive["missing"]


@pytest.mark.parametrize(
    ("supposed", "role", "purpose", "allowed"),
    [
        (["--grant", "clinical"], "clinician", "PAYMENT", True),
        (["--delegation", "clinical"], "patient", "PATIENT_REQUEST", True),
        (["--own-record"], "patient", "PATIENT_REQUEST", True),
        (["--own-record"], "patient", "TREATMENT", False),
        (["--consent", "clinical"], "clinician", "TREATMENT", True),
        (["--consent", "clinical", "--denial", "clinical"], "clinician", "TREATMENT", False),
        (["--care-team", "--restricted"], "clinician", "TREATMENT", False),
        (["--broken-glass"], "clinician", "EMERGENCY", True),
        (["--care-team", "--without-second-factor"], "clinician", "TREATMENT", False),
        (["--care-team"], "tenant_admin", "TREATMENT", False),
    ],
)
def test_each_supposed_fact_counts(supposed: list[str], role: str, purpose: str, allowed: bool) -> None:
    [clinical] = decided("--role", role, "--purpose", purpose, "--class", "clinical", *supposed)
    assert clinical["allowed"] is allowed


def test_more_supposed_facts_count() -> None:
    treats = ("--role", "clinician", "--purpose", "TREATMENT")
    sensitive = (*treats, "--class", "sensitive", "--care-team")
    assert decided(*sensitive, "--sensitive-membership")[0]["allowed"]
    assert decided(*sensitive, "--consent-for-sensitive")[0]["allowed"]
    assert decided(*treats, "--action", "create", "--class", "clinical", "--new-patient")[0]["allowed"]
    researches = ("--role", "researcher", "--purpose", "RESEARCH", "--class", "deidentified")
    assert not decided(*researches)[0]["allowed"]
    assert decided(*researches, "--project-approval")[0]["allowed"]
    exports = ("--role", "auditor", "--action", "audit:export")
    assert decided(*exports)[0]["missing"] == [["recent-sign-in"]]
    assert decided(*exports, "--recent-sign-in")[0]["allowed"]
    assert decided("--role", "clinician", "--purpose", "OPERATIONS", "--type", "Location", "--class", "contact") == [
        {
            "class": "contact",
            "allowed": True,
            "undecided": False,
            "policies": [{"id": "care-staff-keep-the-directory", "tenants_own": False}],
            "missing": [],
        }
    ]


def test_a_tenants_own_policies_are_tried_before_anybody_proposes_them(own: str) -> None:
    asked = ("--role", "clinician", "--purpose", "OPERATIONS", "--class", "clinical")
    assert not decided(*asked)[0]["allowed"]
    [tried] = decided(*asked, "--policies", own)
    assert tried["policies"] == [{"id": "ward", "tenants_own": True}]


def test_the_table_is_for_people() -> None:
    shown = run("access", "explain", "--offline", "--role", "clinician", "--purpose", "TREATMENT")
    assert "no policy permits it" in shown
    assert "care-team: They have to be a member of the patient's care team." in shown


@pytest.mark.parametrize(
    "arguments",
    [
        ["--purpose", "TREATMENT"],
        ["--role", "clinician"],
        ["--role", "clinician", "--purpose", "TREATMENT", "--type", "Zyxwvuts"],
        ["--role", "clinician", "--purpose", "TREATMENT", "--action", "Zyxwvuts"],
        ["--role", "clinician", "--purpose", "TREATMENT", "--patient", "Zyxwvuts"],
        ["--role", "clinician", "--purpose", "TREATMENT", "--policies", "/nowhere"],
    ],
)
def test_what_cannot_be_used_is_status_2(arguments: list[str]) -> None:
    assert "Zyxwvuts" not in run(*OFFLINE, *arguments, status=2)


def test_a_file_is_checked_as_a_proposal_would_be(own: str, tmp_path: Path) -> None:
    assert "permit ward" in run("access", "policies", "check", own)
    bad = tmp_path / "bad.cedar"
    bad.write_text(OWN.replace("clinician", "Zyxwvuts"), "utf-8")
    assert "Policy 1 names a word" in run("access", "policies", "check", str(bad), status=2)
    bad.write_bytes(b"\xff")
    run("access", "policies", "check", str(bad), status=2)
    run("access", "policies", "check", str(tmp_path / "nowhere"), status=2)
