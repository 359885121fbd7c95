"""CloudTrail's files in their bucket: ``AWSLogs/<account>/CloudTrail/<region>/<yyyy>/<mm>/<dd>/...json.gz``.

AWS actions: s3:ListBucket, s3:GetObject.
"""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

from phivault.adapters.aws import client, translated

_ROOT = "AWSLogs/"
_KIND = "CloudTrail/"


class S3Trail:
    """Fills TrailFiles of phivault.audit.reconcile, for every account and region that delivers here."""

    def __init__(self, bucket: str) -> None:
        self._bucket = bucket

    def files(self, since: datetime) -> Iterator[tuple[str, bytes]]:
        with translated("S3"):
            for account in self._folders(_ROOT):
                for region in self._folders(account + _KIND):
                    for day in _days(since):
                        yield from self._files(f"{region}{day:%Y/%m/%d}/", since)

    def _folders(self, prefix: str) -> Iterator[str]:
        listing = client("s3").get_paginator("list_objects_v2")
        for page in listing.paginate(Bucket=self._bucket, Prefix=prefix, Delimiter="/"):
            yield from (found["Prefix"] for found in page.get("CommonPrefixes", ()))

    def _files(self, prefix: str, since: datetime) -> Iterator[tuple[str, bytes]]:
        listing = client("s3").get_paginator("list_objects_v2")
        for page in listing.paginate(Bucket=self._bucket, Prefix=prefix):
            for found in page.get("Contents", ()):
                # S3 tells whole seconds; what was delivered before a moment can't tell of later ones.
                if found["LastModified"] >= since - timedelta(seconds=1):
                    read = client("s3").get_object(Bucket=self._bucket, Key=found["Key"])
                    yield found["Key"].rpartition("/")[2], read["Body"].read()


def _days(since: datetime) -> Iterator[datetime]:
    day = since.astimezone(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    while day <= datetime.now(UTC):
        yield day
        day += timedelta(days=1)
