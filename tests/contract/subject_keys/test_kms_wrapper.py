"""KmsKeyWrapper against KMS on this machine, and its messages against the AWS Encryption SDK alone."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import traceback

import aws_encryption_sdk
import pytest
from aws_encryption_sdk.identifiers import Algorithm, CommitmentPolicy
from aws_encryption_sdk.key_providers.kms import KMSMasterKey, KMSMasterKeyConfig
from botocore.stub import Stubber
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from phivault.adapters import aws
from phivault.adapters.aws import client
from phivault.adapters.kms_wrapper import KmsKeyWrapper
from phivault.errors import IntegrityError, Unavailable

TENANT, SUBJECT = "t-1", "Patient/p-1"
CONTEXT = {"tenant": TENANT, "subject": SUBJECT, "purpose": "subject-key"}


def _sdk(**options: object) -> aws_encryption_sdk.EncryptionSDKClient:
    return aws_encryption_sdk.EncryptionSDKClient(**options)


def _master_key(arn: str) -> KMSMasterKey:
    return KMSMasterKey(config=KMSMasterKeyConfig(key_id=arn, client=client("kms")))


def _message(arn: str, context: dict[str, str], **options: object) -> bytes:
    message, _ = _sdk().encrypt(source=bytes(32), key_provider=_master_key(arn), encryption_context=context, **options)
    return message


def test_round_trip_costs_one_call_each(wrapper: KmsKeyWrapper, kms_calls: list[str]) -> None:
    material = os.urandom(32)
    wrapped = wrapper.wrap(TENANT, SUBJECT, material)
    assert kms_calls == ["GenerateDataKey"]
    assert wrapper.unwrap(TENANT, SUBJECT, wrapped) == material
    assert kms_calls == ["GenerateDataKey", "Decrypt"]


def test_the_sdk_alone_opens_it_and_sees_suite_and_context(wrapper: KmsKeyWrapper, key_arn: str) -> None:
    material = os.urandom(32)
    wrapped = wrapper.wrap(TENANT, SUBJECT, material)
    opened, header = _sdk(max_encrypted_data_keys=1).decrypt(source=wrapped, key_provider=_master_key(key_arn))
    assert opened == material
    assert header.algorithm is Algorithm.AES_256_GCM_HKDF_SHA512_COMMIT_KEY
    assert header.algorithm.algorithm_id == 0x0478
    assert header.encryption_context == CONTEXT
    assert len(header.encrypted_data_keys) == 1


@pytest.mark.parametrize(("tenant", "subject"), [("t-2", SUBJECT), (TENANT, "Patient/p-2"), (SUBJECT, TENANT)])
def test_another_tenant_or_subject_is_refused(wrapper: KmsKeyWrapper, tenant: str, subject: str) -> None:
    wrapped = wrapper.wrap(TENANT, SUBJECT, bytes(32))
    with pytest.raises(IntegrityError):
        wrapper.unwrap(tenant, subject, wrapped)


@pytest.mark.parametrize(
    "context",
    [
        {},
        {"tenant": TENANT, "subject": SUBJECT},
        {"tenant": TENANT, "purpose": "subject-key"},
        CONTEXT | {"more": "x"},
        CONTEXT | {"purpose": "blind-index"},
    ],
    ids=["none", "no purpose", "no subject", "one more", "another purpose"],
)
def test_a_context_that_is_not_exactly_ours_is_refused(
    wrapper: KmsKeyWrapper, key_arn: str, context: dict[str, str]
) -> None:
    with pytest.raises(IntegrityError):
        wrapper.unwrap(TENANT, SUBJECT, _message(key_arn, context))


@pytest.mark.parametrize(
    "algorithm", [Algorithm.AES_256_GCM_HKDF_SHA512_COMMIT_KEY_ECDSA_P384, Algorithm.AES_256_GCM_IV12_TAG16_HKDF_SHA256]
)
def test_another_suite_is_refused(wrapper: KmsKeyWrapper, key_arn: str, algorithm: Algorithm) -> None:
    sdk = _sdk(commitment_policy=CommitmentPolicy.FORBID_ENCRYPT_ALLOW_DECRYPT)
    if algorithm.is_committing():
        sdk = _sdk()
    message, _ = sdk.encrypt(
        source=bytes(32), key_provider=_master_key(key_arn), encryption_context=CONTEXT, algorithm=algorithm
    )
    with pytest.raises(IntegrityError):
        wrapper.unwrap(TENANT, SUBJECT, message)


def test_another_kms_key_is_refused(wrapper: KmsKeyWrapper) -> None:
    other = client("kms").create_key()["KeyMetadata"]["Arn"]
    with pytest.raises(IntegrityError):
        wrapper.unwrap(TENANT, SUBJECT, _message(other, CONTEXT))


def test_two_wrapped_data_keys_are_refused(wrapper: KmsKeyWrapper, key_arn: str) -> None:
    provider = aws_encryption_sdk.StrictAwsKmsMasterKeyProvider(key_ids=[key_arn])
    provider.add_master_key_provider(_master_key(client("kms").create_key()["KeyMetadata"]["Arn"]))
    message, header = _sdk().encrypt(source=bytes(32), key_provider=provider, encryption_context=CONTEXT)
    assert len(header.encrypted_data_keys) == 2
    with pytest.raises(IntegrityError):
        wrapper.unwrap(TENANT, SUBJECT, message)


def test_bytes_left_over_are_refused(wrapper: KmsKeyWrapper) -> None:
    with pytest.raises(IntegrityError):
        wrapper.unwrap(TENANT, SUBJECT, wrapper.wrap(TENANT, SUBJECT, bytes(32)) + b"\0")


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(data=st.data())
def test_a_changed_or_cut_message_is_refused(wrapper: KmsKeyWrapper, data: st.DataObject) -> None:
    wrapped = bytearray(wrapper.wrap(TENANT, SUBJECT, b"k" * 32))
    if data.draw(st.booleans()):
        position = data.draw(st.integers(0, len(wrapped) - 1))
        wrapped[position] ^= data.draw(st.integers(1, 255))
    else:
        wrapped = wrapped[: data.draw(st.integers(0, len(wrapped) - 1))]
    # moto answers a ciphertext that names no key of its own with AccessDenied, which is KMS refusing.
    with pytest.raises((IntegrityError, Unavailable)) as refused:
        wrapper.unwrap(TENANT, SUBJECT, bytes(wrapped))
    shown = "".join(traceback.format_exception(refused.value))
    assert "k" * 32 not in shown


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(body=st.binary(max_size=300))
def test_hostile_bytes_are_refused(wrapper: KmsKeyWrapper, body: bytes) -> None:
    for message in (body, bytes.fromhex("020478") + body):
        with pytest.raises(IntegrityError):
            wrapper.unwrap(TENANT, SUBJECT, message)


@pytest.mark.parametrize("code", ["ThrottlingException", "AccessDeniedException", "DisabledException"])
def test_a_kms_that_refuses_is_unavailable(wrapper: KmsKeyWrapper, code: str) -> None:
    wrapped = wrapper.wrap(TENANT, SUBJECT, bytes(32))
    with Stubber(client("kms")) as stub:
        stub.add_client_error("decrypt", code)
        stub.add_client_error("generate_data_key", code)
        with pytest.raises(Unavailable):
            wrapper.unwrap(TENANT, SUBJECT, wrapped)
        with pytest.raises(Unavailable):
            wrapper.wrap(TENANT, SUBJECT, bytes(32))


def test_a_kms_that_calls_the_ciphertext_invalid_means_altered(wrapper: KmsKeyWrapper) -> None:
    wrapped = wrapper.wrap(TENANT, SUBJECT, bytes(32))
    with Stubber(client("kms")) as stub:
        stub.add_client_error("decrypt", "InvalidCiphertextException")
        with pytest.raises(IntegrityError):
            wrapper.unwrap(TENANT, SUBJECT, wrapped)


def test_a_kms_that_is_gone_is_unavailable(
    wrapper: KmsKeyWrapper, key_arn: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    wrapped = wrapper.wrap(TENANT, SUBJECT, bytes(32))
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))
        monkeypatch.setenv("AWS_ENDPOINT_URL", f"http://127.0.0.1:{unused.getsockname()[1]}")
        aws.forget_clients()
        try:
            with pytest.raises(Unavailable):
                wrapper.unwrap(TENANT, SUBJECT, wrapped)
            with pytest.raises(Unavailable):
                wrapper.wrap(TENANT, SUBJECT, bytes(32))
        finally:
            monkeypatch.undo()
            aws.forget_clients()
    assert wrapper.unwrap(TENANT, SUBJECT, wrapped) == bytes(32)


def test_importing_the_adapter_leaves_the_sdk_alone() -> None:
    code = "import sys, phivault.adapters.kms_wrapper; sys.exit('aws_encryption_sdk' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
