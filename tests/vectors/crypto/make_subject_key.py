"""Make subject_key.json: one wrapped subject key with what KMS answered when it was made.

``python -m tests.vectors.crypto.make_subject_key`` writes a new one. KMS is answered for with a fixed data key, so
the message opens without it: whoever holds that data key plays KMS.
"""

from __future__ import annotations

import json
import os
from hashlib import sha256
from pathlib import Path

from botocore.stub import Stubber

FILE = Path(__file__).with_name("subject_key.json")

KEY_ARN = "arn:aws:kms:us-east-1:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
TENANT, SUBJECT = "t-1", "Patient/p-1"
CONTEXT = {"tenant": TENANT, "subject": SUBJECT, "purpose": "subject-key"}
MATERIAL = sha256(b"phivault vector: subject key").digest()
DATA_KEY = sha256(b"phivault vector: data key").digest()
BLOB = b"what KMS made of the data key"


def make() -> str:
    os.environ.setdefault("AWS_REGION", "us-east-1")
    from phivault.adapters.aws import client
    from phivault.adapters.kms_wrapper import KmsKeyWrapper

    with Stubber(client("kms")) as stub:
        stub.add_response(
            "generate_data_key",
            {"Plaintext": DATA_KEY, "CiphertextBlob": BLOB, "KeyId": KEY_ARN},
            {"KeyId": KEY_ARN, "NumberOfBytes": 32, "EncryptionContext": CONTEXT},
        )
        message = KmsKeyWrapper(KEY_ARN).wrap(TENANT, SUBJECT, MATERIAL)
    vector = {
        "message": message.hex(),
        "encryption_context": CONTEXT,
        "kms": {"key_arn": KEY_ARN, "ciphertext_blob": BLOB.hex(), "plaintext": DATA_KEY.hex()},
        "subject_key": MATERIAL.hex(),
    }
    return json.dumps(vector, indent=1) + "\n"


if __name__ == "__main__":
    FILE.write_text(make())
