"""Templates of both profiles, synthesized once for all tests of this folder. Needs CDK and Node; skips without."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest

type Template = dict[str, Any]
type Assembly = dict[str, Template]

# Nothing of what is asked here depends on them, and they take most of the time.
_FASTER = {"@aws-cdk/core:validateAgainstDefaultRules": False}


def _need_cdk() -> None:
    pytest.importorskip("aws_cdk", reason="CDK isn't installed: local/setup.sh infra")


@pytest.fixture(scope="session")
def cdk() -> None:
    if shutil.which("node") is None:
        pytest.skip("CDK needs Node, and there is no node on the path")
    from infra.synth import quiet_node

    quiet_node()
    _need_cdk()


@pytest.fixture(scope="session")
def assemblies(cdk: None, tmp_path_factory: pytest.TempPathFactory) -> dict[str, Assembly]:
    from infra.app import build
    from infra.code import Sources
    from infra.synth import PROFILES, context

    made: dict[str, Assembly] = {}
    with Sources.placeholder() as sources:
        for profile in PROFILES:
            outdir = tmp_path_factory.mktemp(profile)
            build(context(profile, **_FASTER), outdir=outdir, sources=sources).synth()
            made[profile] = _templates(outdir)
    return made


def _templates(folder: Path) -> Assembly:
    suffix = ".template.json"
    return {path.name.removesuffix(suffix): json.loads(path.read_text()) for path in folder.glob(f"*{suffix}")}


@pytest.fixture(scope="session", params=["dev", "production"])
def stacks(request: pytest.FixtureRequest, assemblies: dict[str, Assembly]) -> Assembly:
    """Every test that takes it holds for both profiles."""
    return assemblies[request.param]


@pytest.fixture(scope="session")
def production(assemblies: dict[str, Assembly]) -> Assembly:
    return assemblies["production"]


@pytest.fixture(scope="session")
def dev(assemblies: dict[str, Assembly]) -> Assembly:
    return assemblies["dev"]
