"""The sealer on S3, DynamoDB and KMS as the stack has them; the witness is one in memory."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import pytest
from botocore.exceptions import ClientError

from functions.table import TABLE
from local.aws_resources import create_head_bucket, create_signing_key
from phivault.adapters import s3_log
from phivault.adapters.aws import client, error_code
from phivault.adapters.dynamodb_audit_index import DynamoDbAuditIndex
from phivault.adapters.kms_signer import KmsSigner
from phivault.adapters.last_checkpoint import LastCheckpoint
from phivault.adapters.s3_event_objects import MAX_OBJECT
from phivault.adapters.s3_events import S3Events
from phivault.adapters.s3_log import S3Log
from phivault.audit.canonical import MAX_LINE
from phivault.audit.log import checkpoint as checkpoints
from phivault.audit.log.merkle import leaf_hashes, root
from phivault.audit.log.note import COSIGNATURE, ED25519, VerifierKey
from phivault.audit.log.tiles import bundles_of, decode_entries, tiles_of
from phivault.audit.recorder import Recorder
from phivault.audit.seal.sealer import Sealer
from phivault.audit.seal.take import MAX_BYTES, READ_AHEAD
from phivault.errors import Conflict, IntegrityError, NotFound
from phivault.records.bundle import MAX_ENTRIES
from tests.support.accounts import eventually
from tests.support.audit import MemoryIndex, an_event
from tests.support.bounded import HANGS
from tests.support.sealing import ORIGIN, WITNESS, MemoryWitness


@pytest.fixture
def now() -> Callable[[], datetime]:
    """One moment for all: what is kept by the hour would else be in two where an hour ends between two steps."""
    moment = datetime.now(UTC)
    return lambda: moment


@pytest.fixture
def recorder(store: S3Events, index: DynamoDbAuditIndex, now: Callable[[], datetime]) -> Recorder:
    return Recorder(store, index, deadline_seconds=HANGS, now=now)


@pytest.fixture
def head_bucket(bucket: str) -> str:
    return create_head_bucket(f"{bucket}-head")


@pytest.fixture
def log(bucket: str, head_bucket: str) -> S3Log:
    return S3Log(bucket, head_bucket, retention_days=10)


@pytest.fixture(scope="session")
def signer(aws_endpoints) -> KmsSigner:
    return KmsSigner(create_signing_key("test log"))


@pytest.fixture
def log_key(signer: KmsSigner) -> VerifierKey:
    return VerifierKey(ORIGIN, ED25519, signer.public_key)


@pytest.fixture
def witness(log_key: VerifierKey, now: Callable[[], datetime]) -> MemoryWitness:
    return MemoryWitness(log_key, now)


@pytest.fixture
def new_sealer(log, signer, witness, index, now):
    witness_key = VerifierKey(WITNESS, COSIGNATURE, witness.key.public_key)
    return lambda: Sealer(log, signer, witness, index, origin=ORIGIN, witness_key=lambda: witness_key, now=now)


def lines_of(log: S3Log, log_key: VerifierKey) -> list[bytes]:
    current = checkpoints.verify(log.checkpoint(), log_key).checkpoint
    lines = [line for bundle in bundles_of(current.size) for line in decode_entries(log.tile(bundle.path))]
    assert root(leaf_hashes(lines)) == current.root
    for tile in tiles_of(current.size):
        assert len(log.tile(tile.path)) == 32 * tile.width
    return lines


def stored(bucket: str, prefix: str) -> list[str]:
    return [found["Key"] for found in client("s3").list_objects_v2(Bucket=bucket, Prefix=prefix).get("Contents", ())]


def test_recorded_events_become_witnessed_leaves(bucket, head_bucket, recorder, new_sealer, log, log_key):
    sealer = new_sealer()
    assert sealer.seal().size == 0
    recorder.append([an_event() for _ in range(200)])
    first = sealer.seal()
    assert (first.size, first.sealed, first.healed, first.refused, first.witnessed) == (201, 201, 0, 0, True)
    recorder.append([an_event() for _ in range(99)])
    second = sealer.seal()
    assert (second.size, second.sealed, second.witnessed) == (300, 99, True)
    recorded = [
        line
        for key in stored(bucket, "ev/")
        for line in client("s3").get_object(Bucket=bucket, Key=key)["Body"].read().splitlines()
    ]
    assert lines_of(log, log_key) == recorded
    assert stored(bucket, "log/tile/") == ["log/tile/0/000", "log/tile/entries/000"]
    assert stored(head_bucket, "") == [
        "checkpoint",
        f"staging/300-{second.root}",
        "tile/0/001.p/44",
        "tile/1/000.p/1",
        "tile/entries/001.p/44",
    ]
    ((hour, note),) = log.checkpoints()
    assert f"log/checkpoints/{hour}" in stored(bucket, "log/checkpoints/")
    assert checkpoints.verify(note, log_key).checkpoint.size == 201


def test_what_others_read_of_it(recorder, new_sealer, log, now):
    recorder.append([an_event() for _ in range(9)])
    new_sealer().seal()
    recorder.append([an_event() for _ in range(300)])
    new_sealer().seal()
    (bundle,) = [log.tile("tile/entries/000.p/10")]
    assert decode_entries(bundle) == decode_entries(log.tile("tile/entries/000"))[:10], "cut from the full one"
    assert decode_entries(log.tile("tile/entries/001.p/7")) == decode_entries(log.tile("tile/entries/001.p/54"))[:7]
    assert log.tile("tile/0/001.p/7") == log.tile("tile/0/001.p/54")[: 7 * 32]
    for absent in ("tile/entries/002", "tile/entries/001.p/55", "tile/0/001.p/55", "tile/2/000.p/1"):
        with pytest.raises(NotFound):
            log.tile(absent)
    (hour,) = log.hours()
    assert list(log.hours(hour)) == [hour]
    assert list(log.hours("2999/01/01/00")) == []
    (writer,) = log.writers(hour)
    keys = list(log.keys(writer))
    assert [found.key for found in log.objects(hour)] == keys
    assert list(log.keys(writer, keys[0])) == keys[1:]
    assert [found.versions for found in log.objects(hour)] == [1, 1]
    assert {found.size for found in log.objects(hour)} == {len(log.get(key)) for key in keys}
    assert abs(log.stored_at(keys[0]) - now()) < timedelta(minutes=5)
    ((at, _),) = log.checkpoints()
    assert [hour for hour, _ in log.checkpoints(at)] == [at]
    assert list(log.checkpoints(at + "~")) == []
    with pytest.raises(NotFound):
        log.get("ev/none")
    with pytest.raises(NotFound):
        log.stored_at("ev/none")


def test_two_that_swap_at_once(log):
    assert log.head() is None
    first = log.swap(b"one", None)
    for tag in (None, '"' + "0123456789abcdef" * 2 + '"'):
        with pytest.raises(Conflict):
            log.swap(b"other", tag)
    with ThreadPoolExecutor(4) as pool:

        def swapped(number: int) -> bool:
            try:
                log.swap(b"two %d" % number, first)
            except Conflict:
                return False
            return True

        assert sum(pool.map(swapped, range(4))) == 1
    assert log.head().note.startswith(b"two")


def test_full_tiles_and_hours_are_locked_and_written_once(log, bucket):
    for _ in range(2):
        log.publish("tile/entries/000", b"x")
    with pytest.raises(IntegrityError):
        log.publish("tile/entries/000", b"y")
    log.keep("2026-03-04T05", b"first")
    log.keep("2026-03-04T05", b"second")
    assert list(log.checkpoints()) == [("2026-03-04T05", b"first")]
    for key in ("log/tile/entries/000", "log/checkpoints/2026-03-04T05"):
        held = client("s3").head_object(Bucket=bucket, Key=key)
        assert held["ObjectLockMode"] == "COMPLIANCE"
        with pytest.raises(ClientError) as refused:
            client("s3").delete_object(Bucket=bucket, Key=key, VersionId=held["VersionId"])
        assert error_code(refused.value) in {"AccessDenied", "403"}
    with pytest.raises(ValueError, match="stays"):
        log.withdraw("tile/entries/000")


def test_an_object_too_large_to_be_a_recorders_is_not_read_into_memory(log, bucket):
    largest = MAX_LINE * (MAX_ENTRIES + 1)  # a transaction's events, and its writer's genesis
    for name, size in (("a", largest), ("b", MAX_OBJECT + 1)):
        client("s3").put_object(Bucket=bucket, Key=f"ev/{name}", Body=b"x" * size, IfNoneMatch="*")
    assert len(log.get("ev/a")) == largest
    with pytest.raises(IntegrityError):
        log.get("ev/b")
    (sealer,) = [each for each in TABLE if each.name == "sealer"]
    assert sealer.memory_mb << 18 >= READ_AHEAD * MAX_OBJECT + MAX_BYTES, "a quarter: it is copied more than once"


def test_a_tile_is_read_although_wider_ones_are_withdrawn_meanwhile(log, monkeypatch):
    """Between the listing that names one and its reading."""
    hashes = bytes(range(96))
    log.publish("tile/0/000.p/2", hashes[:64])
    listed = s3_log.keys

    def overtaken(bucket: str, prefix: str) -> list[str]:
        found = list(listed(bucket, prefix))
        if "tile/0/000.p/2" in found:
            log.publish("tile/0/000.p/3", hashes)
            log.withdraw("tile/0/000.p/2")
        return found

    monkeypatch.setattr(s3_log, "keys", overtaken)
    assert log.tile("tile/0/000.p/1") == hashes[:32]
    log.withdraw("tile/0/000.p/3")
    with pytest.raises(NotFound):
        log.tile("tile/0/000.p/1")


def test_staging(log):
    log.stage("2-ab", b"x")
    log.stage("2-ab", b"y")
    assert (log.staged("2-ab"), list(log.staged_names())) == (b"y", ["2-ab"])
    log.unstage("2-ab")
    log.unstage("2-ab")
    assert list(log.staged_names()) == []
    with pytest.raises(NotFound):
        log.staged("2-ab")


def test_two_sealers_at_once_on_s3(bucket, new_sealer, log, log_key, witness, now):
    recorders = [Recorder(_events(bucket), MemoryIndex(), deadline_seconds=HANGS, now=now) for _ in range(3)]
    done = threading.Event()

    def record(recorder: Recorder) -> None:
        for _ in range(12):
            recorder.append([an_event() for _ in range(5)])

    def seal() -> None:
        sealer = new_sealer()
        while not done.is_set():
            sealer.seal()

    with ThreadPoolExecutor(5) as pool:
        sealing = [pool.submit(seal) for _ in range(2)]
        for recording in [pool.submit(record, each) for each in recorders]:
            recording.result()
        done.set()
        for each in sealing:
            each.result()
    assert new_sealer().seal().witnessed
    lines = lines_of(log, log_key)
    assert len(lines) == len(set(lines)) == 3 * 61
    assert not witness.forks


def _events(bucket):
    from phivault.adapters.s3_events import S3Events

    return S3Events(bucket, lock_mode="COMPLIANCE", retention_days=10)


def test_an_event_names_the_last_checkpoint_that_was_seen(bucket, head_bucket, new_sealer, log, log_key, now):
    seen = LastCheckpoint(head_bucket, every_seconds=0.0)
    recorder = Recorder(_events(bucket), MemoryIndex(), deadline_seconds=HANGS, now=now, last_checkpoint=seen)
    recorder.append([an_event()])
    sealed = new_sealer().seal()
    eventually(seen)
    recorder.append([an_event()])
    new_sealer().seal()
    first, second = lines_of(log, log_key)[1:]
    assert b'"checkpoint":""' in first
    assert f'"checkpoint":"2/{sealed.root}"'.encode() in second


def test_a_head_bucket_that_is_gone_or_holds_anything_fails_no_request(head_bucket, caplog):
    for bucket in ("no-such-bucket", head_bucket):
        client("s3").put_object(Bucket=head_bucket, Key="checkpoint", Body=b"anything")
        seen = LastCheckpoint(bucket)
        caplog.clear()
        assert seen() == ""
        eventually(lambda: "can't be read" in caplog.text)
        assert seen() == ""
