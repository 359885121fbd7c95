"""The folder of local state: emptied at every start, so it must be a stack's own."""

from __future__ import annotations

from pathlib import Path

import pytest

from local.workspace import Workspace, WorkspaceHeld


def test_a_folder_with_somebodys_files_is_refused_and_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    monkeypatch.setenv("PHIVAULT_LOCAL", str(tmp_path))
    with pytest.raises(WorkspaceHeld):
        Workspace()
    assert [entry.name for entry in tmp_path.iterdir()] == ["thesis.txt"]


def test_a_stacks_own_folder_starts_empty_again(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHIVAULT_LOCAL", str(tmp_path / "state"))
    first = Workspace()
    (first.folder / "demo.json").write_text("{}")
    (first.folder / "postgres").mkdir()
    first._lock.close()
    second = Workspace()
    assert {entry.name for entry in second.folder.iterdir()} == {"lock", "logs"}


def test_a_folder_is_held_by_one_stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PHIVAULT_LOCAL", str(tmp_path))
    first = Workspace()
    (first.folder / "demo.json").write_text("{}")
    with pytest.raises(WorkspaceHeld):
        Workspace()
    assert (first.folder / "demo.json").exists()
