"""The gates find what is wrong, find nothing in our templates, and nothing is accepted in vain."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

pytestmark = pytest.mark.infra


def test_no_finding_is_open_and_none_is_accepted_in_vain(cdk: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """Without any acknowledgment the packs find exactly what we acknowledge, on exactly these resources."""
    from infra import acknowledge
    from infra.app import build
    from infra.code import Sources
    from infra.gates import open_findings
    from infra.synth import PROFILES, context

    for profile in PROFILES:
        accepted: set[tuple[str, str]] = set()
        monkeypatch.setattr(
            acknowledge, "accept", lambda one, rule, reason, into=accepted: into.add((rule, _construct(one.node.path)))
        )
        with Sources.placeholder() as sources:
            app = build(context(profile), outdir=tmp_path / profile, sources=sources)
            found = {(one.rule, _construct(one.where)) for one in open_findings(app)}
        assert found == accepted


def _construct(path: str) -> str:
    return path.removesuffix("/Resource")


def test_reasons_are_sentences(cdk: None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    from infra import acknowledge
    from infra.app import build
    from infra.code import Sources
    from infra.synth import context

    reasons: list[str] = []
    monkeypatch.setattr(acknowledge, "accept", lambda one, rule, reason: reasons.append(reason))
    with Sources.placeholder() as sources:
        build(context("production"), outdir=tmp_path, sources=sources)
    assert reasons
    assert all(len(reason.split()) >= 4 for reason in reasons)


def test_an_open_finding_is_named_with_its_place(cdk: None):
    from aws_cdk import App, Stack
    from aws_cdk import aws_s3 as s3

    from infra.gates import open_findings

    app = App()
    s3.CfnBucket(Stack(app, "stack"), "Bare")
    found = open_findings(app)
    assert ("AwsSolutions-S1", "stack/Bare") in {(one.rule, one.where) for one in found}
    assert {re.split(r"[.-]", one.rule)[0] for one in found} == {"AwsSolutions", "HIPAA", "NIST"}


def test_packs_stop_a_deployment(cdk: None, tmp_path: Path):
    from aws_cdk import App, Stack
    from aws_cdk import aws_s3 as s3

    from infra.gates import add_packs

    app = App(outdir=str(tmp_path))
    add_packs(app)
    s3.CfnBucket(Stack(app, "stack"), "Bare")
    with pytest.raises(RuntimeError, match=r"^ValidationFailed"):
        app.synth()


def test_the_linter_reads_templates(tmp_path: Path):
    pytest.importorskip("cfnlint", reason="cfn-lint isn't installed: local/setup.sh infra")
    pytest.importorskip("cdk_nag", reason="CDK isn't installed: local/setup.sh infra")
    from infra.gates import lint

    wrong = {"Resources": {"Bucket": {"Type": "AWS::S3::Bucket", "Properties": {"Colour": "green"}}}}
    (tmp_path / "wrong.template.json").write_text(json.dumps(wrong))
    (finding,) = lint(tmp_path)
    assert finding.rule == "E3002"
    assert finding.where.startswith("wrong.template.json Resources/Bucket/Properties")
