"""The newest checkpoint of the Merkle log, for the events that are recorded after it."""

from __future__ import annotations

import logging
import threading
import time
from typing import Final

from phivault.adapters.aws import client, translated
from phivault.audit.log.checkpoint import parse as parse_checkpoint
from phivault.audit.log.note import MAX_NOTE, parse
from phivault.errors import PhivaultError

_MOST: Final = 10**15
_log = logging.getLogger(__name__)


class LastCheckpoint:
    """``size/root`` as an event has it; empty until it was read once. Needs s3:GetObject on the head bucket.

    A call answers what is known and, once a minute at most, has it read again beside the caller, whom a slow or
    missing answer costs nothing. Signatures aren't looked at: what an event says of the log, the verifier compares
    with the log. One caller at a time.
    """

    def __init__(self, head_bucket: str, *, every_seconds: float = 60.0) -> None:
        self._bucket, self._every = head_bucket, every_seconds
        self._known, self._next = "", 0.0

    def __call__(self) -> str:
        if time.monotonic() >= self._next:
            self._next = time.monotonic() + self._every
            threading.Thread(target=self._refresh, name="last-checkpoint", daemon=True).start()
        return self._known

    def _refresh(self) -> None:
        try:
            checkpoint = parse_checkpoint(parse(self._read()).text)
        except PhivaultError as error:
            _log.warning("the log's checkpoint can't be read: %s", error.code)
            return
        if checkpoint.size < _MOST:  # as many digits as an event has room for
            self._known = f"{checkpoint.size}/{checkpoint.root.hex()}"

    def _read(self) -> bytes:
        # The recorder's own client: making one costs more than everything else here.
        with translated("S3"):
            found = client("s3", read_timeout=1.0, attempts=1).get_object(Bucket=self._bucket, Key="checkpoint")
            return found["Body"].read(MAX_NOTE + 1)
