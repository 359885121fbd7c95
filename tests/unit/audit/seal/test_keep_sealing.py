"""A minute's sealing goes on while events come, and costs one pass when none do."""

from __future__ import annotations

import pytest

from phivault.audit.seal.keep_sealing import keep_sealing
from phivault.audit.seal.sealer import Sealed


@pytest.mark.parametrize(
    ("found", "passes"), [([0], [0.0]), ([5, 0], [0.0, 15.0]), ([1, 2, 3, 4], [0.0, 15.0, 30.0, 45.0])]
)
def test_passes(found, passes):
    clock, began = [0.0], []

    def seal() -> Sealed:
        began.append(clock[0])
        clock[0] += 3.0
        sealed = found[len(began) - 1]
        return Sealed(size=sum(found[: len(began)]), root="", sealed=sealed, healed=1, complete=True)

    def sleep(seconds: float) -> None:
        clock[0] += seconds

    sealed = keep_sealing(seal, clock=lambda: clock[0], sleep=sleep)
    assert began == passes
    assert (sealed.size, sealed.sealed, sealed.healed) == (sum(found), sum(found), len(passes))


def test_a_pass_longer_than_the_pause_is_followed_at_once():
    clock, slept = [0.0], []

    def seal() -> Sealed:
        clock[0] += 40.0
        return Sealed(size=1, root="", sealed=1, complete=True)

    keep_sealing(seal, clock=lambda: clock[0], sleep=slept.append)
    assert slept == [0.0], "and none begins that might outlive its process"


def test_a_backlog_is_left_for_the_next_minute():
    slept = []
    sealed = keep_sealing(lambda: Sealed(size=1, root="", sealed=1), sleep=slept.append)
    assert (slept, sealed.complete) == ([], False)
