"""The app refuses what it can't deploy, and ships each function's folder alone."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.infra
ROOT = Path(__file__).resolve().parents[2]


def test_a_refusal_is_said_without_a_traceback(cdk: None):
    environment = os.environ | {"CDK_CONTEXT_JSON": '{"profile": "production", "account": "111122223333"}'}
    done = subprocess.run([sys.executable, "app.py"], cwd=ROOT, env=environment, capture_output=True, text=True)
    assert done.returncode == 1
    assert "phivault isn't synthesized:\nregion: is missing" in done.stderr
    assert "Traceback" not in done.stderr


def test_a_deployment_without_layers_says_what_to_run(cdk: None, tmp_path: Path):
    from infra.app import build
    from infra.code import Sources
    from infra.settings import SettingsRefused
    from infra.synth import context

    with Sources(tmp_path) as sources, pytest.raises(SettingsRefused, match="isn't there: run python -m"):
        build(context("dev"), outdir=tmp_path / "out", sources=sources)


def test_a_function_is_its_own_folder(cdk: None):
    from functions.table import TABLE
    from infra.code import ROOT as SOURCE
    from infra.code import Sources

    with Sources.placeholder() as sources:
        for row in TABLE:
            sources.function(row)
            staged = Path(sources._staged.name) / row.name
            files = {path.relative_to(staged).as_posix() for path in staged.rglob("*") if path.is_file()}
            folder = SOURCE / "functions" / row.name
            ours = {f"functions/{row.name}/{path.name}" for path in folder.iterdir() if path.is_file()}
            assert files == ours | {"functions/__init__.py"}


def test_each_change_of_migrations_or_keys_runs_the_custom_resource(cdk: None):
    from infra.migrations import fingerprint
    from infra.settings import read
    from infra.synth import context

    last, following = (read(context("dev", tenant_context_key_ids=ids)) for ids in (["k1"], ["k1", "k2"]))
    assert fingerprint(last) == fingerprint(last) != fingerprint(following)
