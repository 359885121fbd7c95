"""Readers in another language, sharing no code with phivault: Node's WebCrypto for envelopes, the AWS Encryption SDK
for JavaScript for wrapped subject keys."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest

from phivault.adapters.aws import client
from phivault.adapters.kms_wrapper import KmsKeyWrapper

HERE = Path(__file__).parent / "node"
VECTORS = Path(__file__).parents[1] / "vectors" / "crypto" / "envelopes.json"

needs_node = pytest.mark.skipif(shutil.which("node") is None, reason="node is not installed")
needs_sdk = pytest.mark.skipif(
    not (HERE / "node_modules" / "@aws-crypto" / "client-node").is_dir(),
    reason="@aws-crypto/client-node is not installed: npm install in tests/independent/node",
)


def _node(script: str, *arguments: str, given: str = "") -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        ["node", str(HERE / script), *arguments], input=given, capture_output=True, text=True, timeout=60, check=False
    )


@needs_node
def test_webcrypto_opens_what_is_valid_and_refuses_the_rest() -> None:
    vectors = json.loads(VECTORS.read_text())
    done = _node("check_envelopes.mjs", str(VECTORS))
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"opened": len(vectors["valid"]), "refused": len(vectors["invalid"])}


@needs_node
def test_the_check_notices_an_envelope_that_it_should_not_open(tmp_path: Path) -> None:
    vectors = json.loads(VECTORS.read_text())
    vectors["invalid"].append(vectors["valid"][0])
    wrong = tmp_path / "envelopes.json"
    wrong.write_text(json.dumps(vectors))
    assert _node("check_envelopes.mjs", str(wrong)).returncode != 0


@needs_node
def test_the_reader_is_short() -> None:
    lines = (HERE / "read_envelope.mjs").read_text().splitlines()
    assert len([line for line in lines if line.strip() and not line.startswith("//")]) <= 65


@needs_node
@needs_sdk
def test_the_javascript_sdk_unwraps_subject_keys(aws_endpoints: Any) -> None:
    key_arn = client("kms").create_key()["KeyMetadata"]["Arn"]
    material = os.urandom(32)
    message = KmsKeyWrapper(key_arn).wrap("t-1", "Patient/p-1", material)
    context = {"tenant": "t-1", "subject": "Patient/p-1", "purpose": "subject-key"}
    given = {"message": message.hex(), "key_arn": key_arn, "context": context}
    done = _node("unwrap_subject_key.mjs", given=json.dumps(given))
    assert done.returncode == 0, done.stderr
    assert bytes.fromhex(done.stdout) == material
    given["context"] = context | {"tenant": "t-2"}
    assert _node("unwrap_subject_key.mjs", given=json.dumps(given)).returncode != 0
