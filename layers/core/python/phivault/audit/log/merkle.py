"""The Merkle tree of RFC 6962 section 2.1 (the same as RFC 9162 section 2.1) over SHA-256: roots, inclusion proofs and
consistency proofs. No IO. A hash is 32 bytes; a leaf is one stored line without its newline.

A node ``(level, index)`` is the hash over the complete subtree of ``2**level`` leaves that begins at leaf
``index * 2**level``. Whatever is made here from stored nodes is only as good as those: a proof is believed once it
verifies against the root of a checkpoint.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from hashlib import sha256
from typing import Final, Protocol

from phivault.errors import IntegrityError, InvalidInput

HASH_SIZE: Final = 32
EMPTY_ROOT: Final = sha256().digest()


class Nodes(Protocol):
    """The nodes of a tree. Obligations: ``node`` answers the hash over the complete subtree of ``2**level`` leaves
    at ``index``; it is asked for complete subtrees alone. Raises IntegrityError, NotFound, Unavailable."""

    def node(self, level: int, index: int) -> bytes: ...


def leaf_hash(line: bytes) -> bytes:
    return sha256(b"\0" + line).digest()


def leaf_hashes(lines: Iterable[bytes]) -> list[bytes]:
    """``leaf_hash`` of each line; about 1.3 million of 600 bytes a second."""
    return [sha256(b"\0" + line).digest() for line in lines]


def node_hash(left: bytes, right: bytes) -> bytes:
    return sha256(b"\1" + left + right).digest()


def root(hashes: Sequence[bytes]) -> bytes:
    """The root over leaf hashes, or over the roots of equal, complete, power-of-two subtrees in order, the last of
    which may be the root of fewer leaves: pairing level by level and passing an odd last one up is RFC 6962's split
    at the largest power of two."""
    if not hashes:
        return EMPTY_ROOT
    level = hashes
    while len(level) > 1:
        pairs = iter(level)
        above = [sha256(b"\1" + left + right).digest() for left, right in zip(pairs, pairs, strict=False)]
        if len(level) % 2:
            above.append(level[-1])
        level = above
    return level[0]


def subtree_root(hashes: Sequence[bytes]) -> bytes:
    """The root of a complete subtree: ``root`` of ``2**k`` hashes. Raises ValueError for another number."""
    if not hashes or len(hashes) & (len(hashes) - 1):
        raise ValueError("a complete subtree has a power of two of leaves")
    return root(hashes)


class Frontier:
    """The compact range [0, size): the roots of the complete subtrees that make up the tree, largest first."""

    def __init__(self) -> None:
        self.size = 0
        self._roots: list[bytes] = []

    def append(self, leaf: bytes) -> None:
        self.append_subtree(0, leaf)

    def append_subtree(self, level: int, subtree: bytes) -> None:
        """Adds a complete subtree of ``2**level`` leaves. Raises ValueError where the size isn't a multiple of that."""
        if self.size % (1 << level):
            raise ValueError("a subtree begins at a multiple of its size")
        carried, height = subtree, level
        while self.size >> height & 1:
            carried = node_hash(self._roots.pop(), carried)
            height += 1
        self._roots.append(carried)
        self.size += 1 << level

    def extend(self, leaves: Sequence[bytes]) -> None:
        """Adds leaf hashes, in runs that are complete subtrees."""
        start = 0
        while start < len(leaves):
            level = (len(leaves) - start).bit_length() - 1
            if self.size:
                level = min(level, (self.size & -self.size).bit_length() - 1)
            self.append_subtree(level, root(leaves[start : start + (1 << level)]))
            start += 1 << level

    def root(self) -> bytes:
        if not self._roots:
            return EMPTY_ROOT
        folded = self._roots[-1]
        for left in reversed(self._roots[:-1]):
            folded = node_hash(left, folded)
        return folded


def root_at(nodes: Nodes, size: int) -> bytes:
    """The root of the tree of the first ``size`` leaves."""
    return _range_root(nodes, 0, size) if size else EMPTY_ROOT


def inclusion_proof(nodes: Nodes, index: int, size: int) -> list[bytes]:
    """The hashes beside the path from leaf ``index`` to the root of the tree of ``size``, lowest first (RFC 6962
    section 2.1.1). Raises InvalidInput for a leaf outside of the tree."""
    if not 0 <= index < size:
        raise InvalidInput("the leaf lies outside of the tree")
    proof: list[bytes] = []
    start, end = 0, size
    while end - start > 1:
        middle = start + _split(end - start)
        if index < middle:
            proof.append(_range_root(nodes, middle, end))
            end = middle
        else:
            proof.append(_range_root(nodes, start, middle))
            start = middle
    return proof[::-1]


