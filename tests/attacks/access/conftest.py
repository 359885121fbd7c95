"""A decider as a process has it: one, shared by all tests, so that what one remembers another would meet."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from phivault.access.decide import Decider
from phivault.access.facts import PatientFacts
from phivault.access.principal import Principal
from phivault.access.purpose import Purpose
from phivault.phi.data_class import DataClass

ACTIONS = ("create", "read", "update", "delete", "search")

type Granted = Callable[[Principal, Purpose, PatientFacts | None], set[tuple[str, DataClass]]]


@pytest.fixture(scope="session")
def decider() -> Decider:
    return Decider()


@pytest.fixture
def granted(decider: Decider) -> Granted:
    """Every (action, class) that a principal is granted on an Observation, or in the directory without a patient."""

    def ask(who: Principal, purpose: Purpose, patient: PatientFacts | None) -> set[tuple[str, DataClass]]:
        resource_type = "Observation" if patient else "Organization"
        return {
            (action, data_class)
            for action in ACTIONS
            for data_class in decider.granted(who, purpose, action, resource_type, patient, DataClass)
        }

    return ask
