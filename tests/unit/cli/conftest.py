"""Imports of a folder into an API that is none."""

from __future__ import annotations

from pathlib import Path

import pytest

from phivault.cli.imports import send
from tests.support.fake_fhir import FakeFhir
from tests.support.importing import Import, carry


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "source"
    made.mkdir()
    return made


@pytest.fixture
def api(monkeypatch: pytest.MonkeyPatch) -> FakeFhir:
    """For whose outages nobody waits long."""
    monkeypatch.setattr(send, "_LONGEST_WAIT", 0.01)
    monkeypatch.setattr(send, "_jitter", lambda _, __: -0.49)
    return FakeFhir()


@pytest.fixture
def run(folder: Path, api: FakeFhir) -> Import:
    """An import of the folder; ``again`` sends what was refused."""

    def go(most: int = 500, parallel: int = 2, patience: float = 30, *, again: bool = False) -> dict[str, int]:
        return carry(folder, api, most=most, parallel=parallel, patience=patience, again=again)

    return go
