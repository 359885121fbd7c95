"""Requests race with changes. Whatever begins after a change's answer is decided by what was changed."""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest

from phivault.access.decide import Asked, Decider
from phivault.access.remembered import Remembered
from phivault.access.roles import Role
from phivault.phi.data_class import DataClass
from tests.support.facts import Given, MemoryFacts
from tests.support.people import TREATMENT, principal
from tests.support.tenant_policies import MemoryTenantPolicies

CHANGES = 60
READERS = 4
CLINICIAN = principal(Role.CLINICIAN)
PATIENTS = ("p", "q", "r")


@pytest.fixture(autouse=True)
def _switch_often() -> Iterator[None]:
    usual = sys.getswitchinterval()
    sys.setswitchinterval(1e-5)
    yield
    sys.setswitchinterval(usual)


class Race:
    """``change(n)`` makes the n-th change and returns when it is answered; ``ask()`` decides as a request does. An
    answer counts where no change ran meanwhile: then it is known what it must be."""

    def __init__(self, change: Callable[[int], None], ask: Callable[[], bool]) -> None:
        self._change, self._ask = change, ask
        self._begun = self._answered = 0
        self._decided = -1
        self._over = threading.Event()

    def run(self) -> list[tuple[int, bool]]:
        """How many changes were answered before each decision that counts, and how it fell."""
        with ThreadPoolExecutor(READERS) as pool:
            readers = [pool.submit(self._read) for _ in range(READERS)]
            try:
                for number in range(1, CHANGES + 1):
                    self._begun = number
                    self._change(number)
                    self._answered = number
                    # Until somebody decided since; whoever is at it just now goes on into the next change.
                    while self._decided < number and not any(reader.done() for reader in readers):
                        time.sleep(0)
            finally:
                self._over.set()
            return [seen for reader in readers for seen in reader.result()]

    def _read(self) -> list[tuple[int, bool]]:
        seen = []
        while not self._over.is_set():
            before = self._answered
            answer = self._ask()
            if before == self._begun:
                seen.append((before, answer))
                self._decided = max(self._decided, before)
        return seen


def outcome(race: Race) -> None:
    seen = race.run()
    assert [(number, answer) for number, answer in seen if answer != (number % 2 == 1)] == []
    assert {number for number, _ in seen} >= set(range(1, CHANGES + 1)), "something was decided after every change"


def reading(decider: Decider, facts: MemoryFacts) -> Callable[[], bool]:
    def ask() -> bool:
        known = facts.load(CLINICIAN, TREATMENT, PATIENTS)
        asked = [Asked("read", "Observation", known[patient], [DataClass.CLINICAL]) for patient in PATIENTS]
        return bool(decider.granted_all(CLINICIAN, TREATMENT, asked)[1])

    return ask


@pytest.mark.parametrize("remembered", [2, 4096])
def test_a_membership_that_comes_and_goes(remembered: int) -> None:
    decider, facts = Decider(), MemoryFacts()
    decider._memory = Remembered(remembered)

    def change(number: int) -> None:
        if number % 2:
            facts.join_care_team("t", "q", "user", Role.CLINICIAN)
        else:
            facts.members.clear()

    outcome(Race(change, reading(decider, facts)))


def test_a_grant_that_comes_and_goes_beside_memberships_that_stay() -> None:
    decider, facts = Decider(), MemoryFacts()
    facts.members = {("t", patient, "user"): Role.CLINICIAN for patient in ("p", "r")}

    def change(number: int) -> None:
        facts.given["t", "q", "user"] = [Given(frozenset({"clinical"}))] if number % 2 else []

    outcome(Race(change, reading(decider, facts)))


def test_a_restriction_that_is_lifted_and_laid_again() -> None:
    decider, facts = Decider(), MemoryFacts()
    facts.members = {("t", patient, "user"): Role.CLINICIAN for patient in PATIENTS}
    facts.restrictions["t", "q"] = frozenset()

    def change(number: int) -> None:
        if number % 2:
            facts.restrictions.pop(("t", "q"), None)
        else:
            facts.restrictions["t", "q"] = frozenset()

    outcome(Race(change, reading(decider, facts)))


def test_versions_of_a_tenants_policies() -> None:
    """As sessions read it: the version first, the text by it."""
    texts = {
        ("t", number): 'permit (principal in Role::"clinician", action, resource);'
        if number % 2
        else "forbid (principal, action, resource);"
        for number in range(1, CHANGES + 1)
    }
    decider, facts = Decider(tenants=MemoryTenantPolicies(texts)), MemoryFacts()
    held = {"version": 0}

    def ask() -> bool:
        who = replace(CLINICIAN, policies=held["version"])
        patient = facts.load(who, TREATMENT, ["p"])["p"]
        return bool(decider.granted(who, TREATMENT, "read", "Observation", patient, [DataClass.CLINICAL]))

    outcome(Race(lambda number: held.update(version=number), ask))
