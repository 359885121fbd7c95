"""Functions that run by the clock, as EventBridge invokes them: those whose trigger is ``schedule:<seconds>``."""

from __future__ import annotations

import logging
import re
import threading
import time
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

from functions.row import Function
from local.workers import WorkerDied

FIRST_SECONDS = 1.0
_TRIGGER = re.compile(r"schedule:([1-9][0-9]{0,6})", re.ASCII)
_log = logging.getLogger(__name__)


def period(function: Function) -> float | None:
    """Seconds from one start to the next; None for a function that something else triggers. Raises ValueError."""
    if not function.trigger.startswith("schedule:"):
        return None
    found = _TRIGGER.fullmatch(function.trigger)
    if found is None:
        raise ValueError(f"{function.name}: a schedule is named schedule:<seconds>")
    return float(found[1])


class Schedule(threading.Thread):
    """Calls ``invoke`` every ``seconds``, first soon after the start. One call at a time: one that takes longer than
    its period delays the next. A failure is logged, and the next period tries again."""

    def __init__(
        self,
        name: str,
        seconds: float,
        invoke: Callable[[dict[str, Any]], Any],
        *,
        first_seconds: float = FIRST_SECONDS,
    ) -> None:
        super().__init__(name=f"schedule-{name}", daemon=True)
        self._function, self._seconds, self._invoke, self._first = name, seconds, invoke, first_seconds
        self._stopped = threading.Event()

    def run(self) -> None:
        pause = self._first
        while not self._stopped.wait(pause):
            began = time.monotonic()
            try:
                self._invoke(_event())
            except Exception as error:  # noqa: BLE001  (whatever a function raises, the next period tries again)
                if not self._stopped.is_set():
                    _log.warning("%s did not run by its schedule: %s", self._function, _named(error))
            pause = max(0.0, self._seconds - (time.monotonic() - began))

    def stop(self) -> None:
        """No call begins after this. Doesn't wait for the one under way: that ends with its execution environment."""
        self._stopped.set()


def _event() -> dict[str, Any]:
    """As EventBridge has it."""
    now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return {"version": "0", "source": "aws.events", "detail-type": "Scheduled Event", "time": now, "detail": {}}


def _named(error: Exception) -> str:
    # The text of WorkerDied is a type or a function; that of others may hold values.
    return str(error) if isinstance(error, WorkerDied) else type(error).__name__
