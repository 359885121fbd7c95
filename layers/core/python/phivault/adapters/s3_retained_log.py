"""The sealer's storage where tenants have retention of their own: what it locks takes the longest period, and holds."""

from __future__ import annotations

from typing import Literal

from phivault.adapters.s3_log import S3Log
from phivault.audit.log.tiles import WIDTH, parse_path
from phivault.audit.retain import LOG, Applier


class S3RetainedLog(S3Log):
    """As S3Log; a write that was made but not retained is made again by the sealer, since it raises Unavailable.
    Needs besides: s3:GetObjectRetention and s3:PutObjectLegalHold on the audit bucket."""

    def __init__(
        self,
        audit_bucket: str,
        head_bucket: str,
        applier: Applier,
        *,
        lock_mode: Literal["GOVERNANCE", "COMPLIANCE"],
        retention_days: int,
    ) -> None:
        super().__init__(audit_bucket, head_bucket, lock_mode=lock_mode, retention_days=retention_days)
        self._applier = applier

    def publish(self, path: str, body: bytes) -> None:
        super().publish(path, body)
        if parse_path(path).width == WIDTH:
            self._applier.apply([(LOG + path, None)])

    def keep(self, hour: str, note: bytes) -> None:
        super().keep(hour, note)
        self._applier.apply([(f"{LOG}checkpoints/{hour}", None)])
