"""The audit log, taken out of the account and proven: sealed, witnessed, exported, verified, read, altered, refused."""

from __future__ import annotations

import base64
import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import boto3
import zstandard

from phivault.audit.log.note import log_vkey
from tests.e2e.journal import Journal, expect

PHIVAULT = Path(sys.executable).with_name("phivault")


class Evidence:
    """``known`` are the names of resources by setting; ``configurations`` the functions' by their name in the table."""

    def __init__(self, known: dict[str, str], configurations: dict[str, dict[str, Any]], folder: Path) -> None:
        self._known, self._functions, self._export = known, configurations, folder / "export"
        self._environment = os.environ | {f"PHIVAULT_{name.upper()}": value for name, value in known.items()}
        self._environment |= {"PHIVAULT_LOCAL": str(folder / "none")}

    def take(self, journal: Journal) -> None:
        with journal.check("the sealer seals, and the witness in its own stack cosigns"):
            said = self._invoke("sealer", {})
            expect(said.get("size", 0) > 0 and said.get("witnessed") is True, json.dumps(said)[:500])
        with journal.check("phivault audit export copies the log, each file as the signed manifest says"):
            done = self._run("export", str(self._export))
            expect(done.returncode == 0, done.stdout + done.stderr)
        with journal.check("phivault audit verify proves it under the keys that KMS and the witness name"):
            done = self._run("verify", str(self._export), *self._keys())
            expect(done.returncode == 0, done.stdout + done.stderr)

    def events(self) -> list[dict[str, Any]]:
        """Those of the export, in the log's order."""
        lines = [line for path in sorted((self._export / "segments").iterdir()) for line in _lines(path)]
        return [event for event in map(json.loads, lines) if event["kind"] == "event"]

    def alter(self, journal: Journal) -> None:
        with journal.check("one byte of a segment altered: found"):
            altered = next((self._export / "segments").iterdir())
            body = bytearray(altered.read_bytes())
            body[len(body) // 2] ^= 1
            altered.write_bytes(body)
            done = self._run("verify", str(self._export), *self._keys())
            expect(done.returncode == 1 and altered.name in done.stdout + done.stderr, done.stdout + done.stderr)

    def _keys(self) -> tuple[str, ...]:
        answer = boto3.client("kms").get_public_key(KeyId=self._known["log_key_arn"])
        log = log_vkey(self._known["log_origin"], answer["PublicKey"][-32:])  # the end of its DER form (RFC 8410)
        return "--key", log, "--witness", self._invoke("witness", {"vkey": True})["vkey"]

    def _invoke(self, name: str, event: dict[str, Any]) -> dict[str, Any]:
        function = self._functions[name]["FunctionArn"]
        answer = boto3.client("lambda").invoke(FunctionName=function, Payload=json.dumps(event), LogType="Tail")
        said = answer["Payload"].read().decode()
        log = base64.b64decode(answer.get("LogResult", "")).decode(errors="replace")[-1500:]
        expect("FunctionError" not in answer, f"{said}\n{log}")
        document: dict[str, Any] = json.loads(said)
        return document

    def _run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [PHIVAULT, "audit", *arguments],
            env=self._environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )


def _lines(segment: Path) -> list[bytes]:
    with zstandard.open(segment, "rb") as file:
        return list(file.read().splitlines())
