"""Vectors of the search index: what the code makes, and tokens made again without it."""

from __future__ import annotations

import hashlib
import hmac
import json
import struct

import pytest
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from tests.vectors.search_index import make

VECTORS = json.loads(make.FILE.read_text())


def test_the_file_is_what_the_code_makes() -> None:
    assert make.FILE.read_text() == make.vectors()


@pytest.mark.parametrize("of_tenant", VECTORS["tenants"], ids=lambda each: each["tenant"])
def test_a_token_is_the_beginning_of_an_hmac(of_tenant: dict) -> None:
    info = f"phivault/search-index/1/{of_tenant['tenant']}/Index".encode()
    key = HKDF(SHA512(), 32, None, info).derive(bytes.fromhex(VECTORS["subject_key"]))
    assert key.hex() == of_tenant["index_key"]
    for case in of_tenant["cases"]:
        made = set()
        for field, terms in case["terms"].items():
            for term in terms:
                parts = [case["type"].encode(), field.encode(), term.encode()]
                text = b"".join(struct.pack(">I", len(part)) + part for part in parts)
                made.add(hmac.new(key, text, hashlib.sha256).digest()[:8].hex())
        assert sorted(made) == case["tokens"], case["name"]


def test_tenants_with_equal_data_share_no_token() -> None:
    north, south = ({token for case in each["cases"] for token in case["tokens"]} for each in VECTORS["tenants"])
    assert len(north) == len(south) > 50
    assert north.isdisjoint(south)
