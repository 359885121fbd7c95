"""The event store on S3 with Object Lock."""

from __future__ import annotations

import base64
import hashlib
import threading
import time
from datetime import UTC, datetime, timedelta
from random import SystemRandom
from typing import TYPE_CHECKING, Literal

from botocore.exceptions import BotoCoreError, ClientError

from phivault.adapters.aws import client, error_code
from phivault.errors import Conflict, Unavailable

if TYPE_CHECKING:
    from mypy_boto3_s3 import S3Client

_FIRST_PAUSE = 0.05
_RANDOM = SystemRandom()  # spreads load; the system's needs no excuse


class S3Events:
    """Fills ``phivault.audit.store.EventStore``. Needs s3:PutObject, s3:PutObjectRetention and s3:GetObject.

    Whoever calls ``put`` waits no longer than its deadline, however slowly S3 answers. Raises Conflict where
    other bytes stand under the key: another writer has taken our name.
    """

    def __init__(
        self,
        bucket: str,
        *,
        lock_mode: Literal["GOVERNANCE", "COMPLIANCE"],
        retention_days: int,
        attempt_seconds: float = 1.0,
    ) -> None:
        self._bucket, self._lock_mode, self._retention = bucket, lock_mode, timedelta(days=retention_days)
        self._attempt_seconds = attempt_seconds

    def put(self, key: str, body: bytes, *, deadline: float) -> None:
        # botocore's time-outs are per read, so a trickling answer outlasts them: a thread of its own can be
        # left behind. A daemon thread, because one that is stuck must not hold up the process's end either.
        outcome: list[BaseException | None] = []
        worker = threading.Thread(target=self._run, args=(key, body, deadline, outcome), daemon=True)
        worker.start()
        worker.join(max(0.0, deadline - time.monotonic()))
        if not outcome:
            raise Unavailable("S3 did not answer in time")
        if outcome[0] is not None:
            raise outcome[0]

    def _run(self, key: str, body: bytes, deadline: float, outcome: list[BaseException | None]) -> None:
        try:
            self._establish(key, body, deadline)
            outcome.append(None)
        except BaseException as error:  # noqa: BLE001  (handed to the waiting thread, whatever it is)
            outcome.append(error)

    def _establish(self, key: str, body: bytes, deadline: float) -> None:
        """Repeat the same PUT until its outcome is known: stored, refused, or the deadline."""
        pause = _FIRST_PAUSE
        while not self._stored(key, body):
            wait = _RANDOM.uniform(pause / 2, pause)
            if time.monotonic() + wait >= deadline:
                raise Unavailable("S3 did not answer in time")
            time.sleep(wait)
            pause *= 2

    def _stored(self, key: str, body: bytes) -> bool:
        """One attempt. False where the outcome is unknown or S3 asks to try again."""
        checksum = base64.b64encode(hashlib.sha256(body).digest()).decode()
        try:
            self._put(key, body, checksum)
        except ClientError as error:
            if error_code(error) == "PreconditionFailed":
                return self._same(key, checksum)
            return _again(error)
        except BotoCoreError:
            return False
        return True

    def _put(self, key: str, body: bytes, checksum: str) -> None:
        self._client().put_object(
            Bucket=self._bucket,
            Key=key,
            Body=body,
            ContentType="application/x-ndjson",
            IfNoneMatch="*",
            ChecksumAlgorithm="SHA256",
            ChecksumSHA256=checksum,
            ServerSideEncryption="AES256",
            ObjectLockMode=self._lock_mode,
            ObjectLockRetainUntilDate=datetime.now(UTC) + self._retention,
        )

    def _same(self, key: str, checksum: str) -> bool:
        """Whether what stands under ``key`` is an earlier attempt of ours; raises Conflict where it isn't."""
        try:
            found = self._client().head_object(Bucket=self._bucket, Key=key, ChecksumMode="ENABLED")
        except ClientError as error:
            return _again(error)
        except BotoCoreError:
            return False
        if found.get("ChecksumSHA256") != checksum:
            raise Conflict("Other bytes stand under this key of the audit log")
        return True

    def _client(self) -> S3Client:
        return client("s3", read_timeout=self._attempt_seconds, attempts=1)


def _again(error: ClientError) -> bool:
    """False where the same request may succeed later; raises Unavailable where S3 refused for good."""
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    if 400 <= status < 500 and status not in {408, 409, 429}:
        raise Unavailable("S3 refused the audit record") from None
    return False
