from __future__ import annotations

from dataclasses import replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phivault.audit.log import checkpoint, merkle, note, proof, tiles
from phivault.errors import IntegrityError
from tests.support.log_signer import LocalSigner

LOG, WITNESS = LocalSigner("log"), LocalSigner("witness")
LOG_KEY = note.VerifierKey("example.org/log", note.ED25519, LOG.public_key)
WITNESS_KEY = note.VerifierKey("example.org/witness", note.COSIGNATURE, WITNESS.public_key)
LINES = [b'{"n":%d}' % number for number in range(300)]


def _proof(index: int, lines: list[bytes] = LINES, *, witnessed: bool = True, extra: bytes = b"") -> proof.Proof:
    grown = tiles.grow({}.__getitem__, 0, lines)
    nodes = tiles.TileNodes(dict(grown.files).__getitem__, grown.size)
    text = checkpoint.Checkpoint(LOG_KEY.name, grown.size, grown.root).text()
    signatures = [note.sign(text, LOG_KEY.name, LOG)]
    if witnessed:
        signatures.append(note.cosign(text, WITNESS_KEY.name, WITNESS, 1_700_000_000))
    hashes = tuple(merkle.inclusion_proof(nodes, index, grown.size))
    return proof.Proof(index, hashes, note.Note(text, tuple(signatures)).encode(), extra)


PROOF = _proof(77, extra=b"where it stood")
BODY = PROOF.encode()


@pytest.mark.parametrize("index", [0, 255, 256, 299])
def test_a_proof_proves_its_line(index: int) -> None:
    read = proof.parse(_proof(index).encode())
    verified = read.verify(LINES[index], LOG_KEY, WITNESS_KEY)
    assert (verified.checkpoint.size, verified.witnessed_at) == (300, 1_700_000_000)


def test_a_proof_comes_back_as_it_was() -> None:
    assert proof.parse(BODY) == PROOF
    bare = replace(PROOF, extra=b"")
    assert proof.parse(bare.encode()) == bare
    assert b"extra" not in bare.encode()


def test_the_only_line_of_a_log_needs_no_hashes() -> None:
    single = _proof(0, [b"only"])
    assert single.hashes == ()
    assert proof.parse(single.encode()) == single
    single.verify(b"only", LOG_KEY, WITNESS_KEY)


def test_a_proof_proves_nothing_else() -> None:
    for line, wrong in (
        (LINES[78], PROOF),
        (LINES[77] + b"\n", PROOF),
        (LINES[77], replace(PROOF, index=78)),
        (LINES[77], replace(PROOF, index=300)),
        (LINES[77], replace(PROOF, hashes=PROOF.hashes[:-1])),
        (LINES[77], replace(PROOF, hashes=(*PROOF.hashes, bytes(32)))),
        (LINES[77], replace(PROOF, checkpoint_note=_proof(77, LINES[:299]).checkpoint_note)),
    ):
        with pytest.raises(IntegrityError):
            wrong.verify(line, LOG_KEY, WITNESS_KEY)


def test_a_witness_that_is_asked_for_must_have_signed() -> None:
    unwitnessed = _proof(77, witnessed=False)
    unwitnessed.verify(LINES[77], LOG_KEY)
    with pytest.raises(IntegrityError, match="isn't witnessed"):
        unwitnessed.verify(LINES[77], LOG_KEY, WITNESS_KEY)


def test_a_tree_node_is_not_a_line() -> None:
    """Leaves and nodes hash apart, so the two hashes under a node are no entry of a smaller tree."""
    lines = [b"a", b"b"]
    inner = b"".join(merkle.leaf_hashes(lines))
    posed = replace(_proof(0, lines), hashes=())
    with pytest.raises(IntegrityError):
        posed.verify(inner, LOG_KEY, WITNESS_KEY)


HEAD, _, REST = BODY.partition(b"\n\n")
NAME, EXTRA, INDEX, *HASHES = HEAD.split(b"\n")


def _put(*lines: bytes) -> bytes:
    return b"\n".join(lines) + b"\n\n" + REST


MALFORMED = {
    "empty": b"",
    "head-alone": HEAD + b"\n",
    "another-version": _put(NAME.replace(b"v1", b"v2"), EXTRA, INDEX, *HASHES),
    "no-index": _put(NAME, EXTRA, *HASHES),
    "index-before-extra": _put(NAME, INDEX, EXTRA, *HASHES),
    "extra-twice": _put(NAME, EXTRA, EXTRA, INDEX, *HASHES),
    "empty-extra": _put(NAME, b"extra ", INDEX, *HASHES),
    "leading-zero": _put(NAME, b"index 077", *HASHES),
    "negative": _put(NAME, b"index -1", *HASHES),
    "index-without-number": _put(NAME, b"index", *HASHES),
    "non-ascii-digit": _put(NAME, "index ٧".encode(), *HASHES),
    "short-hash": _put(NAME, INDEX, b"AAAA"),
    "unpadded-hash": _put(NAME, INDEX, HASHES[0].rstrip(b"=")),
    "64-hashes": _put(NAME, INDEX, *HASHES[:1] * 64),
    "carriage-return": BODY.replace(b"\n", b"\r\n", 1),
    "oversized": BODY + b"x" * 2_000_000,
}


@pytest.mark.parametrize("name", MALFORMED)
def test_malformed_proofs_are_refused(name: str) -> None:
    with pytest.raises(IntegrityError):
        proof.parse(MALFORMED[name])


@given(st.binary(max_size=200))
def test_hostile_bytes_end_in_our_error(body: bytes) -> None:
    for hostile in (body, NAME + b"\n" + body, NAME + b"\nindex 1\n\n" + body):
        try:
            read = proof.parse(hostile)
        except IntegrityError:
            continue
        assert read.encode() == hostile
        with pytest.raises(IntegrityError):
            read.verify(LINES[77], LOG_KEY, WITNESS_KEY)


@given(st.integers(0, len(BODY) - 1), st.integers(1, 255))
@settings(max_examples=300, deadline=None)
def test_one_byte_changed_anywhere_is_noticed(at: int, flip: int) -> None:
    """But for the extra data, which nothing authenticates, and for a signature that now looks a stranger's."""
    edited = BODY[:at] + bytes([BODY[at] ^ flip]) + BODY[at + 1 :]
    try:
        read = proof.parse(edited)
        read.verify(LINES[77], LOG_KEY, WITNESS_KEY)
    except IntegrityError:
        return
    assert replace(read, extra=PROOF.extra) == PROOF
