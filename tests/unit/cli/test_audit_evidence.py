"""What a reconciliation is given to read."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from phivault.cli.audit import evidence
from phivault.errors import InvalidInput


def test_what_is_no_file_is_not_read(tmp_path: Path) -> None:
    """A device may never end, a pipe may never begin."""
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    for path in (pipe, tmp_path, Path(os.devnull).with_name("zero")):
        with pytest.raises(InvalidInput, match="is no file"):
            evidence.roles(path)
    with pytest.raises(InvalidInput, match="can't be read"):
        evidence.roles(tmp_path / "nothing")
