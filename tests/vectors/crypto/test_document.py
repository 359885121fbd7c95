"""docs/envelope-format.md is a specification: its worked example and numbers are held to the vectors and the code."""

from __future__ import annotations

import json
import re
from hashlib import sha256
from pathlib import Path

from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from phivault.crypto import header, subject_keys
from phivault.crypto.associated_data import associated_data
from phivault.crypto.element import SealContext
from tests.vectors.crypto.make_envelopes import FILE

TEXT = (Path(__file__).parents[3] / "docs" / "envelope-format.md").read_text()


def _blocks() -> list[str]:
    return re.findall(r"```\n(.*?)```", TEXT, re.DOTALL)


def test_the_worked_example_is_the_vector() -> None:
    vector = next(case for case in json.loads(FILE.read_text())["valid"] if case["name"] == "patient")
    example = next(block for block in _blocks() if block.startswith("01 "))
    shown = "".join(re.sub(r"\s{3,}\S.*$", "", line) if not re.fullmatch(r"[\s0-9a-f]+", line) else line
                    for line in example.splitlines())  # fmt: skip
    assert "".join(shown.split()) == vector["envelope"]
    assert vector["key"]["material"] in TEXT
    assert vector["elements"][0]["value"] in TEXT


def test_the_derived_values_are_the_example_s() -> None:
    vector = next(case for case in json.loads(FILE.read_text())["valid"] if case["name"] == "patient")
    layout = header.parse(bytes.fromhex(vector["envelope"]))
    bound = associated_data(SealContext(**vector["context"]), layout.raw)
    material = bytes.fromhex(vector["key"]["material"])
    derived = HKDF(SHA512(), 64, layout.salt, bound).derive(material).hex()
    compact = "".join(TEXT.split())
    for value in (f"header){sha256(layout.raw).hexdigest()}", f"A{bound.hex()}K{derived[:64]}C{derived[64:]}"):
        assert value in compact


def test_limits_and_codes_are_the_codes() -> None:
    for number in (header.MAX_VALUE, header.MAX_ENVELOPE):
        assert f"{number:,}" in TEXT
    assert f"1 to {header.MAX_ELEMENTS}" in TEXT
    for name, code in header.CODES.items():
        assert f"{code} {name}" in TEXT
    assert f"{subject_keys.MAX_CACHE_SECONDS} seconds" in TEXT
    assert f"at most\n{subject_keys.CACHE_SIZE} keys" in TEXT
