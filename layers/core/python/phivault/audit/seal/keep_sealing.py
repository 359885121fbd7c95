"""A minute's sealing. A schedule's shortest period is a minute, and an event shouldn't wait that long."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import replace
from typing import Final

from phivault.audit.seal.sealer import Sealed

EVERY: Final = 15.0
LAST: Final = 45.0


def keep_sealing(
    seal: Callable[[], Sealed],
    *,
    clock: Callable[[], float] = time.monotonic,
    sleep: Callable[[float], None] = time.sleep,
) -> Sealed:
    """Seals, and again every 15 seconds of the first 45 unless nothing was new: who is idle pays for one pass a
    minute, and who has a backlog goes on in the next. The last answer, with the counts of all."""
    began, done = clock(), seal()
    sealed = done
    for at in (EVERY, 2 * EVERY, LAST):
        if not done.sealed or not done.complete or clock() - began > LAST:
            break
        sleep(max(0.0, began + at - clock()))
        done = seal()
        sealed = replace(done, sealed=sealed.sealed + done.sealed, healed=sealed.healed + done.healed)
    return sealed
