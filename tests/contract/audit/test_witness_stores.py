"""The witness's memory and key on the endpoints: what the port promises; what hides or replaces a sighting is seen."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from hashlib import sha256
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey

from phivault.adapters import s3_witness
from phivault.adapters.aws import client
from phivault.adapters.kms_signer import KmsSigner
from phivault.adapters.s3_witness import S3Sightings
from phivault.audit.log.checkpoint import verify
from phivault.audit.log.note import VerifierKey, witness_vkey
from phivault.audit.witness import Sighting, WitnessStand
from phivault.errors import Conflict, IntegrityError, Unavailable
from tests.support.witnessing import LOG_KEY, NAME, NOON, ORIGIN, Log

OTHER = "log.example/south"
PREFIX = f"{sha256(ORIGIN.encode()).hexdigest()}/"


@pytest.fixture
def bucket(new_audit_bucket: Callable[..., str]) -> str:
    return new_audit_bucket()


@pytest.fixture
def sightings(bucket: str) -> S3Sightings:
    return S3Sightings(bucket, lock_mode="COMPLIANCE", retention_days=10)


@pytest.fixture(scope="module")
def signer(aws_endpoints: Any) -> KmsSigner:
    from local.aws_resources import create_signing_key

    return KmsSigner(create_signing_key("test witness"))


def seen(old: int) -> Sighting:
    return Sighting(old, NOON + old, Log().note(old + 1))


def test_the_newest_is_found_among_all(sightings: S3Sightings):
    assert sightings.latest(ORIGIN) is None
    for old in (0, 9, 10, 99, 1000, 10**14):
        added = Sighting(old, NOON, b"note\n")
        sightings.add(ORIGIN, added)
        assert sightings.latest(ORIGIN) == added
    assert sightings.latest(OTHER) is None
    sightings.add(OTHER, seen(3))
    assert sightings.latest(OTHER) == seen(3)


def test_a_size_has_one_successor(sightings: S3Sightings):
    sightings.add(ORIGIN, seen(3))
    with pytest.raises(Conflict):
        sightings.add(ORIGIN, Sighting(3, NOON, Log().forked(2).note(5)))
    assert sightings.latest(ORIGIN) == seen(3)


def test_of_many_at_once_one_is_added(sightings: S3Sightings):
    def add(number: int) -> bool:
        try:
            sightings.add(ORIGIN, Sighting(0, NOON, b"%d" % number))
        except Conflict:
            return False
        return True

    with ThreadPoolExecutor(6) as threads:
        assert sum(threads.map(add, range(6))) == 1


def test_each_is_locked_and_named_as_documented(bucket: str, sightings: S3Sightings):
    sightings.add(ORIGIN, seen(7))
    key = f"{PREFIX}999999999999992"
    held = client("s3").head_object(Bucket=bucket, Key=key)
    assert held["ObjectLockMode"] == "COMPLIANCE"
    assert held["ServerSideEncryption"] == "AES256"
    body = client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
    assert body == b"time %d\nold 7\n%b" % (NOON + 7, Log().note(8))


def _without_policy(bucket: str) -> None:
    """What only an administrator of the witness's account can do."""
    client("s3").delete_bucket_policy(Bucket=bucket)


def test_a_delete_marker_is_seen(bucket: str, sightings: S3Sightings):
    for old in (0, 7):
        sightings.add(ORIGIN, seen(old))
    _without_policy(bucket)
    client("s3").delete_object(Bucket=bucket, Key=f"{PREFIX}999999999999992")
    with pytest.raises(IntegrityError, match="hidden"):
        sightings.latest(ORIGIN)


def test_a_replacement_is_seen(bucket: str, sightings: S3Sightings):
    for old in (0, 7):
        sightings.add(ORIGIN, seen(old))
    _without_policy(bucket)
    forged = Sighting(7, NOON, Log().forked(7).note(9))
    client("s3").put_object(
        Bucket=bucket, Key=f"{PREFIX}999999999999992", Body=forged.encode(), ChecksumAlgorithm="SHA256"
    )
    with pytest.raises(IntegrityError, match="replaced"):
        sightings.latest(ORIGIN)


@pytest.mark.parametrize("body", [b"", b"no sighting", seen(6).encode()])
def test_a_planted_object_is_seen(bucket: str, sightings: S3Sightings, body: bytes):
    client("s3").put_object(
        Bucket=bucket, Key=f"{PREFIX}000000000000000", Body=body, IfNoneMatch="*", ChecksumAlgorithm="SHA256"
    )
    with pytest.raises(IntegrityError):
        sightings.latest(ORIGIN)


def test_a_memory_that_does_not_answer(sightings: S3Sightings, aws_endpoints: Any):
    aws_endpoints.stop_s3()
    try:
        with pytest.raises(Unavailable):
            sightings.latest(ORIGIN)
        with pytest.raises(Unavailable):
            sightings.add(ORIGIN, seen(0))
    finally:
        aws_endpoints.start_s3()


def test_whether_another_was_added_may_be_unknown(sightings: S3Sightings, monkeypatch: pytest.MonkeyPatch):
    s3 = boto3.client("s3", region_name="us-east-1", aws_access_key_id="a", aws_secret_access_key="b")
    monkeypatch.setattr(s3_witness, "client", lambda _: s3)
    with Stubber(s3) as answers:
        answers.add_client_error("put_object", "ConditionalRequestConflict", http_status_code=409)
        with pytest.raises(Unavailable):
            sightings.add(ORIGIN, seen(0))


def test_a_kms_key_signs_and_says_which_it_is(signer: KmsSigner):
    signature = signer.sign(b"message")
    Ed25519PublicKey.from_public_bytes(signer.public_key).verify(signature, b"message")
    assert (len(signature), len(signer.public_key)) == (64, 32)


def test_a_key_of_another_kind_is_refused(aws_endpoints: Any):
    other = client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]["Arn"]
    with pytest.raises(IntegrityError, match="Ed25519"):
        _ = KmsSigner(other).public_key
    with pytest.raises(Unavailable):
        KmsSigner(other).sign(b"message")


def test_a_key_that_is_not_there(aws_endpoints: Any):
    absent = KmsSigner("arn:aws:kms:us-east-1:123456789012:key/00000000-0000-0000-0000-000000000000")
    with pytest.raises(Unavailable):
        _ = absent.public_key
    with pytest.raises(Unavailable):
        absent.sign(b"message")


def test_witness_store_and_key_together(sightings: S3Sightings, signer: KmsSigner):
    log, old = Log(), 0
    key = VerifierKey.parse(witness_vkey(NAME, signer.public_key))
    for new in (1, 5, 40):
        stand = WitnessStand(sightings, signer, NAME, [LOG_KEY])  # each time another execution environment
        answered = log.ask(stand, old, new)
        assert answered.status == 200
        assert verify(log.note(new) + answered.body.encode(), LOG_KEY, key).witnessed_at
        assert Log().forked(0).ask(stand, new, new).status == 409
        old = new
    held = client("s3").list_objects_v2(Bucket=sightings._bucket)["Contents"]
    assert len(held) == 3
    assert json.dumps([item["Key"] for item in held]).count(PREFIX) == 3
