"""The local KMS refuses what a disabled key, or one that is going to be deleted, would do."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError

from phivault.adapters.aws import client
from phivault.adapters.kms_keys import KmsKeys
from phivault.adapters.kms_wrapper import KmsKeyWrapper
from phivault.errors import Unavailable


@pytest.fixture
def arn(aws_endpoints: Any) -> str:
    return client("kms").create_key()["KeyMetadata"]["Arn"]


def test_a_disabled_key_wraps_and_unwraps_nothing_until_it_is_enabled(arn: str) -> None:
    kms, wrapper = client("kms"), KmsKeyWrapper(arn)
    wrapped = wrapper.wrap("t", "Patient/p", bytes(32))
    kms.disable_key(KeyId=arn)
    assert KmsKeys().state(arn) == "Disabled"
    for use in (lambda: wrapper.wrap("t", "Patient/p", bytes(32)), lambda: wrapper.unwrap("t", "Patient/p", wrapped)):
        with pytest.raises(Unavailable):
            use()
    kms.enable_key(KeyId=arn)
    assert wrapper.unwrap("t", "Patient/p", wrapped) == bytes(32)


@pytest.mark.parametrize(
    ("end", "code"),
    [
        (lambda kms, arn: kms.disable_key(KeyId=arn), "DisabledException"),
        (lambda kms, arn: kms.schedule_key_deletion(KeyId=arn), "KMSInvalidStateException"),
    ],
    ids=["disabled", "pending deletion"],
)
def test_it_is_refused_as_kms_refuses_it(arn: str, end: Callable[[Any, str], object], code: str) -> None:
    kms = client("kms")
    ciphertext = kms.encrypt(KeyId=arn, Plaintext=b"x")["CiphertextBlob"]
    end(kms, arn)
    for call in (
        lambda: kms.encrypt(KeyId=arn, Plaintext=b"x"),
        lambda: kms.generate_data_key(KeyId=arn, KeySpec="AES_256"),
        lambda: kms.decrypt(CiphertextBlob=ciphertext),
    ):
        with pytest.raises(ClientError) as refused:
            call()
        assert refused.value.response["Error"]["Code"] == code
