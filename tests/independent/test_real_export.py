"""Exports of a stack that played the demo: phivault, aics-tlog and Go agree on them, for all tenants and for one."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import httpx
import pytest

from phivault.audit.export.segments import MAX_LINES, is_withheld, pack, unpack
from tests.independent.python.verify_export import verify

if TYPE_CHECKING:
    from tests.support.stack import RunningStack

COMMAND = Path(sys.executable).with_name("phivault")
WHOLE, OF_A_TENANT = "whole", "of-a-tenant"
STEPS = (2, 3, 4, 5, 6)
"""Not those that use up codes, destroy keys or open them past the product: other tests count such things."""

type Exports = dict[str, Path]
type Verdict = tuple[int, int]
"""Lines, and how many of them are withheld."""


def phivault(stack: RunningStack, *arguments: str) -> subprocess.CompletedProcess[str]:
    environment = os.environ | {"PHIVAULT_LOCAL": str(stack.folder)}
    return subprocess.run(
        [COMMAND, "audit", *arguments], env=environment, capture_output=True, text=True, timeout=120, check=False
    )


@pytest.fixture(scope="module")
def exports(stack: RunningStack, tmp_path_factory: pytest.TempPathFactory) -> Exports:
    for number in STEPS:
        played = httpx.post(f"{stack.base_url}/_local/demo/{number}", timeout=120).raise_for_status()
        assert '"kept": false' not in played.text
    other = stack.tenants[1]
    assert stack.api("clinician", other).get(f"/fhir/Patient/{stack.patients(other)[0]}").status_code == 200
    folder = tmp_path_factory.mktemp("exports")
    for name, options in ((WHOLE, ()), (OF_A_TENANT, ("--tenant", stack.tenants[0]))):
        made = phivault(stack, "export", str(folder / name), *options)
        assert made.returncode == 0, made.stderr
    return {name: folder / name for name in (WHOLE, OF_A_TENANT)}


def lines(export: Path) -> list[bytes]:
    (segment,) = export.glob("segments/*")
    return unpack(segment.read_bytes(), MAX_LINES)


def expected(export: Path) -> Verdict:
    found = lines(export)
    return len(found), sum(map(is_withheld, found))


def by_phivault(stack: RunningStack, export: Path) -> Verdict:
    keys = ("--key", stack.facts["log_vkey"], "--witness", stack.facts["witness_vkey"])
    done = phivault(stack, "verify", str(export), *keys)
    assert done.returncode == 0, done.stdout + done.stderr
    told = re.search(r"^(\d+) lines(?: \((\d+) withheld\))? of", done.stdout, re.MULTILINE)
    assert told
    return int(told[1]), int(told[2] or 0)


def by_aics_tlog(stack: RunningStack, export: Path) -> Verdict:
    return verify(export, stack.facts["log_vkey"], stack.facts["witness_vkey"])


def by_go(program: Path, stack: RunningStack, export: Path) -> Verdict:
    done = subprocess.run(
        [str(program), str(export), stack.facts["log_vkey"]], capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode:
        raise ValueError(done.stderr)
    size, withheld = map(int, done.stdout.split())
    return size, withheld


@pytest.mark.parametrize("name", [WHOLE, OF_A_TENANT])
def test_phivault_and_aics_tlog_verify_it(stack: RunningStack, exports: Exports, name: str) -> None:
    export = exports[name]
    assert by_phivault(stack, export) == by_aics_tlog(stack, export) == expected(export)
    assert (expected(export)[1] > 0) is (name == OF_A_TENANT)


@pytest.mark.parametrize("name", [WHOLE, OF_A_TENANT])
def test_go_verifies_it(stack: RunningStack, exports: Exports, program: Path, name: str) -> None:
    assert by_go(program, stack, exports[name]) == expected(exports[name])


def _a_withheld_leaf(line: bytes) -> bytes:
    return re.sub(rb'"leaf":"(.)', lambda found: b'"leaf":"' + (b"0" if found[1] != b"0" else b"1"), line)


def _a_line_of_ours(line: bytes) -> bytes:
    return line.replace(b'"success":true', b'"success":false')


@pytest.mark.parametrize("edit", [_a_withheld_leaf, _a_line_of_ours])
def test_each_notices_what_is_altered(
    stack: RunningStack,
    exports: Exports,
    edit: Callable[[bytes], bytes],
    tmp_path: Path,
    request: pytest.FixtureRequest,
) -> None:
    altered = shutil.copytree(exports[OF_A_TENANT], tmp_path / "altered")
    found = lines(altered)
    place = next(number for number, line in enumerate(found) if edit(line) != line)
    (segment,) = altered.glob("segments/*")
    segment.write_bytes(pack([*found[:place], edit(found[place]), *found[place + 1 :]]))
    with pytest.raises(AssertionError, match="NOT VALID"):
        by_phivault(stack, altered)
    with pytest.raises(ValueError, match="another than the leaf"):
        by_aics_tlog(stack, altered)
    with pytest.raises(ValueError, match="don't give the checkpoint's root"):
        by_go(request.getfixturevalue("program"), stack, altered)


def test_a_tenants_export_names_no_other_tenant(stack: RunningStack, exports: Exports) -> None:
    """Neither the tenant, nor its users and patients, in any file, a line or an object's name."""
    other = stack.tenants[1]
    users = stack.facts["tenants"][other]["users"].values()
    ids = {stack.api(role, other).get("/me").json()["user_id"] for role in ("clinician", "auditor")}
    names = {other, *stack.patients(other), *ids, *(user["email"] for user in users)}
    assert named(exports[WHOLE], names) >= {other, stack.patients(other)[0], *ids}
    assert named(exports[OF_A_TENANT], names, stack.tenants[0]) == set()


def named(export: Path, names: set[str], asker: str = "") -> set[str]:
    """Those of ``names`` that are anywhere in it, but for lines of the tenant ``asker``: whoever tried another
    tenant's ids is recorded with them."""
    import zstandard

    held = b""
    for path in export.rglob("*"):
        if path.is_file():
            body = path.read_bytes()
            text = zstandard.ZstdDecompressor().decompress(body) if path.suffix == ".zst" else body
            own = f'"tenant":"{asker}"'.encode()
            held += b"".join(line for line in text.splitlines() if not asker or own not in line)
    return {name for name in names if name.encode() in held}
