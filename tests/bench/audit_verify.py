"""What it costs to verify an export of generated events, beside what it costs to read it at all, and beside the AWS
CLI's validation of a CloudTrail trail of the same lines.

``PHIVAULT_BENCH_EVENTS`` (1,000,000 where it isn't set) sizes it; memory is taken there and at four times as much.
"""

from __future__ import annotations

import base64
import gc
import gzip
import hashlib
import json
import os
import re
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import padding, rsa

from phivault.audit.export.segments import MAX_LINES, decompress
from phivault.audit.verify.export import verify
from phivault.cli.audit.folder import Folder
from phivault.cli.audit.processes import Processes
from tests.bench._measure import Figure
from tests.support.exports import Keys, write_export

EVENTS = int(os.environ.get("PHIVAULT_BENCH_EVENTS", "1000000"))
PROCESSES = 2
ROUNDS = 3
PER_LOG_FILE = 2000
ROOT = Path(__file__).resolve().parents[2]
LOCK = ROOT / "requirements" / "bench.txt"
ENVIRONMENT = ROOT / "build" / "bench"
_MIB = 1 << 20


def figures() -> Iterator[Figure]:
    with TemporaryDirectory(prefix="phivault-bench-") as name:
        folder, large = Path(name, "export"), Path(name, "large")
        keys = write_export(folder, EVENTS)
        yield from _times(folder, keys)
        yield from _memory(folder, large)


def _times(folder: Path, keys: Keys) -> Iterator[Figure]:
    segments = [path.read_bytes() for path in sorted((folder / "segments").iterdir())]
    ours = Processes(PROCESSES)
    cli = _aws_cli(segments, folder.with_name("trail"))
    calls: dict[str, Callable[[], float]] = {
        "unpack": lambda: _timed(lambda: [hashlib.sha256(decompress(each, MAX_LINES)).digest() for each in segments]),
        "lines": lambda: _timed(lambda: [_hash_lines(decompress(each, MAX_LINES)) for each in segments]),
        "deep": lambda: _timed(lambda: _verify(folder, keys, ours, quick=False)),
        "quick": lambda: _timed(lambda: _verify(folder, keys, ours, quick=True)),
    } | ({"aws": cli} if cli else {})
    with ours:
        taken = [{name: call() for name, call in calls.items()} for _ in range(ROUNDS)]

    def ratio(one: str, other: str) -> float:
        return statistics.median(spent[one] / spent[other] for spent in taken)

    yield Figure(
        "deep verification on 2 processes / segments decompressed and hashed once", ratio("deep", "unpack"), 2.5
    )
    yield Figure(
        "deep verification on 2 processes / segments decompressed, each line hashed once", ratio("deep", "lines")
    )
    yield Figure("deep verification / quick verification", ratio("deep", "quick"), at_least=10)
    for other, what in (("unpack", "segments decompressed and hashed once"), ("lines", "... each line hashed once")):
        yield Figure(f"half the CPU time of deep verification / that of {what}", _cpu(folder, keys, calls[other]))
    yield Figure("events verified deeply a second, millions", EVENTS / 1e6 / min(spent["deep"] for spent in taken))
    if cli:
        yield Figure(
            "rate of deep verification / of the AWS CLI's validation of CloudTrail", ratio("aws", "deep"), at_least=2
        )
        yield Figure("rate of quick verification / of the AWS CLI's validation", ratio("aws", "quick"))


def _cpu(folder: Path, keys: Keys, other: Callable[[], object]) -> float:
    """What other work on this machine changes less than the time on the clock."""
    gc.disable()  # as the processes do
    start = time.process_time()
    report = verify(Folder(folder), keys.trust)
    middle = time.process_time()
    gc.enable()
    other()
    assert report.valid
    return (middle - start) / 2 / (time.process_time() - middle)


def _timed(call: Callable[[], object]) -> float:
    start = time.perf_counter()
    call()
    return time.perf_counter() - start


def _hash_lines(data: bytes) -> list[bytes]:
    return [hashlib.sha256(line).digest() for line in data.split(b"\n")]


def _verify(folder: Path, keys: Keys, run: Processes, *, quick: bool) -> None:
    report = verify(Folder(folder), keys.trust, quick=quick, run=run)
    if not report.valid:
        raise RuntimeError("; ".join(map(str, report.findings.kept)))


_PEAK = """
import resource, sys
from pathlib import Path
from phivault.audit.log.note import VerifierKey
from phivault.audit.verify.checkpoints import Trust
from phivault.audit.verify.export import verify
from phivault.cli.audit.folder import Folder
from phivault.cli.audit.processes import Processes
folder, log, witness, processes = sys.argv[1:]
with Processes(int(processes)) as run:
    trust = Trust(VerifierKey.parse(log), VerifierKey.parse(witness))
    assert verify(Folder(Path(folder)), trust, run=run).valid
own, largest = (resource.getrusage(who).ru_maxrss for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
try:  # Linux counts what this was forked from
    own = int(Path("/proc/self/status").read_text().partition("VmHWM:")[2].split()[0])
except OSError:
    pass
print(own + int(processes) * largest)
"""


