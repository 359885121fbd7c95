"""Make log.json: what readers in other languages check themselves against, and forgeries named after the attack.

``python -m tests.vectors.audit.log.make_log`` rewrites the file. Keys are fixed here (Ed25519 signs deterministically),
so that a test can hold the file equal to what the code makes: a change of a format can't pass unseen.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import replace
from hashlib import sha256
from pathlib import Path
from typing import Any

from phivault.audit.log import checkpoint, merkle, note, proof, tiles
from tests.support.log_signer import LocalSigner

FILE = Path(__file__).with_name("log.json")

ORIGIN, WITNESS_NAME, WITNESSED_AT = "phivault.example/log", "phivault.example/witness", 1_767_225_600
LOG, WITNESS, STRANGER = LocalSigner("log"), LocalSigner("witness"), LocalSigner("stranger")
SIZES = (1, 2, 3, 7, 8, 255, 256, 257, 300)
LINES = [json.dumps({"n": number}, separators=(",", ":")).encode() for number in range(max(SIZES))]
LEAVES = merkle.leaf_hashes(LINES)
TREE = tiles.grow({}.__getitem__, 0, LINES)
NODES = tiles.TileNodes(dict(TREE.files).__getitem__, TREE.size)


def _note(origin: str = ORIGIN, size: int = TREE.size, root: bytes = TREE.root, log: LocalSigner = LOG) -> note.Note:
    text = checkpoint.Checkpoint(origin, size, root).text()
    return note.Note(text, (note.sign(text, origin, log), note.cosign(text, WITNESS_NAME, WITNESS, WITNESSED_AT)))


def _flipped(signature: note.Signature) -> note.Signature:
    return replace(signature, body=signature.body[:-1] + bytes([signature.body[-1] ^ 1]))


def _trees() -> Iterator[dict[str, Any]]:
    for size in SIZES:
        growth = tiles.grow({}.__getitem__, 0, LINES[:size])
        files = {path: sha256(body).hexdigest() for path, body in sorted(growth.files)}
        yield {"size": size, "root": growth.root.hex(), "files": files}


def _inclusion() -> Iterator[dict[str, Any]]:
    for index, size in (
        (0, 1),
        (2, 3),
        (0, 7),
        (6, 7),
        (5, 8),
        (254, 255),
        (0, 256),
        (256, 257),
        (77, 300),
        (299, 300),
    ):
        hashes = merkle.inclusion_proof(NODES, index, size)
        yield {"index": index, "size": size, "proof": [each.hex() for each in hashes]}


def _consistency() -> Iterator[dict[str, Any]]:
    for old, new in ((0, 7), (1, 2), (2, 3), (3, 7), (6, 8), (7, 7), (8, 255), (255, 256), (256, 257), (255, 300)):
        hashes = merkle.consistency_proof(NODES, old, new)
        yield {"old": old, "new": new, "proof": [each.hex() for each in hashes]}


def _checkpoints() -> dict[str, bytes]:
    """Refused by whoever demands the log's key and the witness's."""
    good = _note()
    signed, cosigned = good.signatures
    body = good.encode()
    bare = replace(signed, body=LOG.sign(b"cosignature/v1\ntime 1767225600\n" + good.text.encode()))
    padded = good.text.replace(f"\n{TREE.size}\n", f"\n0{TREE.size}\n")
    return {
        "unwitnessed": replace(good, signatures=(signed,)).encode(),
        "unsigned-by-the-log": replace(good, signatures=(cosigned,)).encode(),
        "signed-by-another-key": replace(good, signatures=(note.sign(good.text, ORIGIN, STRANGER), cosigned)).encode(),
        "log-signature-altered": replace(good, signatures=(_flipped(signed), cosigned)).encode(),
        "cosignature-altered": replace(good, signatures=(signed, _flipped(cosigned))).encode(),
        "cosignature-of-another-time": replace(
            good, signatures=(signed, replace(cosigned, body=(WITNESSED_AT + 1).to_bytes(8) + cosigned.body[8:]))
        ).encode(),
        "cosignature-posing-as-signature": replace(good, signatures=(bare, cosigned)).encode(),
        "size-altered": body.replace(b"\n300\n", b"\n299\n"),
        "origin-of-another-log": _signed_text(f"phivault.example/other{good.text.removeprefix(ORIGIN)}"),
        "leading-zero": _signed_text(padded),
        "extension-line": _signed_text(good.text + "extension\n"),
        "short-root": _signed_text(f"{ORIGIN}\n300\nAAAA\n"),
        "two-signatures-of-one-key": body.replace(signed.line().encode(), signed.line().encode() * 2),
        "carriage-returns": body.replace(b"\n", b"\r\n"),
        "without-final-newline": body[:-1],
        "text-after-the-signatures": body + b"more\n",
    }


def _signed_text(text: str) -> bytes:
    signatures = (note.sign(text, ORIGIN, LOG), note.cosign(text, WITNESS_NAME, WITNESS, WITNESSED_AT))
    return note.Note(text, signatures).encode()


def _proof(index: int, extra: bytes = b"") -> proof.Proof:
    return proof.Proof(index, tuple(merkle.inclusion_proof(NODES, index, TREE.size)), _note().encode(), extra)


def _proofs() -> dict[str, bytes]:
    """None of them proves line 77."""
    good = _proof(77)
    body = good.encode()
    return {
        "of-another-line": _proof(78).encode(),
        "index-of-another-line": replace(good, index=78).encode(),
        "index-outside-of-the-tree": replace(good, index=300).encode(),
        "hash-removed": replace(good, hashes=good.hashes[1:]).encode(),
        "hash-added": replace(good, hashes=(*good.hashes, bytes(32))).encode(),
        "hashes-reversed": replace(good, hashes=good.hashes[::-1]).encode(),
        "checkpoint-of-another-size": replace(
            good, checkpoint_note=_note(size=255, root=merkle.root(LEAVES[:255])).encode()
        ).encode(),
        "checkpoint-by-another-key": replace(good, checkpoint_note=_note(log=STRANGER).encode()).encode(),
        "checkpoint-unwitnessed": replace(good, checkpoint_note=_checkpoints()["unwitnessed"]).encode(),
        "leading-zero": body.replace(b"index 77\n", b"index 077\n"),
        "another-version": body.replace(b"proof@v1", b"proof@v2"),
        "empty-extra": body.replace(b"index", b"extra \nindex"),
    }


def make() -> str:
    vectors = {
        "comment": 'Lines are {"n":0} to {"n":299}. Hashes are hex; files are SHA-256 of their bytes; notes and proofs '
        "are text. Invalid ones are refused by a reader that holds both keys and asks for the witness.",
        "log_vkey": note.log_vkey(ORIGIN, LOG.public_key),
        "witness_vkey": note.witness_vkey(WITNESS_NAME, WITNESS.public_key),
        "leaf_hashes": {str(index): LEAVES[index].hex() for index in (0, 1, 77, 299)},
        "trees": list(_trees()),
        "inclusion": list(_inclusion()),
        "consistency": list(_consistency()),
        "checkpoint": {
            "note": _note().encode().decode(), "origin": ORIGIN, "size": TREE.size, "root": TREE.root.hex(),
            "witnessed_at": WITNESSED_AT,
        },
        "invalid_checkpoints": [{"name": name, "note": body.decode()} for name, body in _checkpoints().items()],
        "proofs": [
            {"index": 77, "extra": "", "proof": _proof(77).encode().decode()},
            {"index": 299, "extra": b"shown".hex(), "proof": _proof(299, b"shown").encode().decode()},
        ],
        "invalid_proofs": [{"name": name, "proof": body.decode()} for name, body in _proofs().items()],
    }  # fmt: skip
    return json.dumps(vectors, indent=1, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    FILE.write_text(make(), "utf-8")
