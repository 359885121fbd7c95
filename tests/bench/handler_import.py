"""What a cold start is spared: handlers import the AWS Encryption SDK only when a cold subject key needs it."""

from __future__ import annotations

import os
import resource
import statistics
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from tests.bench._measure import Figure

ROOT = Path(__file__).parents[2]
ROUNDS = 3
SDK_TOO = 3
HANDLER = f"import functions.{{}}.handler, sys; sys.exit({SDK_TOO} if 'aws_encryption_sdk' in sys.modules else 0)"
WITH_SDK = "import functions.{}.handler, aws_encryption_sdk"


def figures() -> Iterator[Figure]:
    names = sorted(path.parent.name for path in (ROOT / "functions").glob("*/handler.py"))
    # The first run of each also writes the bytecode that every later one reads.
    early = [name for name in names if _run(HANDLER.format(name)) == SDK_TOO]
    yield Figure("functions that import the AWS Encryption SDK when they start", len(early), 0)
    empty = statistics.median(_seconds("") for _ in range(ROUNDS))
    for name in names:
        alone, both = HANDLER.format(name), WITH_SDK.format(name)
        taken = [(_seconds(alone) - empty, _seconds(both) - empty) for _ in range(ROUNDS)]
        ratio = statistics.median(one / other for one, other in taken)
        yield Figure(f"import functions/{name} / the same with the AWS Encryption SDK", ratio)


def _seconds(code: str) -> float:
    """CPU time of a fresh interpreter that runs ``code``."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    _run(code)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime


def _run(code: str) -> int:
    environment = os.environ | {"PHIVAULT_PROFILE": "local"}
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, env=environment, capture_output=True, text=True)
    if done.returncode not in (0, SDK_TOO):
        raise RuntimeError(f"A handler can't be imported: {done.stderr}")
    return done.returncode
