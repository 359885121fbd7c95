"""De-identified forms of generated FHIR patients: coded data passes, nothing that identifies does."""

from __future__ import annotations

import json
import subprocess
import sys
from datetime import date
from pathlib import Path
from typing import Any

import pytest
from fhir.resources.R4B import get_fhir_model_class

from phivault.phi.generalise import REDUCERS, generalise, present


@pytest.fixture(scope="module")
def resources(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    folder: Path = tmp_path_factory.mktemp("cohort")
    carebundle = Path(sys.executable).with_name("carebundle")
    options = ["--profile", "mixed", "--count", "12", "--sex", "mixed", "--out", str(folder)]
    subprocess.run([carebundle, "generate", *options], check=True, capture_output=True)
    bundles = [json.loads(file.read_text("utf-8")) for file in sorted(folder.glob("*.json"))]
    return [entry["resource"] for bundle in bundles for entry in bundle.get("entry", ())]


def forms(resource: dict[str, Any]) -> dict[str, bytes]:
    raw = {name: json.dumps(value).encode() for name, value in resource.items()}
    return generalise(resource["resourceType"], raw)


def test_every_clinical_resource_keeps_its_code(resources: list[dict[str, Any]]) -> None:
    coded = {"Observation", "Condition", "DiagnosticReport", "AllergyIntolerance"}
    found = [resource for resource in resources if resource["resourceType"] in coded]
    assert found
    for resource in found:
        assert json.loads(forms(resource)["code"])["coding"][0]["code"] == resource["code"]["coding"][0]["code"]


def test_every_measured_value_passes(resources: list[dict[str, Any]]) -> None:
    measured = [resource for resource in resources if "valueQuantity" in resource]
    assert measured
    for resource in measured:
        kept = json.loads(forms(resource)["valueQuantity"])
        assert kept["value"] == resource["valueQuantity"]["value"]


def test_nothing_that_identifies_passes(resources: list[dict[str, Any]]) -> None:
    names = [name for r in resources if r["resourceType"] == "Patient" for name in r["name"]]
    secrets = {name["family"] for name in names} | {given for name in names for given in name["given"]}
    secrets |= {id["value"] for r in resources for id in r.get("identifier", ())}
    secrets |= {r["birthDate"] for r in resources if "birthDate" in r} | {"urn:uuid:", "<div", "reference", "T09:"}
    assert len(secrets) > 20
    for resource in resources:
        text = b"".join(forms(resource).values()).decode()
        assert not [secret for secret in secrets if secret in text]


def test_what_is_shown_is_fhir(resources: list[dict[str, Any]]) -> None:
    """Members have their FHIR shape; only required references are gone."""
    for resource in resources[:120]:
        if resource["resourceType"] not in REDUCERS:
            continue
        shown = {name: json.loads(text) for name, text in present(forms(resource), date(2026, 7, 1)).items()}
        subject = {name: {"reference": "Patient/p"} for name in ("subject", "patient") if name in resource}
        shown |= {"resourceType": resource["resourceType"]} | subject
        get_fhir_model_class(resource["resourceType"]).model_validate(shown)
