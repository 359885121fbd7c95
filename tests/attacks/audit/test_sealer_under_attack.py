"""Attacks on the sealer by someone who may write to the head bucket, to the audit bucket's events, or to both: the log
never forks, never loses what it showed, and says what is wrong."""

from __future__ import annotations

import hashlib
import logging
import secrets
from dataclasses import replace

import pytest

from phivault.audit.log.checkpoint import Checkpoint, verify
from phivault.audit.log.merkle import EMPTY_ROOT
from phivault.audit.log.note import Note, cosign, parse, sign
from phivault.audit.log.witnessing import Answer
from phivault.audit.seal.staged import Staged
from phivault.errors import IntegrityError
from tests.support.sealing import ORIGIN, Chain, Key, Log


@pytest.fixture
def log() -> Log:
    made = Log()
    chain = Chain(made)
    for count in (300, 5):
        chain.put(count)
        made.sealer().seal()
        made.tick(hours=1)
    made.sealer().seal()
    yield made
    assert not made.witness.forks, "the witness was shown two roots of one size"


def refused(log: Log, match: str) -> None:
    Chain(log, secrets.token_hex(16)).put()
    with pytest.raises(IntegrityError, match=match):
        log.sealer().seal()


def test_checkpoint_deleted(log):
    log.buckets.note = None
    refused(log, "older than one that was witnessed")


def test_checkpoint_rolled_back(log):
    log.buckets.note = log.buckets.history[0]
    refused(log, "older than one that was witnessed")


def test_checkpoint_rolled_back_within_the_hour(log):
    """No locked checkpoint shows it, but the witness remembers, and what was published stays."""
    before, staging, partial = log.buckets.note, dict(log.buckets.staging), dict(log.buckets.partial)
    Chain(log, "0e" * 16).put(3)
    log.sealer().seal()
    log.buckets.note, log.buckets.staging, log.buckets.partial = before, staging, partial
    Chain(log, "0a" * 16).put(3)  # comes before what was sealed
    with pytest.raises(IntegrityError, match="witness refuses"):
        log.sealer().seal()
    log.witness.forks.clear()  # it was shown a larger tree, that is refused


def test_checkpoint_signed_by_another_key(log):
    text = parse(log.buckets.note).text
    log.buckets.note = Note(text, (sign(text, ORIGIN, Key()),)).encode()
    refused(log, "no signature of a known key")


def test_checkpoint_of_another_log_by_the_same_key(log):
    text = Checkpoint("other.example/log", 306, b"\1" * 32).text()
    log.buckets.note = Note(text, (sign(text, ORIGIN, log.key),)).encode()
    refused(log, "another log")


@pytest.mark.parametrize("bytes_", [b"", b"\xff", b"anything\n", b"x" * 2_000_000])
def test_checkpoint_of_anything(log, bytes_):
    log.buckets.note = bytes_
    with pytest.raises(IntegrityError):
        log.sealer().seal()


def test_forked_with_the_logs_own_key(log):
    """Signed by the stolen key, staged as it should be: the tiles don't give its root."""
    text = Checkpoint(ORIGIN, 308, b"\7" * 32).text()
    log.buckets.note = Note(text, (sign(text, ORIGIN, log.key),)).encode()
    (staged,) = log.buckets.staging.values()
    log.buckets.staging[f"308-{(bytes([7]) * 32).hex()}"] = staged
    refused(log, "isn't what was signed")


@pytest.mark.parametrize("name", ["tile/0/001.p/50", "tile/1/000.p/1", "tile/entries/001.p/50"])
def test_partial_tile_edited(log, name):
    assert name in log.buckets.partial
    body = log.buckets.partial[name]
    log.buckets.partial[name] = body[:-1] + bytes([body[-1] ^ 1])
    refused(log, "edge|bundle")


@pytest.mark.parametrize("by", ["nobody", "another key", "this log, for another checkpoint"])
def test_staged_progress_turned_back_would_seal_lines_twice(log, by):
    ((name, body),) = log.buckets.staging.items()
    staged = Staged.decode(body, name, log.log_key)
    turned = replace(staged, progress=replace(staged.progress, writers={}))
    if by == "nobody":
        log.buckets.staging[name] = body.replace(b'"writers": {', b'"writers": {}, "x": {')
    else:
        signer, named = (Key(), name) if by == "another key" else (log.key, "301-" + name[4:])
        log.buckets.staging[name] = turned.encode(named, ORIGIN, signer)
    refused(log, "signed|known key")


