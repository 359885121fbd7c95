"""The recorder on S3: outages end in Unavailable inside the deadline, and what was acknowledged is there."""

from __future__ import annotations

import contextlib
import itertools
import logging
import socket
import threading
import time
from collections.abc import Iterator

import pytest

from phivault.adapters.aws import client, forget_clients
from phivault.adapters.s3_events import S3Events
from phivault.audit.canonical import Genesis, line_hash, parse
from phivault.audit.query import search
from phivault.audit.recorder import Recorder
from phivault.errors import Unavailable
from tests.support.audit import MemoryIndex, an_event
from tests.support.bounded import HANGS, ends_by_itself


def lines_of(bucket: str) -> dict[str, list[bytes]]:
    """Every writer's lines in the bucket."""
    listed = client("s3").list_objects_v2(Bucket=bucket, Prefix="ev/").get("Contents", [])
    chains: dict[str, list[bytes]] = {}
    for key in sorted((entry["Key"] for entry in listed), key=lambda key: key.rpartition("/")[2]):
        body = client("s3").get_object(Bucket=bucket, Key=key)["Body"].read()
        chains.setdefault(key.rpartition("/")[2].partition("-")[0], []).extend(body.splitlines())
    return chains


def assert_unbroken(lines: list[bytes]) -> None:
    for before, line in itertools.pairwise(lines):
        assert parse(line).link.prev == line_hash(before)


@contextlib.contextmanager
def s3_answering(respond) -> Iterator[str]:
    """A listener that treats every connection as ``respond(connection)`` does; answers its URL."""
    listener = socket.create_server(("127.0.0.1", 0))
    held: list[socket.socket] = []

    def serve() -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = listener.accept()
                held.append(connection)
                threading.Thread(target=quietly, args=(connection,), daemon=True).start()

    def quietly(connection: socket.socket) -> None:
        with contextlib.suppress(OSError):
            respond(connection)

    threading.Thread(target=serve, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
    finally:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()
        for connection in held:
            connection.close()


def silent(connection: socket.socket) -> None:
    connection.recv(65536)
    time.sleep(HANGS)


def trickling(connection: socket.socket) -> None:
    connection.recv(65536)
    for byte in b"HTTP/1.1 200 OK\r\n" + b"x-filler: 1\r\n" * 1000:
        connection.send(bytes([byte]))
        time.sleep(0.2)


def refusing(status: bytes):
    def respond(connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(b"HTTP/1.1 " + status + b"\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")

    return respond


def test_a_recorded_event_is_a_locked_object_and_found_by_search(recorder, bucket, index):
    event = an_event()
    recorder.append([event])
    (entry,) = client("s3").list_objects_v2(Bucket=bucket)["Contents"]
    head = client("s3").head_object(Bucket=bucket, Key=entry["Key"], ChecksumMode="ENABLED")
    assert head["ObjectLockMode"] == "COMPLIANCE"
    assert 9 < (head["ObjectLockRetainUntilDate"].timestamp() - time.time()) / 86400 < 11
    assert head["ChecksumSHA256"]
    (found,) = search(index, "north", until="2026-03-05T00:00:00Z").found
    assert found.entry.event == event
    body = client("s3").get_object(Bucket=bucket, Key=found.object_key)["Body"].read()
    assert parse(body.splitlines()[found.position]).event == event


@pytest.mark.parametrize(
    "respond",
    [silent, trickling, refusing(b"500 Internal Server Error"), refusing(b"503 Slow Down"), refusing(b"403 Forbidden")],
    ids=["silent", "trickling", "500", "503", "403"],
)
def test_a_slow_or_refusing_s3_is_unavailable_within_the_deadline(respond, aws_endpoints, monkeypatch):
    with s3_answering(respond) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_S3", url)
        forget_clients()
        try:
            store = S3Events("audit", lock_mode="COMPLIANCE", retention_days=1)
            recorder = Recorder(store, MemoryIndex(), deadline_seconds=1.2)
            with ends_by_itself(), pytest.raises(Unavailable):
                recorder.append([an_event()])
        finally:
            monkeypatch.undo()
            forget_clients()


def test_an_absent_s3_is_unavailable_and_its_return_heals_under_a_successor(recorder, bucket, aws_endpoints, caplog):
    recorder.append([an_event()])
    (first,) = lines_of(bucket)
    aws_endpoints.stop_s3()
    try:
        with ends_by_itself(), caplog.at_level(logging.DEBUG), pytest.raises(Unavailable) as caught:
            recorder.append([an_event(patient="patient-in-the-dark")])
        assert caught.value.retry_after
        assert "patient-in-the-dark" not in caplog.text
    finally:
        aws_endpoints.start_s3()
    recorder.append([an_event()])
    chains = lines_of(bucket)
    (second,) = chains.keys() - {first}
    genesis = parse(chains[second][0])
    assert isinstance(genesis, Genesis)
    assert (genesis.predecessor, genesis.predecessor_sequence) == (first, 1)
    assert genesis.predecessor_hash == line_hash(chains[first][-1])


def test_an_outage_shorter_than_the_deadline_is_not_noticed(store, aws_endpoints, bucket):
    recorder = Recorder(store, MemoryIndex(), deadline_seconds=HANGS)
    aws_endpoints.stop_s3()
    waiting = threading.Thread(target=recorder.append, args=([an_event()],))
    waiting.start()
    time.sleep(0.3)
    aws_endpoints.start_s3()
    waiting.join()
    assert len(lines_of(bucket)) == 1


def test_two_recorders_in_parallel_keep_a_chain_each(bucket):
    recorders = [
        Recorder(S3Events(bucket, lock_mode="COMPLIANCE", retention_days=1), MemoryIndex(), deadline_seconds=HANGS)
        for _ in range(2)
    ]
    threads = [
        threading.Thread(target=lambda each=each: [each.append([an_event()]) for _ in range(10)]) for each in recorders
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    chains = lines_of(bucket)
    assert [len(lines) for lines in chains.values()] == [11, 11]
    for lines in chains.values():
        assert_unbroken(lines)


def test_an_index_outage_refuses_nothing(store, bucket, index, aws_endpoints, monkeypatch, caplog):
    with s3_answering(silent) as url:
        monkeypatch.setenv("AWS_ENDPOINT_URL_DYNAMODB", url)
        forget_clients()
        try:
            with ends_by_itself():
                Recorder(store, index, deadline_seconds=10.0).append([an_event()])
        finally:
            monkeypatch.undo()
            forget_clients()
    assert len(lines_of(bucket)) == 1
    assert "audit index not written: unavailable" in caplog.text
