"""Runs the AWS CLI's own validation of CloudTrail's digests over a folder, in an environment that has awscli.

    python -I _cloudtrail.py FOLDER

The folder is a bucket: its keys are paths, ``metadata.json`` has the objects' metadata, ``key`` the public key. Reading
it isn't timed: all is in memory before. Prints seconds and the CLI's summary. This file imports nothing of phivault's.
"""

from __future__ import annotations

import io
import json
import sys
import time
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from awscli.customizations.cloudtrail.validation import CloudTrailValidateLogs


class Bucket:
    """As much of an S3 and a CloudTrail client as is called."""

    def __init__(self, folder: Path) -> None:
        paths = sorted(path for path in (folder / "AWSLogs").rglob("*") if path.is_file())
        self.objects = {path.relative_to(folder).as_posix(): path.read_bytes() for path in paths}
        self.metadata = json.loads((folder / "metadata.json").read_text())
        self.keys = [json.loads((folder / "key").read_text())]

    def get_client(self, bucket_name: str) -> Bucket:
        return self

    def get_object(self, **named: str) -> dict[str, Any]:
        key = named["Key"]
        return {"Body": io.BytesIO(self.objects[key]), "Metadata": self.metadata.get(key, {})}

    def get_paginator(self, _: str) -> Bucket:
        return self

    def paginate(self, **named: str) -> Bucket:
        return self

    def search(self, _: str) -> list[str]:
        return sorted(self.objects)

    def list_public_keys(self, **_: object) -> dict[str, Any]:
        return {"PublicKeyList": self.keys}


def main(folder: Path) -> None:
    bucket = Bucket(folder)
    command = CloudTrailValidateLogs(None)
    command.trail_arn = "arn:aws:cloudtrail:us-east-1:111122223333:trail/bench"
    command.s3_bucket = "bench"
    command.s3_client_provider = command.cloudtrail_client = bucket
    command.organization_client = None
    command._source_region = "us-east-1"
    command.start_time = datetime(2026, 1, 1, tzinfo=UTC)
    command.end_time = datetime(2027, 1, 1, tzinfo=UTC)
    start = time.perf_counter()
    command._call()
    print(f"seconds {time.perf_counter() - start}")  # noqa: T201  (a command)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
