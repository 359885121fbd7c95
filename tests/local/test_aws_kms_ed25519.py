"""Ed25519 on the local KMS: what it signs, any implementation verifies; what KMS refuses, it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_der_public_key

from phivault.adapters.aws import client

ALGORITHM = "ED25519_SHA_512"


@pytest.fixture(scope="module")
def key(aws_endpoints: Any) -> str:
    from local.aws_resources import create_signing_key

    return create_signing_key("test")


def public_key(key: str) -> Ed25519PublicKey:
    found = load_der_public_key(client("kms").get_public_key(KeyId=key)["PublicKey"])
    assert isinstance(found, Ed25519PublicKey)
    return found


def sign(key: str, message: bytes, **changed: Any) -> bytes:
    asked: dict[str, Any] = {"MessageType": "RAW", "SigningAlgorithm": ALGORITHM} | changed
    return client("kms").sign(KeyId=key, Message=message, **asked)["Signature"]


@pytest.mark.parametrize("message", [b"x", bytes(range(256)), b"a" * 4096])
def test_a_signature_is_over_the_message_itself(key: str, message: bytes):
    signature = sign(key, message)
    public_key(key).verify(signature, message)
    with pytest.raises(InvalidSignature):
        public_key(key).verify(signature, message + b"x")


def test_kms_verifies_it_too(key: str):
    signature = sign(key, b"x")
    asked: dict[str, Any] = {"KeyId": key, "SigningAlgorithm": ALGORITHM, "MessageType": "RAW", "Signature": signature}
    assert client("kms").verify(Message=b"x", **asked)["SignatureValid"]
    assert not client("kms").verify(Message=b"y", **asked)["SignatureValid"]


def test_the_key_says_what_it_is(key: str):
    metadata = client("kms").describe_key(KeyId=key)["KeyMetadata"]
    assert (metadata["KeySpec"], metadata["KeyUsage"]) == ("ECC_NIST_EDWARDS25519", "SIGN_VERIFY")
    assert metadata["SigningAlgorithms"] == [ALGORITHM]
    assert client("kms").get_public_key(KeyId=key)["SigningAlgorithms"] == [ALGORITHM]


@pytest.mark.parametrize(
    ("message", "changed"),
    [
        (b"d" * 64, {"MessageType": "DIGEST"}),
        (b"a" * 4097, {}),
        (b"x", {"SigningAlgorithm": "ED25519_PH_SHA_512"}),
        (b"x", {"SigningAlgorithm": "ECDSA_SHA_256"}),
    ],
)
def test_what_kms_refuses(key: str, message: bytes, changed: dict[str, Any]):
    with pytest.raises(ClientError, match="ValidationException"):
        sign(key, message, **changed)


def test_no_such_key_for_encryption(aws_endpoints: Any):
    with pytest.raises(ClientError, match="ValidationException"):
        client("kms").create_key(KeySpec="ECC_NIST_EDWARDS25519", KeyUsage="ENCRYPT_DECRYPT")


def test_other_keys_stay_as_they_were(aws_endpoints: Any):
    other = client("kms").create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    assert other["SigningAlgorithms"] == ["ECDSA_SHA_256"]
    assert sign(other["Arn"], b"x", SigningAlgorithm="ECDSA_SHA_256")
    symmetric = client("kms").create_key()["KeyMetadata"]
    assert symmetric["KeySpec"] == "SYMMETRIC_DEFAULT"
    with pytest.raises(ClientError, match="ValidationException"):
        sign(symmetric["Arn"], b"x")
