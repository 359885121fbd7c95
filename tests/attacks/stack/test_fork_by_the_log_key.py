"""An operator with every permission of the log's account signs a second history with the log's own key in KMS."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest
from botocore.config import Config

from phivault.audit.log.checkpoint import Checkpoint, VerifiedCheckpoint, verify
from phivault.audit.log.merkle import leaf_hash, node_hash
from phivault.audit.log.note import Note, Signature, VerifierKey
from phivault.audit.log.witnessing import encode_request
from tests.support.accounts import eventually

if TYPE_CHECKING:
    from tests.support.stack import RunningStack


@pytest.fixture
def functions(stack: RunningStack) -> Any:
    import boto3

    facts = stack.facts
    make: Any = boto3.client  # typed for literal names alone
    return make(
        "lambda",
        endpoint_url=facts["aws_endpoint_url_lambda"],
        region_name=facts["region"],
        aws_access_key_id=facts["aws_access_key_id"],
        aws_secret_access_key=facts["aws_secret_access_key"],
        config=Config(read_timeout=60, retries={"total_max_attempts": 1}),
    )


def ask(functions: Any, function: str, event: dict[str, Any]) -> dict[str, Any]:
    answer = functions.invoke(FunctionName=function, Payload=json.dumps(event).encode())
    body = answer["Payload"].read()
    assert "FunctionError" not in answer, body
    found: dict[str, Any] = json.loads(body)
    return found


def witnessed(stack: RunningStack, functions: Any, above: int = -1) -> VerifiedCheckpoint | None:
    """The published checkpoint, if it is larger and cosigned."""
    ask(functions, "sealer", {})
    note = stack.aws("s3").get_object(Bucket=stack.facts["audit_head_bucket"], Key="checkpoint")["Body"].read()
    keys = (VerifierKey.parse(stack.facts[name]) for name in ("log_vkey", "witness_vkey"))
    found = verify(note, *keys)
    return found if found.checkpoint.size > above and found.witnessed_at else None


def signed_by_the_log(stack: RunningStack, size: int, root: bytes) -> bytes:
    key, kms = VerifierKey.parse(stack.facts["log_vkey"]), stack.aws("kms")
    described = [kms.describe_key(KeyId=one["KeyId"])["KeyMetadata"] for one in kms.list_keys(Limit=1000)["Keys"]]
    (arn,) = (one["Arn"] for one in described if one["Description"] == "phivault log")
    text = Checkpoint(key.name, size, root).text()
    asked = {"Message": text.encode(), "MessageType": "RAW", "SigningAlgorithm": "ED25519_SHA_512"}
    signature = kms.sign(KeyId=arn, **asked)["Signature"]
    return Note(text, (Signature(key.name, key.key_id, signature),)).encode()


def test_it_finds_no_cosignature_and_the_log_goes_on(stack: RunningStack, functions: Any) -> None:
    before = eventually(lambda: witnessed(stack, functions))
    size, root = before.checkpoint.size, before.checkpoint.root
    other = leaf_hash(b"another history")
    for new, forged, proof in (
        (size, other, []),
        (size + 1, other, [other]),
        (size + 1, node_hash(other, root), []),
        (1, other, []),
    ):
        note = signed_by_the_log(stack, new, forged)
        for old in {0, min(size, new)}:
            answered = ask(functions, "witness", {"body": encode_request(old, proof if old else [], note)})
            assert answered["status"] in (409, 422), answered
            assert "—" not in answered["body"]
    assert stack.api("auditor").get("/audit/events").status_code == 200
    after = eventually(lambda: witnessed(stack, functions, above=size))
    assert after.checkpoint.size > size
