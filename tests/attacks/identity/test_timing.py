"""Finding out who has an account by the time that a refusal takes.

Pairs of requests, one for an account and one for a name that nobody has, in turns; the area under the ROC curve says
how well the time tells them apart: 0.5 is not at all, 1 always. By chance alone it strays from 0.5 by 0.053 (the
standard deviation for 60 pairs); a difference of a password hash, some 50 ms, would make it 1.
"""

from __future__ import annotations

import logging
import secrets
import time
from typing import TYPE_CHECKING

from tests.support.accounts import Account
from tests.support.sources import client_from

if TYPE_CHECKING:
    import httpx

    from tests.support.stack import RunningStack

log = logging.getLogger(__name__)

ACCOUNTS, EACH = 22, 3
DISCARDED = 4


def _area(one: list[float], other: list[float]) -> float:
    """The Mann-Whitney statistic as a share: how often a time of ``one`` is longer than a time of ``other``."""
    longer = sum((a > b) + (a == b) / 2 for a in one for b in other)
    return longer / (len(one) * len(other))


def _seconds(client: httpx.Client, email: str) -> float:
    started = time.perf_counter()
    answer = client.post("/auth/sign-in", json={"email": email, "password": "wrong-" + secrets.token_urlsafe(12)})
    taken = time.perf_counter() - started
    assert answer.status_code == 401, answer.text
    return taken


def test_the_statistic() -> None:
    assert _area([1, 2], [3, 4]) == 0
    assert _area([3, 4], [1, 2]) == 1
    assert _area([1, 4], [2, 3]) == 0.5


def test_known_and_unknown_names_take_as_long(stack: RunningStack) -> None:
    known = [Account(stack, "clinician", stack.tenants[0]).email for _ in range(ACCOUNTS)]
    unknown = [f"{secrets.token_hex(8)}@people.test" for _ in range(ACCOUNTS)]
    times: dict[bool, list[float]] = {True: [], False: []}
    for number in range(ACCOUNTS * EACH):
        pair = [(True, known[number % ACCOUNTS]), (False, unknown[number % ACCOUNTS])]
        with client_from(stack) as client:
            client.get("/healthz")  # the connection stands before the first of the two is timed
            for is_known, email in pair if number % 2 else reversed(pair):
                times[is_known].append(_seconds(client, email))
    area = _area(times[True][DISCARDED:], times[False][DISCARDED:])
    medians = {name: 1000 * sorted(taken)[len(taken) // 2] for name, taken in times.items()}
    measured = f"AUC {area:.3f}; medians {medians[True]:.1f} ms (known), {medians[False]:.1f} ms (unknown)"
    log.info(measured)  # pytest --log-cli-level=INFO shows it
    assert 0.3 < area < 0.7, measured
