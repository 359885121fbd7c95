"""What is read of the sealed log: everything from a moment on, though bundles aren't in order of time."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from phivault.audit.canonical import EventLine, Link, encode
from phivault.audit.log.tiles import WIDTH
from phivault.audit.reconcile.sealed import SealedLog
from tests.support.audit import an_event
from tests.support.evidence import NOON, stamp
from tests.support.memory_log import WITNESS, MemoryLog

HOUR = 3600


def a_log(times: list[float]) -> SealedLog:
    """A bundle for each time."""
    log = MemoryLog()
    for at in times:
        event = an_event(timestamp=stamp(at))
        log.append([encode(EventLine(event, Link(writer="ab" * 16, sequence=1, prev="0" * 64)))] * WIDTH)
    found = SealedLog.newest(log, WITNESS)
    assert found is not None
    return found


def read(log: SealedLog, since: float) -> list[float]:
    return sorted({one.at for one in log.mentions(since) if one.at >= since})


def test_after_an_outage_of_the_sealer_nothing_is_passed_over() -> None:
    """A writer's whole hour is sealed before another's, whose bundle stands where a search for the time looks last."""
    times = [NOON, NOON + 59 * 60, NOON + 1800, NOON + 60, NOON + 1801, NOON + HOUR]
    assert read(a_log(times), NOON + 3500) == [NOON + 59 * 60, NOON + HOUR]


@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(0, HOUR - 1), min_size=2, max_size=12), st.integers(0, 6))
def test_any_order_within_an_hour_is_read_whole(minutes: list[int], half: int) -> None:
    times = [NOON + index // 4 * HOUR + late for index, late in enumerate(minutes)]
    since = NOON + half * HOUR / 2
    assert read(a_log(times), since) == sorted({at for at in times if at >= since})
