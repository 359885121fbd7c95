from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from tests.support.beside import Beside
    from tests.support.locked_log import LockedLog
    from tests.support.stack import RunningStack


@pytest.fixture(scope="session")
def side(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Beside]:
    """A second gateway over the stack's stores."""
    from tests.support.beside import Beside

    log = tmp_path_factory.mktemp("beside") / "functions.log"
    with Beside(stack, log) as beside:
        yield beside


@pytest.fixture
def beside(side: Beside) -> Iterator[Beside]:
    """Healthy before and after each test."""
    yield side
    side.s3.heal()
    side.aws.heal()


@pytest.fixture(scope="session")
def locked_log(stack: RunningStack) -> LockedLog:
    from tests.support.locked_log import LockedLog

    return LockedLog(stack)
