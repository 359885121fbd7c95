"""Exports of the audit log on S3, in a bucket with Object Lock.

::

    <id>/<path>                                  the export
    personal/<id>.ndjson.zst                     what was opened beside it; expires
    status/<whole|tenant-...>/<id>/<step>.json   what became of it
"""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from botocore.exceptions import ClientError

from phivault.adapters.aws import client, error_code, translated
from phivault.audit.export.job import Progress, Step
from phivault.errors import Conflict, IntegrityError, NotFound

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

URL_SECONDS: Final = 900
PERSONAL: Final = "personal/"
"""Under this the bucket's life-cycle rule lets everything expire after a day."""
_PERSONAL_LOCK: Final = timedelta(hours=1)
_TAKEN: Final = ("PreconditionFailed", "ConditionalRequestConflict")
_MISSING: Final = ("NoSuchKey", "404")


@dataclass(frozen=True, slots=True)
class Lock:
    mode: Literal["GOVERNANCE", "COMPLIANCE"]
    time: timedelta


class S3Exports:
    """Fills phivault.audit.export.job.Jobs; ``folder`` its Folder. Needs s3:PutObject, s3:PutObjectRetention and
    s3:GetObject, to list s3:ListBucket."""

    def __init__(
        self,
        bucket: str,
        *,
        lock_mode: Literal["GOVERNANCE", "COMPLIANCE"] = "COMPLIANCE",
        retention_days: int = 365,
    ) -> None:
        self._bucket, self._lock = bucket, Lock(lock_mode, timedelta(days=retention_days))

    def folder(self, id: str) -> S3Folder:
        return S3Folder(self._bucket, id, self._lock)

    def write(self, tenant: str, id: str, step: Step, said: Mapping[str, Any]) -> None:
        body = json.dumps(dict(said), sort_keys=True).encode()
        _put(self._bucket, f"{_status(tenant)}{id}/{step}.json", body, self._lock)

    def read(self, tenant: str, id: str) -> Progress:
        steps = self._steps(f"{_status(tenant)}{id}/").get(id)
        if not steps:
            raise NotFound("There is no such export")
        last = next(step for step in reversed(Step) if step in steps)
        said = json.loads(_get(self._bucket, f"{_status(tenant)}{id}/{last}.json"))
        return Progress(id, steps, said)

    def said(self, tenant: str, id: str, step: Step) -> Mapping[str, Any]:
        said: dict[str, Any] = json.loads(_get(self._bucket, f"{_status(tenant)}{id}/{step}.json"))
        return said

    def newest(self, tenant: str, limit: int) -> Sequence[Progress]:
        found = [Progress(id, steps) for id, steps in self._steps(_status(tenant)).items()]
        return sorted(found, key=lambda progress: min(progress.steps.values()), reverse=True)[:limit]

    def _steps(self, prefix: str) -> dict[str, dict[Step, datetime]]:
        """The steps of each export under ``prefix``, with S3's times."""
        found: dict[str, dict[Step, datetime]] = {}
        with translated("S3"):
            pages = _client().get_paginator("list_objects_v2").paginate(Bucket=self._bucket, Prefix=prefix)
            for item in (item for page in pages for item in page.get("Contents", ())):
                *_, id, name = item["Key"].split("/")
                found.setdefault(id, {})[Step(name.removesuffix(".json"))] = item["LastModified"]
        return found


@dataclass(frozen=True, slots=True)
class S3Folder:
    """One export. Fills phivault.audit.export.job.Folder, and reads what was written."""

    bucket: str
    id: str
    lock: Lock

    def put(self, path: str, body: bytes) -> None:
        _put(self.bucket, f"{self.id}/{path}", body, self.lock)

    def put_personal(self, body: bytes) -> None:
        # Without a retention of its own the bucket's would keep for long what an erasure must reach.
        _put(self.bucket, self.personal, body, Lock(self.lock.mode, _PERSONAL_LOCK))

    def get(self, path: str) -> bytes:
        """A file. Raises NotFound, Unavailable."""
        return _get(self.bucket, f"{self.id}/{path}")

    def get_personal(self) -> bytes:
        """Raises NotFound where nothing was opened, or it expired; Unavailable."""
        return _get(self.bucket, self.personal)

    @property
    def personal(self) -> str:
        return f"{PERSONAL}{self.id}.ndjson.zst"

    def urls(self, paths: Sequence[str]) -> Iterator[str]:
        """Where whoever has the URL may GET each file, for 15 minutes."""
        yield from (_url(self.bucket, f"{self.id}/{path}") for path in paths)

    def personal_url(self) -> str:
        return _url(self.bucket, self.personal)


def _client() -> S3Client:
    return client("s3", read_timeout=60.0, attempts=4)


def _status(tenant: str) -> str:
    return f"status/tenant-{tenant}/" if tenant else "status/whole/"


def _put(bucket: str, key: str, body: bytes, lock: Lock) -> None:
    checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
    try:
        with translated("S3", *_TAKEN):
            _client().put_object(
                Bucket=bucket,
                Key=key,
                Body=body,
                IfNoneMatch="*",
                ChecksumAlgorithm="SHA256",
                ChecksumSHA256=checksum,
                ServerSideEncryption="AES256",
                ObjectLockMode=lock.mode,
                ObjectLockRetainUntilDate=datetime.now(UTC) + lock.time,
            )
    except ClientError:
        # It stands there: by an attempt of ours whose answer was lost, or by somebody else.
        with translated("S3"):
            found = _client().head_object(Bucket=bucket, Key=key, ChecksumMode="ENABLED")
        if found.get("ChecksumSHA256") != checksum:
            raise Conflict("Something else was written there before") from None


def _get(bucket: str, key: str) -> bytes:
    try:
        with translated("S3", *_MISSING):
            answer = _client().get_object(Bucket=bucket, Key=key)
            return answer["Body"].read()
    except ClientError as error:
        if error_code(error) in _MISSING:
            raise NotFound("There is no such file") from None
        raise IntegrityError("S3 answered what it never should") from None


def _url(bucket: str, key: str) -> str:
    where = {"Bucket": bucket, "Key": key}
    return _client().generate_presigned_url("get_object", Params=where, ExpiresIn=URL_SECONDS)
