"""Generated US Core bundles: one transaction per patient, marked as test data, the same for the same seed."""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def generate(count: int, seed: int) -> Iterator[bytes]:
    """Nothing stays on disk: it could not be told from what leaked."""
    with tempfile.TemporaryDirectory() as folder:
        command = [sys.executable, "-m", "carebundle.cli", "generate", "--profile", "mixed", "--sex", "mixed"]
        command += ["--count", str(count), "--seed", str(seed), "--out", folder]
        subprocess.run(command, check=True, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        for path in sorted(Path(folder).glob("*.json")):
            yield path.read_bytes()


def patient_in(response: dict[str, Any]) -> str:
    """The id of the Patient that a transaction made, from the places it answered."""
    places = [entry["response"].get("location", "") for entry in response["entry"]]
    return str(next(place.split("/Patient/")[1].split("/")[0] for place in places if "/Patient/" in place))
