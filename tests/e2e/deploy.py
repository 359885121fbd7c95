"""Synthesis, the CDK's own deployment of what it gave, and what then stands."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import boto3
from botocore.exceptions import ClientError

from infra import e2e
from infra.layers import here
from local.ministack import ACCOUNT, REGION
from tests.e2e.journal import Failed

ROOT = Path(__file__).resolve().parents[2]
CONTEXT = {
    "profile": "production",
    "account": ACCOUNT,
    "region": REGION,
    "architecture": here(),
    "alert_email": "security@example.org",
    "email_sender": "no-reply@example.org",
    "email_identity_arn": f"arn:aws:ses:{REGION}:{ACCOUNT}:identity/example.org",
    "sms_origination_arn": f"arn:aws:sms-voice:{REGION}:{ACCOUNT}:phone-number/phone-0",
    "witness_waiver": "This account is an emulator that lives for minutes",
}
TIMEOUT = 400.0


def install_cdk() -> Path:
    """The CDK's command, of the pinned and hashed version. Needs node, npm and npm's registry or cache, so it is first
    called before the environment is the emulator's, whose roots the registry's certificate doesn't come from."""
    folder = Path(__file__).parent
    lock = (folder / "package-lock.json").read_bytes()
    command, stamp = folder / "node_modules" / ".bin" / "cdk", folder / "node_modules" / ".ready"
    if not command.exists() or not stamp.exists() or stamp.read_bytes() != lock:
        if shutil.which("npm") is None:
            raise Failed("npm isn't installed: the CDK's command runs on Node 20 or later")
        made = subprocess.run(
            ["npm", "ci", "--no-audit", "--no-fund", "--prefix", str(folder)],
            capture_output=True,
            text=True,
            check=False,
        )
        if made.returncode != 0:
            raise Failed(f"npm ci ended with status {made.returncode}: {made.stderr[-1000:]}")
        stamp.write_bytes(lock)
    return command


@dataclass(frozen=True, slots=True)
class Assembly:
    """What synthesis left in ``folder``: by stack name the templates as they are now, and where they stand."""

    folder: Path
    templates: dict[str, dict[str, Any]]
    paths: dict[str, Path]

    def resources(self, kind: str) -> list[tuple[str, str, dict[str, Any]]]:
        """Stack, logical id and properties of every resource of a type."""
        return [
            (stack, place, body.get("Properties", {}))
            for stack, template in self.templates.items()
            for place, body in template["Resources"].items()
            if body["Type"] == kind
        ]


def run_cdk(folder: Path, *arguments: str, environment: Mapping[str, str] | None = None) -> None:
    """Run the CDK's command; its output goes to ``cdk.log`` in ``folder``. Raises Failed with its last lines."""
    log = folder / "cdk.log"
    variables = os.environ | {"CI": "true", "CDK_DISABLE_CLI_TELEMETRY": "true", "PYTHONPATH": str(ROOT)}
    variables |= {"JSII_SILENCE_WARNING_END_OF_LIFE_NODE_VERSION": "20", **(environment or {})}
    with log.open("ab") as output:
        done = subprocess.run(
            [install_cdk(), *arguments, "--no-notices", "--no-version-reporting"],
            cwd=ROOT,
            env=variables,
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            timeout=TIMEOUT,
            check=False,
        )
    if done.returncode != 0:
        raise Failed(f"cdk {arguments[0]} ended with status {done.returncode}: {_grounds(log.read_text())}")


def _grounds(log: str) -> str:
    lines = [line.strip() for line in log.splitlines() if line.strip()]
    failed = [line for line in lines if "_FAILED" in line or "Error" in line]
    return "\n".join(failed[:6] or lines[-6:])


