"""Fixtures: a gateway with nothing behind it."""

from __future__ import annotations

import pytest

from local.gateway.throttle import Throttle
from tests.local.gateway.harness import Asked, Client, Pool


@pytest.fixture(scope="session")
def pool() -> Pool:
    return Pool()


@pytest.fixture
def asked() -> Asked:
    return Asked()


@pytest.fixture
def throttles() -> dict[str, Throttle]:
    return {}


@pytest.fixture
def client(pool: Pool, asked: Asked, throttles: dict[str, Throttle]) -> Client:
    return Client(pool, asked, throttles)
