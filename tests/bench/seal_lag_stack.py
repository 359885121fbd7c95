"""How long an event waits for its checkpoint on the local stack: from when it is due until a witnessed checkpoint
that covers it is published. Everything is real but AWS, all of which shares this machine."""

from __future__ import annotations

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from tests.bench._measure import Figure
from tests.support.stack import ROOT, Run

RATE = 30
SECONDS = 90
SEALED_SECONDS = 240


def figures() -> Iterator[Figure]:
    lags = _measured()
    yield Figure(
        f"seal lag, seconds, p99, {RATE} events/s on the local stack", statistics.quantiles(lags, n=100)[98], 60
    )
    yield Figure(f"seal lag, seconds, median, {RATE} events/s on the local stack", statistics.median(lags))


def _measured() -> list[float]:
    with tempfile.TemporaryDirectory() as name:
        run = Run.start(Path(name) / "state", Path(name) / "output.log")
        try:
            run.wait_ready()
            done = subprocess.run(
                [sys.executable, "-m", "tests.bench._steady_events", str(RATE), str(SECONDS)],
                cwd=ROOT,
                env=os.environ | {"PHIVAULT_LOCAL": str(run.folder)},
                stdout=subprocess.PIPE,
                timeout=SECONDS + SEALED_SECONDS,
                check=True,
            )
            run.interrupt()
        finally:
            run.end()
    lags: list[float] = json.loads(done.stdout)
    return lags
