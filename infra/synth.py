"""``python -m infra.synth``: both profiles synthesized without an account or a network, and put through every gate.

Ends with 1 when a finding is open. The assemblies stay in ``build/cdk.out.<profile>``; their layers are empty, since
nothing of them is deployed.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from collections import Counter
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).resolve().parent.parent
BUILD: Final = ROOT / "build"
# AWS's documentation names these accounts; they are nobody's.
EXAMPLE: Final = {"account": "111122223333", "region": "us-east-1"}
PROFILES: Final[dict[str, dict[str, Any]]] = {
    "dev": {},
    "production": {
        "witness_account": "444455556666",
        "alert_email": "security@clinic.example",
        "email_sender": "no-reply@clinic.example",
        "email_identity_arn": "arn:aws:ses:us-east-1:111122223333:identity/clinic.example",
        "sms_origination_arn": "arn:aws:sms-voice:us-east-1:111122223333:pool/pool-00000000000000000000",
        "cors_origins": ["https://app.clinic.example", "https://portal.clinic.example"],
        "domain_name": "api.clinic.example",
        "certificate_arn": "arn:aws:acm:us-east-1:111122223333:certificate/00000000-0000-0000-0000-000000000000",
    },
}


@dataclass(frozen=True, slots=True)
class Outcome:
    stacks: dict[str, int]
    findings: list[dict[str, str]]
    acknowledged: list[dict[str, str]]
    seconds: float


def context(profile: str, **more: Any) -> dict[str, Any]:
    """cdk.json's flags and the example's settings."""
    flags = json.loads((ROOT / "cdk.json").read_text())["context"]
    return {**flags, **EXAMPLE, "profile": profile, **PROFILES[profile], **more}


def quiet_node() -> None:
    """jsii warns of every Node release but the newest ones."""
    os.environ.setdefault("JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION", "20")
    os.environ.setdefault("JSII_SILENCE_WARNING_DEPRECATED_NODE_VERSION", "20")
    os.environ.setdefault("JSII_DEPRECATED", "quiet")


def synthesize(profile: str, outdir: Path, **more: Any) -> list[Any]:
    """Write a profile's cloud assembly; the packs' open findings. Raises SettingsRefused."""
    from infra.app import build
    from infra.code import Sources
    from infra.gates import add_packs, open_findings

    shutil.rmtree(outdir, ignore_errors=True)
    with Sources.placeholder() as sources:
        app = build(context(profile, **more), outdir=outdir, sources=sources)
        found = open_findings(app)
        if not found:
            add_packs(app)
        app.synth()
    return found


def judge(profile: str) -> Outcome:
    from infra.gates import acknowledged, lint

    started, outdir = time.monotonic(), BUILD / f"cdk.out.{profile}"
    found = [*synthesize(profile, outdir), *lint(outdir)]
    stacks = {
        path.name.removesuffix(".template.json"): len(json.loads(path.read_text())["Resources"])
        for path in sorted(outdir.glob("*.template.json"))
    }
    accepted = [asdict(one) for one in acknowledged(outdir)]
    return Outcome(stacks, [asdict(one) for one in found], accepted, time.monotonic() - started)


def main() -> int:
    """Both profiles at once, each in a process of its own."""
    if shutil.which("node") is None:
        sys.exit("CDK needs Node 20 or later, and there is no node on the path")
    quiet_node()
    command = [sys.executable, "-m", "infra.synth"]
    running = {
        profile: subprocess.Popen([*command, profile], stdout=subprocess.PIPE, text=True, cwd=ROOT)  # noqa: S603  (ours)
        for profile in PROFILES
    }
    outcomes = {}
    for profile, process in running.items():
        text = process.communicate()[0]
        if process.returncode:
            sys.exit(f"synth: the profile {profile} isn't synthesized")
        outcomes[profile] = Outcome(**json.loads(text.splitlines()[-1]))
    for profile, outcome in outcomes.items():
        _print(profile, outcome)
    total = sum(len(outcome.findings) for outcome in outcomes.values())
    accepted = sum(len(outcome.acknowledged) for outcome in outcomes.values())
    say(f"synth: {total} open findings, {accepted} acknowledged, each on one resource with its reason")
    return 1 if total else 0


def _print(profile: str, outcome: Outcome) -> None:
    stacks = ", ".join(f"{name} {count}" for name, count in outcome.stacks.items())
    say(f"{profile}: {sum(outcome.stacks.values())} resources ({stacks}), {outcome.seconds:.0f} s")
    for finding in outcome.findings:
        say(f"  OPEN {finding['rule']} at {finding['where']}: {finding['text']}")
    rules: dict[str, list[str]] = {}
    for one in outcome.acknowledged:
        rules.setdefault(one["reason"], []).append(one["rule"].split("[")[0])
    for reason, accepted in sorted(rules.items()):
        counts = ", ".join(f"{count} x {rule}" for rule, count in sorted(Counter(accepted).items()))
        say(f"  acknowledged: {reason}\n    {counts}")


def say(line: str) -> None:
    print(line)  # noqa: T201  (a command's output)


if __name__ == "__main__":
    if len(sys.argv) == 1:
        sys.exit(main())
    say(json.dumps(asdict(judge(sys.argv[1]))))
