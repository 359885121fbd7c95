from __future__ import annotations

import json
from hashlib import sha256
from typing import Any

import aics_tlog
import pytest

from phivault.audit.log import checkpoint, merkle, note, proof, tiles
from phivault.errors import IntegrityError
from tests.vectors.audit.log import make_log

VECTORS = json.loads(make_log.FILE.read_text("utf-8"))
LOG_KEY = note.VerifierKey.parse(VECTORS["log_vkey"])
WITNESS_KEY = note.VerifierKey.parse(VECTORS["witness_vkey"])
LINES = [b'{"n":%d}' % number for number in range(300)]
LEAVES = merkle.leaf_hashes(LINES)


def _names(cases: list[dict[str, Any]]) -> list[str]:
    return [case["name"] for case in cases]


def _hashes(case: dict[str, Any]) -> list[bytes]:
    return [bytes.fromhex(each) for each in case["proof"]]


def test_the_file_is_what_the_code_makes() -> None:
    assert make_log.FILE.read_text("utf-8") == make_log.make()


def test_leaf_hashes() -> None:
    for index, leaf in VECTORS["leaf_hashes"].items():
        assert sha256(b"\0" + LINES[int(index)]).hexdigest() == leaf


@pytest.mark.parametrize("case", VECTORS["trees"], ids=lambda case: str(case["size"]))
def test_trees(case: dict[str, Any]) -> None:
    lines = LINES[: case["size"]]
    assert merkle.root(LEAVES[: case["size"]]).hex() == case["root"]
    growth = tiles.grow({}.__getitem__, 0, lines)
    assert {path: sha256(body).hexdigest() for path, body in growth.files} == case["files"]
    made_by_others = aics_tlog.tiles.materialise_tiles(lines)
    assert {path: sha256(body).hexdigest() for path, body in made_by_others.items()} == case["files"]


@pytest.mark.parametrize("case", VECTORS["inclusion"], ids=lambda case: f"{case['index']}-of-{case['size']}")
def test_inclusion(case: dict[str, Any]) -> None:
    index, size = case["index"], case["size"]
    merkle.verify_inclusion(LEAVES[index], index, size, _hashes(case), merkle.root(LEAVES[:size]))
    assert aics_tlog.verify_inclusion(LEAVES[index], index, size, _hashes(case), merkle.root(LEAVES[:size]))


@pytest.mark.parametrize("case", VECTORS["consistency"], ids=lambda case: f"{case['old']}-to-{case['new']}")
def test_consistency(case: dict[str, Any]) -> None:
    old, new = case["old"], case["new"]
    merkle.verify_consistency(old, merkle.root(LEAVES[:old]), new, merkle.root(LEAVES[:new]), _hashes(case))


def test_the_checkpoint() -> None:
    expected = VECTORS["checkpoint"]
    verified = checkpoint.verify(expected["note"].encode(), LOG_KEY, WITNESS_KEY)
    read = verified.checkpoint
    assert (read.origin, read.size, read.root.hex()) == (expected["origin"], expected["size"], expected["root"])
    assert verified.witnessed_at == expected["witnessed_at"]


@pytest.mark.parametrize("case", VECTORS["invalid_checkpoints"], ids=_names(VECTORS["invalid_checkpoints"]))
def test_invalid_checkpoints(case: dict[str, Any]) -> None:
    try:
        verified = checkpoint.verify(case["note"].encode(), LOG_KEY, WITNESS_KEY)
    except IntegrityError:
        return
    assert case["name"] == "unwitnessed"
    assert verified.witnessed_at is None


@pytest.mark.parametrize("case", VECTORS["proofs"], ids=lambda case: str(case["index"]))
def test_proofs(case: dict[str, Any]) -> None:
    read = proof.parse(case["proof"].encode())
    assert (read.index, read.extra.hex()) == (case["index"], case["extra"])
    read.verify(LINES[case["index"]], LOG_KEY, WITNESS_KEY)


@pytest.mark.parametrize("case", VECTORS["invalid_proofs"], ids=_names(VECTORS["invalid_proofs"]))
def test_invalid_proofs(case: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError):
        proof.parse(case["proof"].encode()).verify(LINES[77], LOG_KEY, WITNESS_KEY)


def test_every_forgery_is_its_own() -> None:
    for valid, cases, key in (
        (VECTORS["checkpoint"]["note"], VECTORS["invalid_checkpoints"], "note"),
        (VECTORS["proofs"][0]["proof"], VECTORS["invalid_proofs"], "proof"),
    ):
        made = [case[key] for case in cases]
        assert valid not in made
        assert len(set(made)) == len(made)
