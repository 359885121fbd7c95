"""aics-tlog, an implementation of C2SP transparency logs that shares no code with phivault, verifies an export."""

from __future__ import annotations

from pathlib import Path

import aics_tlog
import pytest
import zstandard

from tests.independent.exports import FALSIFIED, fresh_export, world
from tests.independent.python.verify_export import verify
from tests.support.exported import World, write


def _verify(folder: Path) -> tuple[int, int]:
    log = world().log
    return verify(folder, log.log_key.vkey, log.witness_key.vkey)


def test_it_verifies_an_export(tmp_path: Path) -> None:
    assert _verify(fresh_export(tmp_path)) == (world().log.size, 0)


@pytest.mark.parametrize("name", FALSIFIED)
def test_it_notices(name: str, tmp_path: Path) -> None:
    folder = fresh_export(tmp_path)
    FALSIFIED[name](folder)
    with pytest.raises((ValueError, OSError, zstandard.ZstdError)):
        _verify(folder)


def test_a_fork_signed_by_the_log_itself_lacks_the_witness(tmp_path: Path) -> None:
    fork = World()
    fork.record({}, {})
    fork.seal()
    files = fork.export()[1]
    assert _verify(write(files, tmp_path)) == (3, 0)
    genuine = aics_tlog.parse_note(files["checkpoint"])
    forked = aics_tlog.Note(genuine.text, genuine.signatures[:1]).to_bytes()
    with pytest.raises(ValueError, match="cosignature"):
        _verify(write({"checkpoint": forked}, tmp_path))
