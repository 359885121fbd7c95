"""Token buckets: a burst, then a steady rate, each source by itself."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from local.gateway.throttle import MAX_BUCKETS, Throttle


class Clock:
    def __init__(self) -> None:
        self.at = 0.0

    def __call__(self) -> float:
        return self.at


def test_a_burst_passes_and_then_the_rate() -> None:
    clock = Clock()
    throttle = Throttle(rate=2, burst=5, now=clock)
    assert [throttle.wait("a") for _ in range(6)] == [0] * 5 + [1]
    clock.at = 0.4
    assert throttle.wait("a") > 0
    clock.at = 0.5
    assert [throttle.wait("a") for _ in range(2)] == [0, 1]


def test_refused_requests_cost_nothing() -> None:
    clock = Clock()
    throttle = Throttle(rate=1, burst=1, now=clock)
    throttle.wait("a")
    assert all(throttle.wait("a") for _ in range(100))
    clock.at = 1.0
    assert throttle.wait("a") == 0


def test_sources_have_buckets_of_their_own() -> None:
    throttle = Throttle(rate=1, burst=1, now=Clock())
    assert [throttle.wait(source) for source in ("a", "b", "a", "b")] == [0, 0, 1, 1]


def test_an_idle_source_gets_its_burst_back_and_no_more() -> None:
    clock = Clock()
    throttle = Throttle(rate=1, burst=3, now=clock)
    for _ in range(3):
        throttle.wait("a")
    clock.at = 1_000_000.0
    assert [throttle.wait("a") for _ in range(4)] == [0, 0, 0, 1]


def test_the_wait_is_long_enough() -> None:
    clock = Clock()
    throttle = Throttle(rate=0.1, burst=1, now=clock)
    assert throttle.wait("a") == 0
    clock.at += throttle.wait("a")
    assert throttle.wait("a") == 0


def test_many_sources_hold_a_bounded_number_of_buckets() -> None:
    throttle = Throttle(rate=1, burst=1, now=Clock())
    for number in range(MAX_BUCKETS + 10):
        throttle.wait(str(number))
    assert len(throttle._buckets) == MAX_BUCKETS
    assert throttle.wait(str(MAX_BUCKETS + 9)) > 0


@given(st.lists(st.floats(0, 2), max_size=60), st.floats(0.5, 5), st.integers(1, 5))
def test_never_more_than_burst_and_rate_allow(steps: list[float], rate: float, burst: int) -> None:
    clock = Clock()
    throttle = Throttle(rate=rate, burst=burst, now=clock)
    passed = 0
    for step in steps:
        clock.at += step
        passed += throttle.wait("a") == 0
    assert passed <= burst + clock.at * rate + 1e-6
