"""Answers that take as long whatever happened."""

from __future__ import annotations

import pytest

from phivault.identity.evenly import evenly


class Time:
    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now

    def sleep(self, seconds: float) -> None:
        assert seconds >= 0
        self.now += seconds


@pytest.mark.parametrize(
    ("work", "leaves"), [(0.0, 2.0), (0.01, 2.0), (1.999, 2.0), (2.0, 2.0), (2.1, 4.0), (7.5, 8.0)]
)
def test_it_leaves_at_a_whole_multiple(work: float, leaves: float) -> None:
    time = Time()
    with evenly(2.0, time, time.sleep):
        time.now += work
    assert time.now == pytest.approx(100.0 + leaves)


def test_an_error_leaves_no_sooner() -> None:
    time = Time()
    with pytest.raises(ValueError, match="early"), evenly(2.0, time, time.sleep):
        raise ValueError("early")
    assert time.now == pytest.approx(102.0)
