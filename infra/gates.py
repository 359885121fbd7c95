"""What every template must pass: three rule packs of cdk-nag over the constructs, cfn-lint over the templates."""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from aws_cdk import App, Validations
from cdk_nag import AwsSolutionsChecks, HIPAASecurityChecks, NIST80053R5Checks

PACKS: Final = (HIPAASecurityChecks, NIST80053R5Checks, AwsSolutionsChecks)
LINT_ACCEPTED: Final = {"W3005": "CDK names dependencies twice, which changes nothing"}


@dataclass(frozen=True, slots=True, order=True)
class Finding:
    """``where`` is a construct's path, or a template and what cfn-lint found in it."""

    rule: str
    where: str
    text: str = ""


@dataclass(frozen=True, slots=True, order=True)
class Acknowledged:
    rule: str
    where: str
    reason: str


def add_packs(app: App) -> None:
    """Have the packs judge the app whenever it is synthesized, by ``cdk deploy`` too."""
    Validations.of(app).add_plugins(*(pack(app, write_suppressions_to_cloud_formation=True) for pack in PACKS))


def open_findings(app: App) -> list[Finding]:
    """What the packs find that nothing acknowledges."""
    return sorted(finding for pack in PACKS for finding in _of_pack(pack().validate_scope(app)))


def _of_pack(report: Any) -> Iterator[Finding]:
    for violation in report.violations:
        for resource in violation.violating_resources:
            yield Finding(violation.rule_name, resource.construct_path or "", violation.description)


def acknowledged(folder: Path) -> list[Acknowledged]:
    """What is accepted, as the templates of a cloud assembly carry it."""
    return sorted(one for path in folder.glob("*.template.json") for one in _in_template(path))


def _in_template(path: Path) -> Iterator[Acknowledged]:
    for name, resource in json.loads(path.read_text())["Resources"].items():
        for rule in resource.get("Metadata", {}).get("cdk_nag", {}).get("rules_to_suppress", ()):
            yield Acknowledged(rule["id"], f"{path.name.removesuffix('.template.json')} {name}", rule["reason"])


def lint(folder: Path) -> list[Finding]:
    """cfn-lint's findings, warnings included, over the templates of a cloud assembly."""
    templates = sorted(str(path) for path in folder.glob("*.template.json"))
    command = [str(Path(sys.executable).with_name("cfn-lint")), "--format", "json", "--non-zero-exit-code", "none"]
    done = subprocess.run([*command, "--", *templates], capture_output=True, text=True, check=False)  # noqa: S603  (ours)
    if done.returncode:
        raise RuntimeError(f"cfn-lint ended with {done.returncode}: {done.stderr[-2000:]}")
    return sorted(_of_lint(one) for one in json.loads(done.stdout or "[]") if one["Rule"]["Id"] not in LINT_ACCEPTED)


def _of_lint(one: dict[str, Any]) -> Finding:
    path = "/".join(map(str, one["Location"]["Path"] or ()))
    return Finding(one["Rule"]["Id"], f"{Path(one['Filename']).name} {path}", one["Message"])
