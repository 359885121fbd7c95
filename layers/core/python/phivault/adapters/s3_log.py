"""The Merkle log on S3. In the audit bucket, locked: ``log/tile/...`` (full tiles and bundles) and
``log/checkpoints/<hour>``. In the head bucket: ``checkpoint``, ``tile/...`` (partial ones), ``staging/...``."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Final, Literal

from botocore.exceptions import ClientError

from phivault.adapters.aws import translated
from phivault.adapters.s3_event_objects import MISSING, S3EventObjects, keys, read, s3
from phivault.audit.log.merkle import HASH_SIZE
from phivault.audit.log.note import MAX_NOTE
from phivault.audit.log.tiles import WIDTH, Bundle, Tile, decode_entries, encode_entries, parse_path
from phivault.audit.seal.store import Head
from phivault.errors import Conflict, IntegrityError, NotFound

_CHECKPOINT: Final = "checkpoint"
_LOCKED: Final = "log/"
_HOURLY: Final = "log/checkpoints/"
_STAGING: Final = "staging/"
_MAX_TILE: Final = WIDTH * (2 + 0xFFFF)
_LOST: Final = ("PreconditionFailed", "ConditionalRequestConflict", *MISSING)
_MAX_STAGED: Final = 256 << 20


class S3Log(S3EventObjects):
    """Fills phivault.audit.seal.store.SealStore, and with it LogReader and EventObjects.

    Reading needs s3:GetObject and s3:ListBucket on both buckets; sealing also s3:PutObject on both, with
    s3:PutObjectRetention on the audit bucket and s3:DeleteObject on the other.
    """

    def __init__(
        self,
        audit_bucket: str,
        head_bucket: str,
        *,
        lock_mode: Literal["GOVERNANCE", "COMPLIANCE"] = "COMPLIANCE",
        retention_days: int = 2192,
    ) -> None:
        super().__init__(audit_bucket)
        self._head, self._lock_mode, self._retention = head_bucket, lock_mode, timedelta(days=retention_days)

    def checkpoint(self) -> bytes:
        return read(self._head, _CHECKPOINT, MAX_NOTE)

    def tile(self, path: str) -> bytes:
        named = parse_path(path)
        if named.width == WIDTH:
            return read(self._audit, _LOCKED + path, _MAX_TILE)
        try:
            return read(self._head, path, _MAX_TILE)
        except NotFound:
            pass
        try:
            wider = self._wider(named)
        except NotFound:
            wider = self._wider(named)  # it was withdrawn between the listing and the reading
        return _cut(named, wider)

    def _wider(self, named: Tile | Bundle) -> bytes:
        """Partial tiles are withdrawn once the tree outgrew them."""
        full = replace(named, width=WIDTH)
        try:
            return read(self._audit, _LOCKED + full.path, _MAX_TILE)
        except NotFound:
            widths = [int(key.rpartition("/")[2]) for key in keys(self._head, f"{full.path}.p/")]
            wider = [width for width in widths if width > named.width]
            if not wider:
                raise
            return read(self._head, f"{full.path}.p/{max(wider)}", _MAX_TILE)

    def checkpoints(self, since: str = "") -> Iterator[tuple[str, bytes]]:
        for key in keys(self._audit, _HOURLY, _before(_HOURLY + since) if since else ""):
            yield key.removeprefix(_HOURLY), read(self._audit, key, MAX_NOTE)

    def head(self) -> Head | None:
        with translated("S3", *MISSING):
            try:
                found = s3().get_object(Bucket=self._head, Key=_CHECKPOINT)
            except ClientError:
                return None
            return Head(found["Body"].read(MAX_NOTE + 1), found["ETag"])

    def swap(self, note: bytes, tag: str | None) -> str:
        with translated("S3", *_LOST):
            try:
                if tag is None:
                    put = s3().put_object(Bucket=self._head, Key=_CHECKPOINT, Body=note, IfNoneMatch="*")
                else:
                    put = s3().put_object(Bucket=self._head, Key=_CHECKPOINT, Body=note, IfMatch=tag)
            except ClientError:
                raise Conflict("Another sealer moved the checkpoint") from None
            return put["ETag"]

    def stage(self, name: str, body: bytes) -> None:
        with translated("S3"):
            s3().put_object(Bucket=self._head, Key=_STAGING + name, Body=body)

    def staged(self, name: str) -> bytes:
        return read(self._head, _STAGING + name, _MAX_STAGED)

    def staged_names(self) -> Sequence[str]:
        return [key.removeprefix(_STAGING) for key in keys(self._head, _STAGING)]

    def unstage(self, name: str) -> None:
        with translated("S3"):
            s3().delete_object(Bucket=self._head, Key=_STAGING + name)

    def publish(self, path: str, body: bytes) -> None:
        if parse_path(path).width == WIDTH:
            if not self._lock(_LOCKED + path, body) and read(self._audit, _LOCKED + path, _MAX_TILE) != body:
                raise IntegrityError("Other bytes stand under a tile's path in the locked log")
            return
        with translated("S3"):
            s3().put_object(Bucket=self._head, Key=path, Body=body)

    def withdraw(self, path: str) -> None:
        if parse_path(path).width == WIDTH:
            raise ValueError("a full tile stays")
        with translated("S3"):
            s3().delete_object(Bucket=self._head, Key=path)

    def keep(self, hour: str, note: bytes) -> None:
        self._lock(_HOURLY + hour, note)

    def _lock(self, key: str, body: bytes) -> bool:
        """False where the key is taken."""
        with translated("S3", "PreconditionFailed"):
            try:
                s3().put_object(
                    Bucket=self._audit,
                    Key=key,
                    Body=body,
                    IfNoneMatch="*",
                    ChecksumAlgorithm="SHA256",
                    ChecksumSHA256=base64.b64encode(hashlib.sha256(body).digest()).decode(),
                    ServerSideEncryption="AES256",
                    ObjectLockMode=self._lock_mode,
                    ObjectLockRetainUntilDate=datetime.now(UTC) + self._retention,
                )
            except ClientError:
                return False
        return True


def _cut(named: Tile | Bundle, wider: bytes) -> bytes:
    if isinstance(named, Tile):
        return wider[: HASH_SIZE * named.width]
    return encode_entries(decode_entries(wider)[: named.width])


def _before(key: str) -> str:
    """A key just below ``key``, after which a listing begins with it."""
    return key[:-1] + chr(ord(key[-1]) - 1) + "~"