def _memory(folder: Path, large: Path) -> Iterator[Figure]:
    """Peaks of the process and its two workers, added; pages that they share are counted thrice."""
    keys = Keys()
    one = _peak(folder, keys)
    yield Figure("memory of deep verification, MiB", one, 1024)
    write_export(large, 4 * EVENTS)
    yield Figure("memory at four times the events / at these", _peak(large, keys) / one, 1.2)


def _peak(folder: Path, keys: Keys) -> float:
    command = [sys.executable, "-c", _PEAK, str(folder), keys.log_vkey, keys.witness_vkey, str(PROCESSES)]
    said = subprocess.run(command, check=True, capture_output=True, text=True)
    return int(said.stdout) * (1 if sys.platform == "darwin" else 1024) / _MIB


def _aws_cli(segments: list[bytes], folder: Path) -> Callable[[], float] | None:
    """Times one validation; None where the AWS CLI can't be installed."""
    try:
        python = _environment()
    except (OSError, subprocess.CalledProcessError):
        print("the AWS CLI can't be installed: not compared", file=sys.stderr)  # noqa: T201  (a command)
        return None
    files = _write_trail(segments, folder)

    def call() -> float:
        command = [str(python), "-I", str(Path(__file__).with_name("_cloudtrail.py")), str(folder)]
        said = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        if f"{files}/{files} log files valid" not in said:
            raise RuntimeError(said)
        found = re.search(r"^seconds (\S+)$", said, re.MULTILINE)
        assert found is not None
        return float(found[1])

    return call


def _environment() -> Path:
    """Made on demand from a hashed lock of its own: the product doesn't need the AWS CLI."""
    python, stamp = ENVIRONMENT / "bin" / "python", ENVIRONMENT / ".ready"
    wanted = hashlib.sha256(LOCK.read_bytes()).hexdigest()
    if not stamp.exists() or stamp.read_text() != wanted:
        subprocess.run([sys.executable, "-m", "venv", "--clear", ENVIRONMENT], check=True)
        install = [python, "-m", "pip", "install", "--quiet", "--disable-pip-version-check", "--only-binary", ":all:"]
        subprocess.run([*install, "--require-hashes", "-r", LOCK], check=True)
        stamp.write_text(wanted)
    return python


def _write_trail(segments: list[bytes], folder: Path) -> int:
    """The same lines as CloudTrail would store them: gzipped log files, hourly digests that sign their SHA-256 and the
    digest before. The number of log files."""
    lines = [line for each in segments for line in decompress(each, MAX_LINES).splitlines()]
    key, at = rsa.generate_private_key(public_exponent=65537, key_size=2048), datetime(2026, 3, 4, tzinfo=UTC)
    metadata: dict[str, dict[str, str]] = {}
    before: dict[str, str] | None = None
    bodies = [lines[start : start + PER_LOG_FILE] for start in range(0, len(lines), PER_LOG_FILE)]
    del lines
    for first in range(0, len(bodies), 24):
        named = []
        for number, body in enumerate(bodies[first : first + 24], first):
            text = b'{"Records":[' + b",".join(body) + b"]}"
            path = f"AWSLogs/111122223333/CloudTrail/us-east-1/{number:08d}.json.gz"
            _write(folder / path, gzip.compress(text, 6))
            named.append({"s3Bucket": "bench", "s3Object": path, "hashValue": hashlib.sha256(text).hexdigest()})
        before = _write_digest(folder, key, at, named, before, metadata)
        at += timedelta(hours=1)
    public = key.public_key().public_bytes(serialization.Encoding.DER, serialization.PublicFormat.PKCS1)
    value = base64.b64encode(public).decode()
    _write(folder / "metadata.json", json.dumps(metadata).encode())
    _write(folder / "key", json.dumps({"Fingerprint": "bench", "Value": value}).encode())
    return len(bodies)


def _write_digest(
    folder: Path,
    key: rsa.RSAPrivateKey,
    at: datetime,
    named: list[dict[str, str]],
    before: dict[str, str] | None,
    metadata: dict[str, dict[str, str]],
) -> dict[str, str]:
    end = at + timedelta(hours=1)
    stem = f"AWSLogs/111122223333/CloudTrail-Digest/us-east-1/{end:%Y/%m/%d}/111122223333_CloudTrail-Digest_us-east-1"
    path = f"{stem}_bench_us-east-1_{end:%Y%m%dT%H%M%SZ}.json.gz"
    digest = {
        "digestPublicKeyFingerprint": "bench",
        "digestS3Bucket": "bench",
        "digestS3Object": path,
        "digestStartTime": f"{at:%Y-%m-%dT%H:%M:%SZ}",
        "digestEndTime": f"{end:%Y-%m-%dT%H:%M:%SZ}",
        "previousDigestSignature": before and before["signature"],
        "previousDigestS3Bucket": before and "bench",
        "previousDigestS3Object": before and before["path"],
        "logFiles": named,
    }
    text = json.dumps(digest).encode()
    earlier = before["signature"] if before else "null"
    signed = f"{digest['digestEndTime']}\nbench/{path}\n{hashlib.sha256(text).hexdigest()}\n{earlier}".encode()
    signature = key.sign(signed, padding.PKCS1v15(), hashes.SHA256()).hex()
    metadata[path] = {"signature": signature, "signature-algorithm": "SHA256withRSA"}
    _write(folder / path, gzip.compress(text))
    return {"signature": signature, "path": path}


def _write(path: Path, body: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(body)
