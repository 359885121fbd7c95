"""Object Lock of the audit bucket, lengthened and held.

AWS actions: s3:GetObjectRetention, s3:PutObjectRetention, s3:PutObjectLegalHold; for a walk s3:ListBucket and
s3:GetObject too.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Literal

from botocore.exceptions import ClientError

from phivault.adapters.aws import client, translated
from phivault.audit.retain import Listed

_UNLOCKED = "NoSuchObjectLockConfiguration"


class S3Retention:
    """Fills LockedObjects of phivault.audit."""

    def __init__(self, bucket: str, *, lock_mode: Literal["GOVERNANCE", "COMPLIANCE"]) -> None:
        self._bucket = bucket
        self._mode: Literal["GOVERNANCE", "COMPLIANCE"] = lock_mode

    def after(self, prefix: str, key: str) -> Iterator[Listed]:
        listing = client("s3").get_paginator("list_objects_v2")
        pages = listing.paginate(Bucket=self._bucket, Prefix=prefix, StartAfter=key)
        with translated("S3"):
            for page in pages:
                for found in page.get("Contents", ()):
                    yield Listed(found["Key"], found["LastModified"])

    def read(self, key: str) -> bytes:
        with translated("S3"):
            return client("s3").get_object(Bucket=self._bucket, Key=key)["Body"].read()

    def retain(self, key: str, until: datetime) -> None:
        held = self._until(key)
        if held is not None and held >= until:
            return
        # S3 keeps whole seconds: up, so that the next walk finds what it asks for.
        ceiling = until.replace(microsecond=0) + timedelta(seconds=1)
        with translated("S3"):
            client("s3").put_object_retention(
                Bucket=self._bucket, Key=key, Retention={"Mode": self._mode, "RetainUntilDate": ceiling}
            )

    def hold(self, key: str, on: bool) -> None:
        with translated("S3"):
            client("s3").put_object_legal_hold(
                Bucket=self._bucket, Key=key, LegalHold={"Status": "ON" if on else "OFF"}
            )

    def _until(self, key: str) -> datetime | None:
        try:
            with translated("S3", _UNLOCKED):
                found = client("s3").get_object_retention(Bucket=self._bucket, Key=key)
        except ClientError:
            return None
        until = found.get("Retention", {}).get("RetainUntilDate")
        return until.astimezone(UTC) if until is not None else None