@pytest.mark.parametrize("body", [b"", b"{}", b"[]\n", b"\xff", b'{"v":2}\n', b'{"v":1,"files":[["x",9]]}\n', b"1\n"])
def test_staged_anything(log, body):
    (name,) = log.buckets.staging
    for unread in (body, body + b"\n\n\n" + body):
        log.buckets.staging[name] = unread
        refused(log, "note|signature")


@pytest.mark.parametrize("name", ["0-zz", "x", "1-" + "0" * 64, "999-" + "0" * 64, "../checkpoint"])
def test_stray_staging(log, name):
    log.buckets.staging[name] = b"anything"
    Chain(log, "cd" * 16).put()
    assert log.sealer().seal().witnessed


@pytest.mark.parametrize("status", [400, 403, 404, 422, 500])
def test_a_witness_that_refuses_stops_the_sealer(log, status, monkeypatch):
    monkeypatch.setattr(log.witness, "add_checkpoint", lambda old, proof, note: Answer(status, ""))
    refused(log, f"refuses the log's checkpoint .{status}")


@pytest.mark.parametrize("body", ["", "x", "-1\n", "01\n", "\u2014 test.example/witness AAAAAA==\n"])
@pytest.mark.parametrize("status", [200, 409])
def test_a_witness_that_answers_anything(log, status, body, monkeypatch):
    monkeypatch.setattr(log.witness, "add_checkpoint", lambda old, proof, note: Answer(status, body))
    Chain(log, "cd" * 16).put()
    with pytest.raises(IntegrityError):
        log.sealer().seal()


def test_a_witness_that_knows_another_root(log):
    log.witness.sizes[max(log.witness.sizes)] = b"\3" * 32
    log.tick(minutes=11)
    with pytest.raises(IntegrityError, match="another root"):
        log.sealer().seal()
    log.witness.forks.clear()  # of the test's own making


def test_a_witness_that_knows_more(log):
    log.witness.sizes[10_000] = b"\3" * 32
    refused(log, "larger log")


@pytest.mark.parametrize("stamp", [0, 1_772_634_600, 2**40, 2**63])
def test_a_planted_cosignature_is_never_locked_as_an_hours(log, stamp):
    note = parse(log.buckets.note)
    planted = replace(note.signatures[1], body=stamp.to_bytes(8) + b"\0" * 64)
    log.buckets.note = Note(note.text, (note.signatures[0], planted)).encode()
    hours = dict(log.buckets.hourly)
    log.tick(hours=1)
    refused(log, "known key|out of range")
    assert log.buckets.hourly == hours


def test_a_planted_cosignature_of_an_unknown_witness_counts_for_nothing(log):
    note = parse(log.buckets.note)
    planted = cosign(note.text, "other.example/witness", Key(), int(log.now().timestamp()))
    log.buckets.note = Note(note.text, (note.signatures[0], planted)).encode()
    assert log.sealer().seal().witnessed
    assert verify(log.buckets.note, log.log_key, log.witness_key).witnessed_at == int(log.now().timestamp())


def test_a_rogue_writer_takes_names_and_stops_nobody(log, caplog):
    honest = Chain(log, "aa" * 16)
    honest.put()
    log.sealer().seal()
    shard = hashlib.sha256(honest.writer.id.encode()).hexdigest()[:2]
    hour = f"{log.now():%Y/%m/%d/%H}"
    for sequence in ("ffffffff", "00000001", "00000000"):
        log.buckets.events[f"ev/{hour}/{shard}/{honest.writer.id}-{sequence}.json"] = (b"rogue\n", log.now())
    honest.put()
    with caplog.at_level(logging.ERROR):
        assert log.sealer().seal().sealed == 1
    assert "rogue" not in caplog.text


def test_an_empty_log_isnt_believed_after_all_was_deleted(log):
    """Head bucket and staging wiped: the locked hours remain."""
    log.buckets.note = None
    log.buckets.staging.clear()
    log.buckets.partial.clear()
    text = Checkpoint(ORIGIN, 0, EMPTY_ROOT).text()
    for note in (None, Note(text, (sign(text, ORIGIN, log.key),)).encode()):
        log.buckets.note = note
        refused(log, "older than one that was witnessed")