def build_layers() -> None:
    """What the functions import, for this machine's processor."""
    made = subprocess.run(
        [sys.executable, "-m", "infra.layers", "--platform", "here"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
    )
    if made.returncode != 0:
        raise Failed(f"infra.layers ended with status {made.returncode}: {made.stderr[-1000:]}")


def synthesize(folder: Path) -> Assembly:
    """What ``cdk deploy`` would ship from this tree."""
    out = folder / "cdk.out"
    context = [part for name, value in CONTEXT.items() for part in ("-c", f"{name}={value}")]
    run_cdk(folder, "synth", "--quiet", "--app", f"{sys.executable} app.py", "--output", str(out), *context)
    return read(out)


def read(out: Path) -> Assembly:
    manifest = json.loads((out / "manifest.json").read_text())
    stacks = [found for found in manifest["artifacts"].values() if found["type"] == "aws:cloudformation:stack"]
    paths = {found["properties"]["stackName"]: out / found["properties"]["templateFile"] for found in stacks}
    return Assembly(out, {name: json.loads(path.read_text()) for name, path in paths.items()}, paths)


def adapt(assembly: Assembly, database: e2e.Embedded) -> list[e2e.Difference]:
    """Change the assembly's templates as the emulator needs it, on disk too."""
    differences: list[e2e.Difference] = []
    for stack, template in assembly.templates.items():
        differences += e2e.adapt(stack, template, database)
        assembly.paths[stack].write_text(json.dumps(template))
    return differences


def rejected_indeed(assembly: Assembly, left_out: set[str]) -> None:
    """Hold the list of exceptions to the emulator: it knows every type that is left in and none that is left out.
    Raises Failed."""
    kinds = {body["Type"] for template in assembly.templates.values() for body in template["Resources"].values()}
    if unknown := [kind for kind in sorted(kinds) if not _known(kind)]:
        raise Failed(f"infra/e2e.py must name, as the emulator doesn't know: {', '.join(unknown)}")
    if known := [kind for kind in sorted(left_out) if _known(kind)]:
        raise Failed(f"infra/e2e.py leaves out what the emulator knows: {', '.join(known)}")


def _known(kind: str) -> bool:
    """Whether the emulator takes a template with a resource of this type; none is made."""
    template = {"Resources": {"One": {"Type": kind, "Properties": {}}}}
    name = "e2e-" + kind.replace("::", "-").lower()
    cloudformation = boto3.client("cloudformation")
    try:
        cloudformation.create_change_set(
            StackName=name,
            ChangeSetName=name,
            ChangeSetType="CREATE",
            TemplateBody=json.dumps(template),
            Capabilities=["CAPABILITY_NAMED_IAM"],
        )
    except ClientError as error:
        if "Unrecognized resource types" in str(error):
            return False
        raise
    cloudformation.delete_stack(StackName=name)
    return True


def bootstrap(assembly: Assembly, environment: Mapping[str, str]) -> None:
    app = ("--app", str(assembly.folder))
    run_cdk(assembly.folder.parent, "bootstrap", f"aws://{ACCOUNT}/{REGION}", *app, environment=environment)


def deploy(assembly: Assembly, environment: Mapping[str, str], *stacks: str) -> None:
    """Deploy these stacks and what they need; every stack where none is named. As an operator would."""
    command = ["deploy", *(stacks or ("--all",)), "--app", str(assembly.folder), "--require-approval", "never"]
    run_cdk(assembly.folder.parent, *command, "--progress", "events", environment=environment)


def part(assembly: Assembly, stacks: Collection[str]) -> Assembly:
    """The same assembly as if it had these stacks alone."""
    return replace(assembly, templates={name: assembly.templates[name] for name in stacks})


@dataclass(frozen=True, slots=True)
class Deployed:
    """What CloudFormation says stands: physical ids by stack and logical id, and outputs by stack."""

    physical: dict[tuple[str, str], str]
    types: dict[tuple[str, str], str]
    outputs: dict[str, str]

    def of_type(self, kind: str) -> list[str]:
        return [self.physical[place] for place, found in self.types.items() if found == kind]

    def one(self, kind: str, containing: str = "") -> str:
        """The physical id of the resource of a type whose logical id contains a word. Raises Failed."""
        found = [
            self.physical[place]
            for place, type in self.types.items()
            if type == kind and containing.lower() in place[1].lower()
        ]
        if len(found) != 1:
            raise Failed(f"{len(found)} resources of type {kind} have {containing!r} in their names")
        return found[0]


def deployed(stacks: list[str]) -> Deployed:
    """Raises Failed where a stack isn't complete."""
    cloudformation = boto3.client("cloudformation")
    physical, types, outputs = {}, {}, {}
    for stack in stacks:
        (found,) = cloudformation.describe_stacks(StackName=stack)["Stacks"]
        if found["StackStatus"] not in ("CREATE_COMPLETE", "UPDATE_COMPLETE"):
            raise Failed(f"{stack} is {found['StackStatus']}")
        outputs |= {output["OutputKey"]: output["OutputValue"] for output in found.get("Outputs", [])}
        for resource in cloudformation.describe_stack_resources(StackName=stack)["StackResources"]:
            place = (stack, resource["LogicalResourceId"])
            physical[place], types[place] = resource.get("PhysicalResourceId", ""), resource["ResourceType"]
    return Deployed(physical, types, outputs)