def consistency_proof(nodes: Nodes, old: int, new: int) -> list[bytes]:
    """The hashes that show the tree of ``old`` leaves to be a prefix of that of ``new`` (RFC 6962 section 2.1.2);
    none where ``old`` is 0 or ``new``. Raises InvalidInput where ``old`` is beyond ``new``."""
    if not 0 <= old <= new:
        raise InvalidInput("the older tree is larger than the newer")
    if old in (0, new):
        return []
    proof: list[bytes] = []
    start, end = 0, new
    while old != end:
        middle = start + _split(end - start)
        if old <= middle:
            proof.append(_range_root(nodes, middle, end))
            end = middle
        else:
            proof.append(_range_root(nodes, start, middle))
            start = middle
    if start:  # else this part is the whole old tree, whose root the verifier has
        proof.append(_range_root(nodes, start, end))
    return proof[::-1]


def verify_inclusion(leaf: bytes, index: int, size: int, proof: Sequence[bytes], root: bytes) -> None:
    """RFC 9162 section 2.1.3.2. ``leaf`` is the leaf's hash. Raises IntegrityError."""
    if not 0 <= index < size:
        raise IntegrityError("the leaf lies outside of the tree")
    _check_hashes(leaf, root, *proof)
    position, last, folded = index, size - 1, leaf
    for sibling in proof:
        if last == 0:
            raise IntegrityError("the inclusion proof is too long")
        if position & 1 or position == last:
            folded = node_hash(sibling, folded)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            folded = node_hash(folded, sibling)
        position, last = position >> 1, last >> 1
    if last:
        raise IntegrityError("the inclusion proof is too short")
    if folded != root:
        raise IntegrityError("the inclusion proof doesn't lead to the root")


def verify_consistency(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    """RFC 9162 section 2.1.4.2, and an empty proof from the empty tree and between equal ones. Raises
    IntegrityError."""
    if not 0 <= old <= new:
        raise IntegrityError("the older tree is larger than the newer")
    _check_hashes(old_root, new_root, *proof)
    if old == 0 and old_root != EMPTY_ROOT:
        raise IntegrityError("the root of the empty tree is wrong")
    if old == new and old_root != new_root:
        raise IntegrityError("two trees of one size have different roots")
    if old in (0, new):
        if proof:
            raise IntegrityError("the consistency proof is too long")
        return
    _verify_growth(old, old_root, new, new_root, proof)


def _verify_growth(old: int, old_root: bytes, new: int, new_root: bytes, proof: Sequence[bytes]) -> None:
    hashes = list(proof) if old & (old - 1) else [old_root, *proof]
    if not hashes:
        raise IntegrityError("the consistency proof is too short")
    position, last = old - 1, new - 1
    while position & 1:
        position, last = position >> 1, last >> 1
    older = newer = hashes[0]
    for sibling in hashes[1:]:
        if last == 0:
            raise IntegrityError("the consistency proof is too long")
        if position & 1 or position == last:
            older, newer = node_hash(sibling, older), node_hash(sibling, newer)
            while not position & 1 and position:
                position, last = position >> 1, last >> 1
        else:
            newer = node_hash(newer, sibling)
        position, last = position >> 1, last >> 1
    if last:
        raise IntegrityError("the consistency proof is too short")
    if older != old_root:
        raise IntegrityError("the consistency proof doesn't lead to the older root")
    if newer != new_root:
        raise IntegrityError("the consistency proof doesn't lead to the newer root")


def _check_hashes(*hashes: bytes) -> None:
    if any(len(each) != HASH_SIZE for each in hashes):
        raise IntegrityError("a hash isn't 32 bytes long")


def _split(count: int) -> int:
    """The largest power of two below ``count``."""
    return 1 << ((count - 1).bit_length() - 1)


def _range_root(nodes: Nodes, start: int, end: int) -> bytes:
    """The root over leaves [start, end), where ``start`` is a multiple of the smallest power of two that spans it."""
    subtrees: list[bytes] = []
    while start < end:
        level = (end - start).bit_length() - 1
        subtrees.append(nodes.node(level, start >> level))
        start += 1 << level
    folded = subtrees.pop()
    while subtrees:
        folded = node_hash(subtrees.pop(), folded)
    return folded
