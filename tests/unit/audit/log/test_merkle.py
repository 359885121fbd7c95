from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from hashlib import sha256
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phivault.audit.log import merkle
from phivault.errors import IntegrityError, InvalidInput

KNOWN = json.loads(
    (Path(__file__).parents[3] / "vectors" / "audit" / "log" / "certificate_transparency.json").read_text()
)
KNOWN_LEAVES = [merkle.leaf_hash(bytes.fromhex(leaf)) for leaf in KNOWN["leaves"]]
KNOWN_ROOTS = [bytes.fromhex(each) for each in KNOWN["roots"]]

sizes = st.one_of(st.integers(1, 40), st.integers(1, 1200))


def _leaves(count: int) -> list[bytes]:
    return [merkle.leaf_hash(b"%d" % number) for number in range(count)]


def _by_definition(leaves: Sequence[bytes]) -> bytes:
    """RFC 6962 section 2.1, word for word, over leaf hashes."""
    if len(leaves) <= 1:
        return leaves[0] if leaves else sha256(b"").digest()
    split = 1
    while split * 2 < len(leaves):
        split *= 2
    return sha256(b"\1" + _by_definition(leaves[:split]) + _by_definition(leaves[split:])).digest()


class InMemory:
    def __init__(self, leaves: Sequence[bytes]) -> None:
        self.leaves = leaves

    def node(self, level: int, index: int) -> bytes:
        held = self.leaves[index << level : (index + 1) << level]
        return merkle.subtree_root(held)


@pytest.mark.parametrize("size", range(9))
def test_the_reference_trees_roots(size: int) -> None:
    assert merkle.root(KNOWN_LEAVES[:size]) == KNOWN_ROOTS[size]
    assert merkle.root_at(InMemory(KNOWN_LEAVES), size) == KNOWN_ROOTS[size]
    frontier = merkle.Frontier()
    for leaf in KNOWN_LEAVES[:size]:
        frontier.append(leaf)
    assert frontier.root() == KNOWN_ROOTS[size]
    assert frontier.size == size


@pytest.mark.parametrize("case", KNOWN["inclusion"], ids=lambda case: f"{case['index']}-of-{case['size']}")
def test_the_reference_trees_inclusion_proofs(case: dict) -> None:
    proof = merkle.inclusion_proof(InMemory(KNOWN_LEAVES), case["index"], case["size"])
    assert [each.hex() for each in proof] == case["proof"]
    merkle.verify_inclusion(KNOWN_LEAVES[case["index"]], case["index"], case["size"], proof, KNOWN_ROOTS[case["size"]])


@pytest.mark.parametrize("case", KNOWN["consistency"], ids=lambda case: f"{case['old']}-to-{case['new']}")
def test_the_reference_trees_consistency_proofs(case: dict) -> None:
    old, new = case["old"], case["new"]
    proof = merkle.consistency_proof(InMemory(KNOWN_LEAVES), old, new)
    assert [each.hex() for each in proof] == case["proof"]
    merkle.verify_consistency(old, KNOWN_ROOTS[old], new, KNOWN_ROOTS[new], proof)


@given(sizes)
@settings(max_examples=40, deadline=None)
def test_every_way_to_a_root_is_the_definition(size: int) -> None:
    leaves = _leaves(size)
    expected = _by_definition(leaves)
    assert merkle.root(leaves) == expected
    assert merkle.root_at(InMemory(leaves), size) == expected


@given(st.lists(st.integers(0, 300), max_size=6))
@settings(max_examples=60, deadline=None)
def test_a_frontier_grows_in_any_steps(steps: list[int]) -> None:
    leaves = _leaves(sum(steps))
    frontier, done = merkle.Frontier(), 0
    for step in steps:
        frontier.extend(leaves[done : done + step])
        done += step
        assert (frontier.size, frontier.root()) == (done, merkle.root(leaves[:done]))


@given(st.integers(0, 5), st.integers(0, 40), st.integers(0, 15))
@settings(max_examples=60, deadline=None)
def test_roots_of_equal_runs_give_the_root_of_all(level: int, runs: int, rest: int) -> None:
    width = 1 << level
    leaves = _leaves(runs * width + rest % width)
    parts = [merkle.root(leaves[at : at + width]) for at in range(0, len(leaves), width)]
    assert merkle.root(parts) == merkle.root(leaves)
    frontier = merkle.Frontier()
    for part in parts[:runs]:
        frontier.append_subtree(level, part)
    frontier.extend(leaves[runs * width :])
    assert frontier.root() == merkle.root(leaves)


