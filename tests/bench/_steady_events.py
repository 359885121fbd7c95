"""``python -m tests.bench._steady_events RATE SECONDS``: record events on the local stack at a steady rate, and print a
JSON list of the seconds that each waited until a witnessed checkpoint that covers it was published."""

from __future__ import annotations

import json
import multiprocessing
import sys
import time
from bisect import bisect_right
from datetime import UTC, datetime
from itertools import count

from phivault import bootstrap
from phivault.audit.canonical import EventLine, parse
from phivault.audit.export.build import lines_of
from phivault.audit.log import checkpoint
from phivault.audit.log.note import VerifierKey
from phivault.cli import operator
from phivault.cli.local_stack import found
from phivault.errors import NotFound
from phivault.ids import uuid7
from tests.support.audit import an_event

PROCESSES = 3
"""As functions have it: each environment is a writer and waits for its own PUTs."""
LOOK_SECONDS = 0.25
PATIENCE = 150.0

type Keys = tuple[VerifierKey, VerifierKey]
type Published = list[tuple[float, int]]
"""When a witnessed checkpoint was first seen, and its size."""


def main(rate: float, seconds: float) -> list[float]:
    operator.act("audit_bucket", "audit_head_bucket", "log_origin", "witness_name")
    facts = found() or {}
    keys = VerifierKey.parse(facts["log_vkey"]), VerifierKey.parse(facts["witness_vkey"])
    published: Published = []
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:  # a fork would share connections
        recording = pool.starmap_async(record, [(rate / PROCESSES, seconds)] * PROCESSES)
        while not recording.ready():
            _look(published, keys)
        recorded = {id: at for part in recording.get() for id, at in part.items()}
    until = time.monotonic() + PATIENCE
    while len(waited := lags(recorded, published)) < len(recorded):
        if time.monotonic() > until:
            raise RuntimeError("Events were left out of the log")
        _look(published, keys)
    return waited


def record(rate: float, seconds: float) -> dict[str, float]:
    """When each event was due. A recorder that can't keep up adds to its events' lag, it doesn't offer fewer."""
    operator.act("audit_bucket")
    recorder, began = bootstrap.recorder(), time.time()
    at: dict[str, float] = {}
    for number in count():
        due = began + number / rate
        if due > began + seconds:
            return at
        time.sleep(max(0.0, due - time.time()))
        id = uuid7()
        at[id] = due
        stamp = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        recorder.append([an_event(id=id, timestamp=stamp)])
    raise AssertionError


def lags(recorded: dict[str, float], published: Published) -> list[float]:
    """Of the events that are covered."""
    waited: list[float] = []
    sizes = [size for _, size in published]
    lines = lines_of(bootstrap.log_reader(), 0, sizes[-1]) if sizes else iter(())
    for leaf, line in enumerate(lines):
        entry = parse(line)
        if isinstance(entry, EventLine) and entry.event.id in recorded:
            waited.append(published[bisect_right(sizes, leaf)][0] - recorded[entry.event.id])
    return waited


def _look(published: Published, keys: Keys) -> None:
    time.sleep(LOOK_SECONDS)
    try:
        seen = checkpoint.verify(bootstrap.log_reader().checkpoint(), *keys)
    except NotFound:
        return  # the stack is so young that nothing is sealed yet
    size = seen.checkpoint.size
    if seen.witnessed_at is not None and (not published or size > published[-1][1]):
        published.append((time.time(), size))


if __name__ == "__main__":
    sys.stdout.write(json.dumps(main(float(sys.argv[1]), float(sys.argv[2]))))
