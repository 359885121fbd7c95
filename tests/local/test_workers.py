"""Execution environments die; whoever comes next meets a living one."""

from __future__ import annotations

import os
import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from threading import Event, Thread, Timer
from typing import Any

import pytest

from local.workers import Pool, Worker, WorkerDied, base_environment
from tests.support import processes
from tests.support.bounded import HANGS

PAGE: dict[str, Any] = {
    "resource": "/test-security",
    "path": "/test-security",
    "httpMethod": "GET",
    "headers": {},
    "multiValueHeaders": {},
    "queryStringParameters": None,
    "requestContext": {"requestId": "r", "identity": {"sourceIp": "127.0.0.1"}},
    "body": None,
    "isBase64Encoded": False,
}
ENVIRONMENT = base_environment() | {"PHIVAULT_PROFILE": "local"}


@pytest.fixture
def pool(tmp_path: Path) -> Iterator[Pool]:
    pool = Pool("pages", ENVIRONMENT, tmp_path / "pages.log", 2, HANGS).wait_ready()
    yield pool
    pool.stop()


def status(pool: Pool) -> int:
    return int(pool.call(PAGE, "r")["statusCode"])


def test_workers_that_died_idle_are_replaced_unseen(pool: Pool) -> None:
    before = pool.pids
    workers = [found for pid in before if (found := processes.look(pid))]
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    assert processes.survivors(workers, within=HANGS) == []
    assert [status(pool) for _ in range(3)] == [200] * 3
    assert set(pool.pids) != set(before)


def test_renewed_workers_are_others_and_the_old_ones_are_gone(pool: Pool) -> None:
    before = pool.pids
    os.kill(before[0], signal.SIGKILL)  # one that died idle is no obstacle
    pool.renew()
    assert not set(pool.pids) & set(before)
    assert not [pid for pid in before if Path(f"/proc/{pid}").exists()]
    assert [status(pool) for _ in range(3)] == [200] * 3


def test_a_call_that_is_under_way_ends_before_its_worker_is_replaced(
    pool: Pool, monkeypatch: pytest.MonkeyPatch
) -> None:
    before, answered, under_way = pool.pids, [], Event()
    worker = _next(pool)
    os.kill(worker.pid, signal.SIGSTOP)
    _once_sent(worker, under_way.set, monkeypatch)
    call = Thread(target=lambda: answered.append(status(pool)))
    call.start()
    assert under_way.wait(HANGS)
    Timer(0.3, os.kill, (worker.pid, signal.SIGCONT)).start()
    pool.renew()
    call.join()
    assert answered == [200]
    assert not set(pool.pids) & set(before)


def test_a_worker_that_dies_in_a_call_fails_that_call_alone(pool: Pool, monkeypatch: pytest.MonkeyPatch) -> None:
    worker = _next(pool)
    os.kill(worker.pid, signal.SIGSTOP)  # so that it doesn't answer before it dies
    _once_sent(worker, lambda: os.kill(worker.pid, signal.SIGKILL), monkeypatch)
    with pytest.raises(WorkerDied):
        status(pool)
    assert status(pool) == 200


def _next(pool: Pool) -> Worker:
    """The worker that the next call takes: the one that was used last."""
    worker = pool._free.get()
    pool._free.put(worker)
    return worker


def _once_sent(worker: Worker, act: Callable[[], None], monkeypatch: pytest.MonkeyPatch) -> None:
    """``act`` when a call is under way there."""
    send = worker._send

    def then(message: dict[str, Any]) -> None:
        send(message)
        act()

    monkeypatch.setattr(worker, "_send", then)


def test_a_call_that_takes_too_long_ends(tmp_path: Path) -> None:
    pool = Pool("pages", ENVIRONMENT, tmp_path / "pages.log", 1, 0.5).wait_ready()
    try:
        os.kill(pool.pids[0], signal.SIGSTOP)
        with pytest.raises(WorkerDied):
            status(pool)
        pool._timeout = HANGS
        assert status(pool) == 200
    finally:
        pool.stop()


def test_a_function_that_can_t_start_says_so_each_time(tmp_path: Path) -> None:
    log = tmp_path / "pages.log"
    with pytest.raises(WorkerDied):
        Worker("pages", base_environment(), log).wait_ready()  # its settings are missing
    assert "profile" in log.read_text()


def test_a_stopped_pool_starts_nothing_more(tmp_path: Path) -> None:
    pool = Pool("pages", ENVIRONMENT, tmp_path / "pages.log", 1, 10).wait_ready()
    pool.stop()
    before = pool.pids
    with pytest.raises(WorkerDied):
        status(pool)
    assert pool.pids == before
