from __future__ import annotations

import pytest

from tests.support.sealing import Log


@pytest.fixture
def log() -> Log:
    return Log()
