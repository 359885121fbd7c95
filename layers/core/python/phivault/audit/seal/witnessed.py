"""Keeping the checkpoint witnessed: after every change of it, every ten minutes, and in every hour."""

from __future__ import annotations

import logging
from datetime import UTC, datetime, timedelta
from typing import Final

from phivault.audit.log.checkpoint import verify
from phivault.audit.log.note import Note, VerifierKey
from phivault.audit.log.witnessing import Witness
from phivault.audit.seal.cosign import cosign
from phivault.audit.seal.keys import WitnessKey
from phivault.audit.seal.standing import At
from phivault.audit.seal.store import SealStore
from phivault.errors import Conflict, IntegrityError, Unavailable

HEARTBEAT: Final = timedelta(minutes=10)
_log = logging.getLogger(__name__)


class Witnessing:
    """``_known`` is the size that the witness last cosigned, ``_kept`` the hour whose checkpoint is locked, as far as
    this process remembers."""

    def __init__(self, store: SealStore, witness: Witness, witness_key: WitnessKey) -> None:
        self._store, self._witness, self._witness_key = store, witness, witness_key
        self._known, self._kept = 0, ""

    def remember(self, at: At) -> None:
        """Of a head as it was found: what the witness has cosigned, and that its hour has a locked one."""
        if at.note is not None and at.witnessed_at is not None:
            self._known = at.checkpoint.size
            self._keep(at.note, at.witnessed_at)

    def refresh(self, at: At, key: VerifierKey, now: datetime) -> None:
        """Has the witness cosign ``at`` where that is due, and ``at`` published with it. Unreachable, it is told.

        Raises Conflict where another sealer moved the head, IntegrityError where the witness refuses it.
        """
        if at.note is None or _fresh(at.witnessed_at, now):
            return
        witness_key = self._witness_key.known()
        if witness_key is None:
            _log.warning("the log's checkpoint is not witnessed: the witness doesn't say its key")
            return
        ours = tuple(each for each in at.note.signatures if (each.name, each.key_id) == (key.name, key.key_id))
        note = Note(at.note.text, ours)
        try:
            signature = cosign(self._witness, witness_key, self._store, note, at.checkpoint, self._known)
        except Unavailable as error:
            _log.warning("the log's checkpoint is not witnessed: %s", error.detail)
            return
        except Conflict:
            self._require_moved(at)
            raise
        self._known = at.checkpoint.size
        at.note = Note(at.note.text, (*ours, signature))
        at.witnessed_at = verify(at.note.encode(), key, witness_key).witnessed_at
        at.tag = self._store.swap(at.note.encode(), at.tag)
        self.remember(at)

    def _require_moved(self, at: At) -> None:
        head = self._store.head()
        if head is not None and head.tag == at.tag:
            raise IntegrityError("The witness knows a larger log than the checkpoint's") from None

    def _keep(self, note: Note, at: int) -> None:
        hour = f"{datetime.fromtimestamp(at, UTC):%Y-%m-%dT%H}"
        if hour != self._kept:
            self._store.keep(hour, note.encode())
            self._kept = hour


def _fresh(at: int | None, now: datetime) -> bool:
    if at is None:
        return False
    last = datetime.fromtimestamp(at, UTC)
    return now - last < HEARTBEAT and f"{now:%Y%m%d%H}" == f"{last:%Y%m%d%H}"
