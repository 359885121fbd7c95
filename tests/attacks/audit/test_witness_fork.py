"""Whoever holds the log's key forks the log, rolls it back or rewrites it: no second cosignature is to be had."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from phivault.audit.log.checkpoint import Checkpoint
from phivault.audit.log.note import Note, Signature, VerifierKey, cosign, log_vkey, sign
from phivault.audit.log.witnessing import Answer, encode_request
from phivault.audit.witness import answer
from phivault.errors import Unavailable
from tests.support.log_signer import LocalSigner
from tests.support.witnessing import LOG, LOG_KEY, NAME, ORIGIN, WITNESS, Log, MemorySightings, a_witness

SEEN = 7


@pytest.fixture
def sightings() -> MemorySightings:
    """Of a witness that has seen the first lines of the honest log."""
    sightings = MemorySightings()
    assert Log().ask(a_witness(sightings), 0, SEEN).status == 200
    return sightings


def refused(sightings: MemorySightings, asked: Answer, status: int) -> None:
    assert asked.status == status
    assert NAME not in asked.body
    assert list(sightings.held) == [(ORIGIN, 0)]
    # and the honest log goes on
    assert Log().ask(a_witness(sightings), SEEN, 12).status == 200


@pytest.mark.parametrize("at", [0, 3, SEEN - 1])
@pytest.mark.parametrize("new", [SEEN + 1, 20])
def test_a_fork_before_what_was_witnessed(sightings: MemorySightings, at: int, new: int):
    refused(sightings, Log().forked(at).ask(a_witness(sightings), SEEN, new), 422)


def test_a_fork_with_the_honest_log_s_proof(sightings: MemorySightings):
    asked = a_witness(sightings).add_checkpoint(SEEN, Log().proof(SEEN, 20), Log().forked(3).note(20))
    refused(sightings, asked, 422)


def test_another_root_of_the_same_size(sightings: MemorySightings):
    refused(sightings, Log().forked(3).ask(a_witness(sightings), SEEN, SEEN), 409)


def test_a_rollback(sightings: MemorySightings):
    refused(sightings, Log().ask(a_witness(sightings), SEEN, 3), 400)


def test_a_rollback_that_forgets_what_was_witnessed(sightings: MemorySightings):
    for old, new in ((0, 3), (3, 3), (3, 5), (0, SEEN)):
        asked = Log().ask(a_witness(sightings), old, new)
        assert (asked.status, asked.body) == (409, f"{SEEN}\n")
    refused(sightings, Log().ask(a_witness(sightings), 0, 0), 409)


def test_a_fresh_start_with_other_lines(sightings: MemorySightings):
    refused(sightings, Log().forked(0).ask(a_witness(sightings), 0, 20), 409)


@pytest.mark.parametrize(
    "proof",
    [
        [],
        Log().proof(SEEN, 19),
        Log().proof(6, 20),
        [*Log().proof(SEEN, 20), bytes(32)],
        Log().proof(SEEN, 20)[:-1],
        list(reversed(Log().proof(SEEN, 20))),
        [bytes(32)] * 5,
    ],
)
def test_a_proof_that_does_not_hold(sightings: MemorySightings, proof: list[bytes]):
    refused(sightings, a_witness(sightings).add_checkpoint(SEEN, proof, Log().note(20)), 422)


def test_a_proof_where_none_belongs(sightings: MemorySightings):
    refused(sightings, a_witness(sightings).add_checkpoint(SEEN, [bytes(32)], Log().note(SEEN)), 422)
    fresh = MemorySightings()
    assert a_witness(fresh).add_checkpoint(0, [bytes(32)], Log().note(SEEN)).status == 422
    assert not fresh.held


@pytest.mark.parametrize("signer", [LocalSigner("somebody"), WITNESS])
def test_a_checkpoint_that_another_key_signed(sightings: MemorySightings, signer: LocalSigner):
    refused(sightings, Log(signer=signer).ask(a_witness(sightings), SEEN, 20), 403)


def test_another_s_signature_under_the_log_s_name_and_key_id(sightings: MemorySightings):
    text = Checkpoint(ORIGIN, 20, Log().root(20)).text()
    forged = Signature(ORIGIN, LOG_KEY.key_id, LocalSigner("somebody").sign(text.encode()))
    refused(sightings, a_witness(sightings).add_checkpoint(SEEN, [], Note(text, (forged,)).encode()), 403)


def test_a_signature_of_another_checkpoint(sightings: MemorySightings):
    text = Checkpoint(ORIGIN, 20, Log().forked(3).root(20)).text()
    moved = sign(Checkpoint(ORIGIN, 20, Log().root(20)).text(), ORIGIN, LOG)
    refused(sightings, a_witness(sightings).add_checkpoint(SEEN, [], Note(text, (moved,)).encode()), 403)


def test_the_witness_s_own_cosignature_alone(sightings: MemorySightings):
    text = Checkpoint(ORIGIN, 20, Log().root(20)).text()
    note = Note(text, (cosign(text, NAME, WITNESS, 1),)).encode()
    refused(sightings, a_witness(sightings).add_checkpoint(SEEN, Log().proof(SEEN, 20), note), 403)


def test_another_log_s_origin_under_the_log_s_key(sightings: MemorySightings):
    refused(sightings, Log(origin="log.example/south").ask(a_witness(sightings), 0, 20), 404)


def test_the_log_s_origin_signed_under_another_name(sightings: MemorySightings):
    text = Checkpoint(ORIGIN, 20, Log().root(20)).text()
    renamed = VerifierKey.parse(log_vkey("log.example/south", LOG.public_key))
    note = Note(text, (Signature(renamed.name, renamed.key_id, LOG.sign(text.encode())),)).encode()
    refused(sightings, a_witness(sightings).add_checkpoint(SEEN, Log().proof(SEEN, 20), note), 403)


def _with_text(text: str) -> bytes:
    return f"{text}\n{sign(text, ORIGIN, LOG).line()}".encode()


@pytest.mark.parametrize(
    "note",
    [
        b"",
        b"no note",
        Log().note(20)[:-1],
        Log().note(20).replace(b"\n20\n", b"\n020\n"),
        _with_text(f"{ORIGIN}\n20\n"),
        _with_text(f"{ORIGIN}\n-1\n{base64.b64encode(bytes(32)).decode()}\n"),
        _with_text(f"{ORIGIN}\n20\n{base64.b64encode(bytes(31)).decode()}\n"),
        _with_text(f"{ORIGIN}\n20\n{base64.b64encode(bytes(32)).decode()}\nan extension\n"),
    ],
)
def test_a_malformed_checkpoint(sightings: MemorySightings, note: bytes):
    refused(sightings, a_witness(sightings).add_checkpoint(SEEN, [], note), 400)


def test_an_oversized_request(sightings: MemorySightings):
    body = encode_request(SEEN, Log().proof(SEEN, 20), Log().note(20) + b"\n" * 20_000)
    refused(sightings, answer(a_witness(sightings), body), 400)


def test_two_branches_at_once_from_one_checkpoint(sightings: MemorySightings):
    """Each grows from what was witnessed, but not from the other; the second comes while the first is stored."""
    other = Log().forked(SEEN)
    inner: list[Answer] = []
    sightings.meanwhile = lambda: inner.append(other.ask(a_witness(sightings), SEEN, 15))
    outer = Log().ask(a_witness(sightings), SEEN, 20)
    assert inner[0].status == 200
    assert (outer.status, outer.body) == (409, "15\n")
    assert Log().ask(a_witness(sightings), 15, 20).status == 422
    assert other.ask(a_witness(sightings), 15, 20).status == 200


BRANCHES = [Log(), Log().forked(4), Log().forked(9)]
STEP = st.tuples(
    st.integers(0, 2),
    st.integers(0, 16),
    st.integers(0, 16),
    st.sampled_from(["", "", "before", "after"]),
    st.none() | st.tuples(st.integers(0, 2), st.integers(0, 16)),
)


@settings(max_examples=200, deadline=None)
@given(st.lists(STEP, max_size=12))
def test_whatever_is_cosigned_is_one_log(steps: list[tuple[int, int, int, str, tuple[int, int] | None]]):
    """Branches ask in any order, from any size, while others ask in between and the memory fails."""
    sightings = MemorySightings()
    cosigned: list[tuple[int, int]] = []

    def ask(branch: int, old: int, new: int) -> None:
        try:
            if old <= new and BRANCHES[branch].ask(a_witness(sightings), old, new).status == 200:
                cosigned.append((branch, new))
        except Unavailable:
            pass

    def seen() -> int:
        latest = sightings.latest(ORIGIN)
        return int(latest.note.split(b"\n")[1]) if latest else 0

    for branch, old, new, failure, between in steps:
        sightings.failures = [failure]
        if between:
            sightings.meanwhile = lambda asked=between: ask(asked[0], seen(), asked[1])
        ask(branch, old if old % 2 else seen(), new)
    assert any(all(one.root(size) == BRANCHES[branch].root(size) for branch, size in cosigned) for one in BRANCHES)
