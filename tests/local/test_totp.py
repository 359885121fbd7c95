"""The steps whose codes an authenticator app shows."""

from __future__ import annotations

import pytest

from local.totp import SLACK, STEP, unused

NOW = 1000 * STEP


class Clock:
    def __init__(self, at: float) -> None:
        self.at = at

    def __call__(self) -> float:
        return self.at

    def sleep(self, seconds: float) -> None:
        self.at += seconds


def test_the_step_before_comes_first_and_each_once() -> None:
    clock, steps = Clock(NOW + 1), [0]
    while len(steps) < 5:
        steps.append(unused(steps[-1], now=clock, sleep=clock.sleep))
    assert steps[1:] == [999, 1000, 1001, 1002]
    assert clock.at == NOW + STEP, "waited for the last one alone, until Cognito takes it"


@pytest.mark.parametrize("into", [0, STEP - SLACK - 1, STEP - SLACK, STEP - 0.001])
@pytest.mark.parametrize("last", [0, 999, 1000, 1001])
def test_every_code_counts_for_a_while(into: float, last: int) -> None:
    clock = Clock(NOW + into)
    step = unused(last, now=clock, sleep=clock.sleep)
    assert step > last
    present = int(clock.at) // STEP
    assert present - 1 <= step <= present + 1
    assert (step + 2) * STEP - clock.at >= SLACK
