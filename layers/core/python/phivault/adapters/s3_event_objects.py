"""The objects under ``ev/`` of the audit bucket, listed and read."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Final

from botocore.exceptions import ClientError

from phivault.adapters.aws import client, translated
from phivault.audit.log.store import StoredObject
from phivault.errors import IntegrityError, NotFound

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

MAX_OBJECT: Final = 4 << 20
"""Bytes. A recorder's largest object is half of it, a transaction's 500 events of at most 4096 bytes each; what is
larger is nobody's to read into memory, where sixteen of them are at a time."""
MISSING: Final = ("NoSuchKey", "404")
_DEPTH: Final = 4


class S3EventObjects:
    """Fills phivault.audit.log.store.EventObjects. Needs s3:GetObject and s3:ListBucket (without which a missing object
    is an outage, not NotFound), for ``objects`` s3:ListBucketVersions. ``get`` raises IntegrityError for an object
    above 4 MiB."""

    def __init__(self, audit_bucket: str) -> None:
        self._audit = audit_bucket

    def hours(self, since: str = "") -> Iterator[str]:
        yield from self._below("ev/", f"ev/{since}/" if since else "", _DEPTH)

    def _below(self, prefix: str, since: str, depth: int) -> Iterator[str]:
        if depth == 0:
            yield prefix.removeprefix("ev/").removesuffix("/")
            return
        for found in _prefixes(self._audit, prefix, "/"):
            if found >= since[: len(found)]:
                yield from self._below(found, since, depth - 1)

    def writers(self, hour: str) -> Sequence[str]:
        return list(_prefixes(self._audit, f"ev/{hour}/", "-"))

    def keys(self, prefix: str, after: str = "") -> Iterator[str]:
        yield from keys(self._audit, prefix, after)

    def objects(self, hour: str) -> Iterator[StoredObject]:
        newest: dict[str, dict[str, Any]] = {}
        versions: dict[str, int] = {}
        with translated("S3"):
            pages = s3().get_paginator("list_object_versions").paginate(Bucket=self._audit, Prefix=f"ev/{hour}/")
            for page in pages:
                for version in [*page.get("Versions", ()), *page.get("DeleteMarkers", ())]:
                    key = str(version["Key"])
                    versions[key] = versions.get(key, 0) + 1
                    before = newest.get(key)
                    if "Size" in version and (before is None or version["LastModified"] > before["LastModified"]):
                        newest[key] = dict(version)
        for key in sorted(newest):
            yield _stored(newest[key], versions[key])

    def get(self, key: str) -> bytes:
        return read(self._audit, key, MAX_OBJECT)

    def stored_at(self, key: str) -> datetime:
        with translated("S3", *MISSING):
            try:
                return s3().head_object(Bucket=self._audit, Key=key)["LastModified"].astimezone(UTC)
            except ClientError:
                raise NotFound("The audit bucket has no such object") from None


def s3() -> S3Client:
    # Nobody waits for an answer here: a large object may take its time, and a lost answer is asked for again.
    return client("s3", read_timeout=20.0, attempts=3)


def read(bucket: str, key: str, most: int) -> bytes:
    """Raises NotFound, Unavailable, IntegrityError for more than ``most`` bytes."""
    with translated("S3", *MISSING):
        try:
            found = s3().get_object(Bucket=bucket, Key=key)
        except ClientError:
            raise NotFound("The bucket has no such object") from None
        if found["ContentLength"] > most:
            found["Body"].close()
            raise IntegrityError("An object of the log is too large to be one")
        return found["Body"].read()


def keys(bucket: str, prefix: str, after: str = "") -> Iterator[str]:
    with translated("S3"):
        pages = s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, StartAfter=after)
        for page in pages:
            yield from (found["Key"] for found in page.get("Contents", ()))


def _prefixes(bucket: str, prefix: str, delimiter: str) -> Iterator[str]:
    with translated("S3"):
        pages = s3().get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, Delimiter=delimiter)
        for page in pages:
            yield from (found["Prefix"] for found in page.get("CommonPrefixes", ()))


def _stored(version: dict[str, Any], versions: int) -> StoredObject:
    at = version["LastModified"].astimezone(UTC)
    modified = f"{at:%Y-%m-%dT%H:%M:%S}.{at.microsecond // 1000:03d}Z"
    return StoredObject(version["Key"], version["Size"], version["ETag"].strip('"'), modified, versions)