def test_a_subtree_is_complete_and_begins_where_one_can() -> None:
    for count in (0, 3, 6):
        with pytest.raises(ValueError, match="power of two"):
            merkle.subtree_root(_leaves(count))
    frontier = merkle.Frontier()
    frontier.append(_leaves(1)[0])
    with pytest.raises(ValueError, match="multiple"):
        frontier.append_subtree(1, merkle.EMPTY_ROOT)


def test_nobody_proves_what_lies_outside() -> None:
    nodes = InMemory(_leaves(4))
    for index, size in ((4, 4), (-1, 4), (0, 0)):
        with pytest.raises(InvalidInput):
            merkle.inclusion_proof(nodes, index, size)
        with pytest.raises(IntegrityError):
            merkle.verify_inclusion(nodes.leaves[0], index, size, [], nodes.leaves[0])
    for old, new in ((5, 4), (-1, 4)):
        with pytest.raises(InvalidInput):
            merkle.consistency_proof(nodes, old, new)
        with pytest.raises(IntegrityError):
            merkle.verify_consistency(old, merkle.EMPTY_ROOT, new, merkle.EMPTY_ROOT, [])


Damage = Callable[[list[bytes]], list[bytes]]


@st.composite
def damaged(draw: st.DrawFn, proof: list[bytes]) -> list[bytes]:
    """The proof with a bit flipped, or a hash cut, added, removed or exchanged; never the proof itself."""
    wrong = list(proof)
    kind = draw(st.sampled_from(["add", "flip", "cut", "remove", "swap"]))
    at = draw(st.integers(0, max(0, len(proof) - 1)))
    if kind == "add" or not proof:
        wrong.insert(at, draw(st.sampled_from([*proof, bytes(32), draw(st.binary(min_size=32, max_size=32))])))
    elif kind == "flip":
        byte = draw(st.integers(0, 31))
        wrong[at] = wrong[at][:byte] + bytes([wrong[at][byte] ^ draw(st.integers(1, 255))]) + wrong[at][byte + 1 :]
    elif kind == "cut":
        wrong[at] = wrong[at][: draw(st.integers(0, 31))]
    elif kind == "remove":
        del wrong[at]
    else:
        wrong = wrong[::-1] if len(wrong) > 1 else [*wrong, *wrong]
    return wrong


@given(st.data(), sizes)
@settings(max_examples=150, deadline=None)
def test_inclusion_of_that_leaf_at_that_place_alone(data: st.DataObject, size: int) -> None:
    leaves = _leaves(size)
    index = data.draw(st.integers(0, size - 1))
    proof = merkle.inclusion_proof(InMemory(leaves), index, size)
    root = merkle.root(leaves)
    merkle.verify_inclusion(leaves[index], index, size, proof, root)

    wrong = data.draw(damaged(proof))
    other = data.draw(st.integers(0, size + 2).filter(lambda each: each != index))
    for leaf, at, within, hashes, against in (
        (leaves[index], index, size, wrong, root),
        (leaves[index], other, size, proof, root),
        (merkle.leaf_hash(b"another"), index, size, proof, root),
        (leaves[index], index, size, proof, merkle.leaf_hash(b"another")),
        (b"", index, size, proof, root),
    ):
        with pytest.raises(IntegrityError):
            merkle.verify_inclusion(leaf, at, within, hashes, against)


@given(st.data(), sizes)
@settings(max_examples=150, deadline=None)
def test_consistency_of_those_trees_alone(data: st.DataObject, new: int) -> None:
    leaves = _leaves(new)
    old = data.draw(st.integers(0, new))
    proof = merkle.consistency_proof(InMemory(leaves), old, new)
    old_root, new_root = merkle.root(leaves[:old]), merkle.root(leaves)
    merkle.verify_consistency(old, old_root, new, new_root, proof)

    wrong = data.draw(damaged(proof))
    forged = merkle.leaf_hash(b"another")
    attempts = [(old, old_root, new, new_root, wrong), (old, forged, new, new_root, proof)]
    if old:
        attempts += [(old, old_root, new, forged, proof), (old - 1, old_root, new, new_root, proof)]
    for attempt in attempts:
        with pytest.raises(IntegrityError):
            merkle.verify_consistency(*attempt)


@given(st.integers(2, 400), st.data())
@settings(max_examples=60, deadline=None)
def test_a_rewritten_past_is_never_consistent(size: int, data: st.DataObject) -> None:
    leaves = _leaves(size)
    old = data.draw(st.integers(1, size))
    altered = list(leaves)
    altered[data.draw(st.integers(0, old - 1))] = merkle.leaf_hash(b"rewritten")
    proof = merkle.consistency_proof(InMemory(altered), old, size)
    with pytest.raises(IntegrityError):
        merkle.verify_consistency(old, merkle.root(leaves[:old]), size, merkle.root(altered), proof)
