"""The witness's memory on S3 with Object Lock: one object for each checkpoint that it accepted."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from hashlib import sha256
from typing import Any, Literal

from botocore.exceptions import ClientError

from phivault.adapters.aws import client, translated
from phivault.audit.witness import Sighting
from phivault.errors import Conflict, IntegrityError

_LARGEST = 10**15 - 1
_TAKEN = "PreconditionFailed"  # a 409 of S3 isn't: whoever was at it at once may have failed, so it is Unavailable


class S3Sightings:
    """Fills phivault.audit.witness.Sightings. Needs s3:ListBucketVersions, s3:GetObject, s3:PutObject and
    s3:PutObjectRetention.

    A key is ``<SHA-256 of the origin, hex>/<10^15 - 1 - old size, 15 digits>``: If-None-Match makes the successor of a
    size the only one, and the newest is listed first. Versions are listed, not keys alone, since a delete marker hides
    an object that is locked.
    """

    def __init__(self, bucket: str, *, lock_mode: Literal["GOVERNANCE", "COMPLIANCE"], retention_days: int) -> None:
        self._bucket, self._lock_mode, self._retention = bucket, lock_mode, timedelta(days=retention_days)

    def latest(self, origin: str) -> Sighting | None:
        with translated("S3"):
            found = client("s3").list_object_versions(Bucket=self._bucket, Prefix=_prefix(origin), MaxKeys=2)
        versions: list[Any] = [*found.get("Versions", ()), *found.get("DeleteMarkers", ())]
        if not versions:
            return None
        key = min(version["Key"] for version in versions)
        if found.get("DeleteMarkers") or [version["Key"] for version in versions].count(key) > 1:
            raise IntegrityError("What the witness saw was hidden or replaced")
        with translated("S3"):
            body = client("s3").get_object(Bucket=self._bucket, Key=key)["Body"].read()
        sighting = Sighting.parse(body)
        if _key(origin, sighting.old) != key:
            raise IntegrityError("What the witness saw lies under another's key")
        return sighting

    def add(self, origin: str, sighting: Sighting) -> None:
        try:
            with translated("S3", _TAKEN):
                client("s3").put_object(
                    Bucket=self._bucket,
                    Key=_key(origin, sighting.old),
                    Body=sighting.encode(),
                    ContentType="text/plain; charset=utf-8",
                    IfNoneMatch="*",
                    ChecksumAlgorithm="SHA256",
                    ServerSideEncryption="AES256",
                    ObjectLockMode=self._lock_mode,
                    ObjectLockRetainUntilDate=datetime.now(UTC) + self._retention,
                )
        except ClientError:
            raise Conflict("The witness has seen another successor") from None


def _prefix(origin: str) -> str:
    return f"{sha256(origin.encode()).hexdigest()}/"


def _key(origin: str, old: int) -> str:
    return f"{_prefix(origin)}{_LARGEST - old:015d}"
