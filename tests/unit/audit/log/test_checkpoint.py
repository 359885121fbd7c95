from __future__ import annotations

import base64

import aics_tlog
import pytest
from hypothesis import given
from hypothesis import strategies as st

from phivault.audit.log import checkpoint, note
from phivault.audit.log.merkle import EMPTY_ROOT, leaf_hash
from phivault.errors import IntegrityError, InvalidInput
from tests.support.log_signer import LocalSigner

LOG, WITNESS = LocalSigner("log"), LocalSigner("witness")
ORIGIN, NAME = "example.org/log", "example.org/witness"
LOG_KEY = note.VerifierKey(ORIGIN, note.ED25519, LOG.public_key)
WITNESS_KEY = note.VerifierKey(NAME, note.COSIGNATURE, WITNESS.public_key)
CHECKPOINT = checkpoint.Checkpoint(ORIGIN, 7, leaf_hash(b"x"))
TEXT = CHECKPOINT.text()
SIGNED = note.sign(TEXT, ORIGIN, LOG)
COSIGNED = note.cosign(TEXT, NAME, WITNESS, 1_700_000_000)
ROOT = TEXT.split("\n")[2]


def test_a_checkpoint_comes_back_as_it_was() -> None:
    assert checkpoint.parse(TEXT) == CHECKPOINT
    empty = checkpoint.Checkpoint(ORIGIN, 0, EMPTY_ROOT)
    assert checkpoint.parse(empty.text()) == empty


def test_the_witness_gives_it_a_time() -> None:
    both = note.Note(TEXT, (SIGNED, COSIGNED)).encode()
    alone = note.Note(TEXT, (SIGNED,)).encode()
    assert checkpoint.verify(both, LOG_KEY, WITNESS_KEY) == checkpoint.VerifiedCheckpoint(CHECKPOINT, 1_700_000_000)
    assert checkpoint.verify(both, LOG_KEY).witnessed_at is None
    assert checkpoint.verify(alone, LOG_KEY, WITNESS_KEY).witnessed_at is None


def test_the_log_itself_must_have_signed() -> None:
    with pytest.raises(IntegrityError, match="isn't signed by the log"):
        checkpoint.verify(note.Note(TEXT, (COSIGNED,)).encode(), LOG_KEY, WITNESS_KEY)
    by_another = note.sign(TEXT, ORIGIN, LocalSigner("another"))
    with pytest.raises(IntegrityError):
        checkpoint.verify(note.Note(TEXT, (by_another, COSIGNED)).encode(), LOG_KEY)


def test_a_false_cosignature_is_not_an_absent_one() -> None:
    forged = note.Signature(NAME, WITNESS_KEY.key_id, COSIGNED.body[:-1] + bytes([COSIGNED.body[-1] ^ 1]))
    with pytest.raises(IntegrityError):
        checkpoint.verify(note.Note(TEXT, (SIGNED, forged)).encode(), LOG_KEY, WITNESS_KEY)


def test_the_origin_is_the_keys_name() -> None:
    other = checkpoint.Checkpoint("example.org/other", 7, leaf_hash(b"x")).text()
    signed = note.Note(other, (note.sign(other, ORIGIN, LOG),)).encode()
    with pytest.raises(IntegrityError, match="of another log"):
        checkpoint.verify(signed, LOG_KEY)


def test_keys_in_the_wrong_role_are_refused() -> None:
    body = note.Note(TEXT, (SIGNED, COSIGNED)).encode()
    same = note.VerifierKey(NAME, note.COSIGNATURE, LOG.public_key)
    for log_key, witness_key in ((WITNESS_KEY, None), (LOG_KEY, LOG_KEY), (LOG_KEY, same)):
        with pytest.raises(InvalidInput):
            checkpoint.verify(body, log_key, witness_key)


@pytest.mark.parametrize(
    "text",
    [
        "", ORIGIN, f"{ORIGIN}\n7\n", f"{ORIGIN}\n7\n{ROOT}", f"\n7\n{ROOT}\n", f"{ORIGIN}\n7\n{ROOT}\n\n",
        f"{ORIGIN}\n7\n{ROOT}\nextension\n", f"{ORIGIN}\n07\n{ROOT}\n", f"{ORIGIN}\n+7\n{ROOT}\n",
        f"{ORIGIN}\n-7\n{ROOT}\n", f"{ORIGIN}\n 7\n{ROOT}\n", f"{ORIGIN}\n7_0\n{ROOT}\n", f"{ORIGIN}\n٧\n{ROOT}\n",
        f"{ORIGIN}\n{2**63}\n{ROOT}\n", f"{ORIGIN}\n{'9' * 5000}\n{ROOT}\n", f"{ORIGIN}\n7\n{ROOT[:-1]}\n",
        f"{ORIGIN}\n7\n{ROOT[:-2]}{chr(ord(ROOT[-2]) + 1)}=\n", f"{ORIGIN}\n7\n{ROOT} \n", f"{ORIGIN}\n7\nAAAA\n",
        f"{ORIGIN}\n0\n{ROOT}\n", f"a b\n7\n{ROOT}\n", f"a+b\n7\n{ROOT}\n", f"{ORIGIN}\r\n7\n{ROOT}\n",
    ],
)  # fmt: skip
def test_other_spellings_are_refused(text: str) -> None:
    with pytest.raises(IntegrityError):
        checkpoint.parse(text)


@given(
    st.lists(st.sampled_from(["a.b/c", "0", "7", "07", ROOT, base64.b64encode(EMPTY_ROOT).decode(), ""]), max_size=6)
)
def test_an_accepted_checkpoint_is_its_only_spelling(lines: list[str]) -> None:
    text = "".join(f"{line}\n" for line in lines)
    try:
        read = checkpoint.parse(text)
    except IntegrityError:
        return
    assert read.text() == text


def test_another_implementation_opens_it_with_its_witness() -> None:
    opened = aics_tlog.verify_checkpoint(
        aics_tlog.parse_note(note.Note(TEXT, (SIGNED, COSIGNED)).encode()),
        aics_tlog.parse_vkey(LOG_KEY.vkey),
        [aics_tlog.parse_vkey(WITNESS_KEY.vkey)],
        1,
        expected_origin=ORIGIN,
    )
    assert opened.ok
    assert opened.size == 7


def test_a_cosignature_of_another_implementation_is_ours() -> None:
    _, line = aics_tlog.sign_cosignature(WITNESS.private_key, NAME, 1_700_000_000, ORIGIN, 7, CHECKPOINT.root)
    assert note.Signature(line.name, line.key_id, line.signature) == COSIGNED
