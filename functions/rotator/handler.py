"""The rotator: invoked by an operator (``phivault keys``) with ``{"action", "tenant", "subject", "after", "by"}``, all
but the first optional: a slice of the work, as long as there is time. Answers counts and ``after``, the place to ask
for next, null when all is done; ``error`` where something failed, after which the same may be asked again."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from typing import Any, Final

from phivault import bootstrap, logs
from phivault.audit.system import request
from phivault.errors import InvalidInput, PhivaultError
from phivault.phi.detect import redact_line
from phivault.rotation import forget, reseal, retire, rewrap, rotate, status
from phivault.rotation.service import Rotation
from phivault.rotation.slices import Slice

logs.configure("rotator", redact_line)
log = logging.getLogger(__name__)

SLICE_SECONDS: Final = 40.0
"""Shorter than the minute after an event within which it accounts for a key's use (audit/reconcile/match.py): a key
that memory let go of in the middle of a slice is unwrapped again."""
_FIELDS: Final = ("tenant", "subject", "by", "after")


def handler(event: dict[str, Any], context: Any) -> dict[str, Any]:
    request.set(context.aws_request_id)
    try:
        work = _slice(event)
        return _ACTIONS[_text(event, "action", _ACTIONS)](bootstrap.rotation(), work)
    except PhivaultError as error:
        log.error("no rotation: %s", error.code, exc_info=error)
        return {"error": error.code, "detail": error.detail}


def _slice(event: dict[str, Any]) -> Slice:
    tenant, subject, by, after = (_text(event, name) for name in _FIELDS)
    return Slice(tenant, subject, by, after, time.monotonic() + SLICE_SECONDS)


def _text(event: dict[str, Any], name: str, among: Any = None) -> str:
    value = event.get(name, "")
    if not isinstance(value, str) or (among is not None and value not in among):
        raise InvalidInput(f"{name} is not one that the rotator knows")
    return value


def _worked(work_on: Callable[[Rotation, Slice], None]) -> Callable[[Rotation, Slice], dict[str, Any]]:
    def act(rotation: Rotation, work: Slice) -> dict[str, Any]:
        work_on(rotation, work)
        return work.said()

    return act


def _keys(rotation: Rotation, work: Slice) -> dict[str, Any]:
    found = status.keys(rotation, work)
    return work.said() | found.said() | {"current": rotation.wrapper.current, "services": status.services(rotation)}


_ACTIONS: Final = {
    "rotate": _worked(rotate.rotate),
    "reseal": _worked(reseal.reseal),
    "retire": _worked(retire.retire),
    "forget": _worked(forget.forget),
    "rewrap": _worked(rewrap.rewrap),
    "status": _keys,
    "rows": _worked(status.rows),
}
