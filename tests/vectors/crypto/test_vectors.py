from __future__ import annotations

import json
import struct
from typing import Any

import pytest
from botocore.stub import Stubber
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF, HKDFExpand

from phivault.adapters import aws
from phivault.adapters.kms_wrapper import KmsKeyWrapper
from phivault.crypto.element import SealContext, Unsealed
from phivault.crypto.envelope import read_header, unseal
from phivault.crypto.subject_key import SubjectKey
from phivault.errors import IntegrityError
from tests.vectors.crypto import make_envelopes, make_subject_key

ENVELOPES = json.loads(make_envelopes.FILE.read_text())
SUBJECT_KEY = json.loads(make_subject_key.FILE.read_text())


def _open(case: dict[str, Any]) -> Unsealed:
    key = SubjectKey(**case["key"] | {"material": bytes.fromhex(case["key"]["material"])})
    return unseal(key, SealContext(**case["context"]), bytes.fromhex(case["envelope"]))


def test_the_file_is_what_the_code_seals() -> None:
    assert make_envelopes.FILE.read_text() == make_envelopes.make()


@pytest.mark.parametrize("case", ENVELOPES["valid"], ids=lambda case: case["name"])
def test_valid_envelopes_open(case: dict[str, Any]) -> None:
    listed = [(element.name, element.data_class) for element in read_header(bytes.fromhex(case["envelope"])).elements]
    assert listed == [(e["name"], e["data_class"]) for e in case["elements"]]
    assert list(_open(case).items()) == [(e["name"], bytes.fromhex(e["value"])) for e in case["elements"]]


@pytest.mark.parametrize("case", ENVELOPES["invalid"], ids=lambda case: case["name"])
def test_invalid_envelopes_are_refused(case: dict[str, Any]) -> None:
    assert case["error"] == IntegrityError.code
    with pytest.raises(IntegrityError):
        _open(case)


def test_every_attack_differs_from_the_valid_envelope() -> None:
    valid = next(case for case in ENVELOPES["valid"] if case["name"] == "patient")
    tried = [{k: case[k] for k in ("key", "context", "envelope")} for case in ENVELOPES["invalid"]]
    assert {k: valid[k] for k in ("key", "context", "envelope")} not in tried
    assert len({json.dumps(one) for one in tried}) == len(tried)


@pytest.fixture
def kms(monkeypatch: pytest.MonkeyPatch) -> Any:
    for name, value in {"AWS_REGION": "us-east-1", "AWS_ACCESS_KEY_ID": "x", "AWS_SECRET_ACCESS_KEY": "x"}.items():
        monkeypatch.setenv(name, value)
    aws.forget_clients()
    yield aws.client("kms")
    aws.forget_clients()


def test_the_wrapped_subject_key_opens(kms: Any) -> None:
    answer = SUBJECT_KEY["kms"]
    blob = bytes.fromhex(answer["ciphertext_blob"])
    with Stubber(kms) as stub:
        stub.add_response(
            "decrypt",
            {"Plaintext": bytes.fromhex(answer["plaintext"]), "KeyId": answer["key_arn"]},
            {
                "KeyId": answer["key_arn"],
                "CiphertextBlob": blob,
                "EncryptionContext": SUBJECT_KEY["encryption_context"],
            },
        )
        context = SUBJECT_KEY["encryption_context"]
        opened = KmsKeyWrapper(answer["key_arn"]).unwrap(
            context["tenant"], context["subject"], bytes.fromhex(SUBJECT_KEY["message"])
        )
    assert opened.hex() == SUBJECT_KEY["subject_key"]


def test_the_wrapped_subject_key_opens_by_the_published_message_format_alone() -> None:
    """AWS Encryption SDK message format reference, header version 2.0, one final frame; no SDK involved."""
    message, at = bytes.fromhex(SUBJECT_KEY["message"]), 0

    def take(size: int) -> bytes:
        nonlocal at
        at += size
        assert at <= len(message)
        return message[at - size : at]

    def number(size: int) -> int:
        return int.from_bytes(take(size))

    assert (number(1), take(2)) == (2, b"\x04\x78")
    message_id = take(32)
    number(2)
    context = {}
    for _ in range(number(2)):
        name = take(number(2)).decode()
        context[name] = take(number(2)).decode()
    assert context == SUBJECT_KEY["encryption_context"]
    assert number(2) == 1
    assert take(number(2)) == b"aws-kms"
    assert take(number(2)).decode() == SUBJECT_KEY["kms"]["key_arn"]
    assert take(number(2)).hex() == SUBJECT_KEY["kms"]["ciphertext_blob"]
    assert (number(1), number(4)) == (2, 4096)
    commitment = take(32)
    header, tag = message[:at], take(16)
    data_key = bytes.fromhex(SUBJECT_KEY["kms"]["plaintext"])
    prk = HKDF.extract(SHA512(), message_id, data_key)
    assert HKDFExpand(SHA512(), 32, b"COMMITKEY").derive(prk) == commitment
    cipher = AESGCM(HKDFExpand(SHA512(), 32, b"\x04\x78DERIVEKEY").derive(prk))
    assert cipher.decrypt(bytes(12), tag, header) == b""
    assert (number(4), number(4)) == (0xFFFFFFFF, 1)
    nonce = take(12)
    size = number(4)
    bound = message_id + b"AWSKMSEncryptionClient Final Frame" + struct.pack(">IQ", 1, size)
    assert cipher.decrypt(nonce, take(size + 16), bound).hex() == SUBJECT_KEY["subject_key"]
    assert at == len(message)
