"""Execution environments die; whoever comes next meets a living one."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path
from threading import Thread, Timer
from typing import Any

import pytest

from local.workers import Pool, Worker, WorkerDied, base_environment

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
    pool = Pool("pages", ENVIRONMENT, tmp_path / "pages.log", 2, 10).wait_ready()
    yield pool
    pool.stop()


def status(pool: Pool) -> int:
    return int(pool.call(PAGE, "r")["statusCode"])


def test_workers_that_died_idle_are_replaced_unseen(pool: Pool) -> None:
    before = pool.pids
    for pid in before:
        os.kill(pid, signal.SIGKILL)
    time.sleep(0.1)
    assert [status(pool) for _ in range(3)] == [200] * 3
    assert set(pool.pids) != set(before)


def test_renewed_workers_are_others_and_the_old_ones_are_gone(pool: Pool) -> None:
    before = pool.pids
    os.kill(before[0], signal.SIGKILL)  # one that died idle is no obstacle
    pool.renew()
    assert not set(pool.pids) & set(before)
    assert not [pid for pid in before if Path(f"/proc/{pid}").exists()]
    assert [status(pool) for _ in range(3)] == [200] * 3


def test_a_call_that_is_under_way_ends_before_its_worker_is_replaced(pool: Pool) -> None:
    before, answered = pool.pids, []
    pid = _next(pool)
    os.kill(pid, signal.SIGSTOP)
    call = Thread(target=lambda: answered.append(status(pool)))
    call.start()
    Timer(0.3, os.kill, (pid, signal.SIGCONT)).start()
    time.sleep(0.1)
    pool.renew()
    call.join()
    assert answered == [200]
    assert not set(pool.pids) & set(before)


def test_a_worker_that_dies_in_a_call_fails_that_call_alone(pool: Pool) -> None:
    (stopped, *_) = [pid for pid in pool.pids if pid == _next(pool)]
    os.kill(stopped, signal.SIGSTOP)  # so that the call is under way when it dies
    Timer(0.2, os.kill, (stopped, signal.SIGKILL)).start()
    with pytest.raises(WorkerDied):
        status(pool)
    assert status(pool) == 200


def _next(pool: Pool) -> int:
    """The worker that the next call takes: the one that was used last."""
    worker = pool._free.get()
    pool._free.put(worker)
    return worker.pid


def test_a_call_that_takes_too_long_ends(tmp_path: Path) -> None:
    pool = Pool("pages", ENVIRONMENT, tmp_path / "pages.log", 1, 0.5).wait_ready()
    try:
        os.kill(pool.pids[0], signal.SIGSTOP)
        with pytest.raises(WorkerDied):
            status(pool)
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
