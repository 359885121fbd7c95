"""The audit log as whoever holds the bucket sees it: objects and their lines, read over S3."""

from __future__ import annotations

import json
from typing import Any

from phivault.audit.canonical import line_hash
from tests.support.stack import RunningStack


class LockedLog:
    """``lines()`` fetches what was added since it was last asked, and answers all of it."""

    def __init__(self, stack: RunningStack) -> None:
        self._s3, self._bucket = stack.aws("s3"), stack.facts["audit_bucket"]
        self.objects: dict[str, bytes] = {}
        self._lines: list[dict[str, Any]] = []

    def lines(self) -> list[dict[str, Any]]:
        self._fetch()
        return self._lines

    def events(self, **wanted: Any) -> list[dict[str, Any]]:
        """The events whose members are these."""
        events = [line for line in self.lines() if line["kind"] == "event"]
        return [event for event in events if all(event[name] == value for name, value in wanted.items())]

    def chains_hold(self) -> None:
        """Every writer's lines are there without a gap, each with the hash of the one before."""
        self._fetch()
        chains: dict[str, list[bytes]] = {}
        for line in (line for body in self.objects.values() for line in body.splitlines()):
            chains.setdefault(json.loads(line)["writer"], []).append(line)
        for writer, lines in chains.items():
            lines.sort(key=lambda line: int(json.loads(line)["sequence"]))
            hashes = [line_hash(line) for line in lines[:-1]]
            assert [json.loads(line)["sequence"] for line in lines] == list(range(len(lines))), writer
            assert [json.loads(line)["prev"] for line in lines[1:]] == hashes, writer

    def _fetch(self) -> None:
        for page in self._s3.get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix="ev/"):
            for entry in page.get("Contents", ()):
                if entry["Key"] not in self.objects:
                    got = self._s3.get_object(Bucket=self._bucket, Key=entry["Key"])
                    self.objects[entry["Key"]] = body = got["Body"].read()
                    self._lines += [json.loads(line) for line in body.splitlines()]
