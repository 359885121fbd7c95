"""docs/search.md: its commands run as a reader would run them, and each answer is the one that stands below."""

from __future__ import annotations

import shutil
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.support.played_page import play

if TYPE_CHECKING:
    from tests.support.stack import RunningStack


@pytest.mark.skipif(shutil.which("curl") is None or shutil.which("bash") is None, reason="curl or bash is missing")
def test_every_answer_is_the_one_shown(stack: RunningStack, tmp_path: Path) -> None:
    assert play("search.md", stack, tmp_path, role="clinician") == 4
