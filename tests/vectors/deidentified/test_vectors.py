"""De-identified vectors: what the code makes, and pseudonyms made again without it."""

from __future__ import annotations

import json
import uuid

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tests.vectors.deidentified import make

PSEUDONYMS = json.loads(make.PSEUDONYMS.read_text())


def test_the_files_are_what_the_code_makes() -> None:
    assert make.FORMS.read_text() == make.forms()
    assert make.PSEUDONYMS.read_text() == make.pseudonyms()


@pytest.mark.parametrize(
    "case", PSEUDONYMS["cases"], ids=lambda case: f"{case['tenant']} {case['project']} {case['type']}"
)
def test_a_pseudonym_is_one_block_of_aes(case: dict) -> None:
    info = f"phivault/pseudonym/1/{case['tenant']}/Project/{case['project']}/{case['type']}"
    key = HKDF(SHA512(), 32, None, info.encode()).derive(bytes.fromhex(PSEUDONYMS["key"]))
    for id, pseudonym in case["pseudonyms"].items():
        # CBC with a zero vector is AES itself for one block.
        block = Cipher(algorithms.AES(key), modes.CBC(bytes(16))).encryptor().update(uuid.UUID(id).bytes)
        assert str(uuid.UUID(bytes=block)) == pseudonym
