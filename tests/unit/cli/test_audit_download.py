"""Exports brought home: whole, checked, or not at all."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from rich.console import Console

from phivault.audit.export import layout
from phivault.cli.audit.download import Fetch, check_target, save, save_personal
from phivault.errors import IntegrityError, InvalidInput, Unavailable
from tests.support.exported import World

QUIET = Console(quiet=True)
type Files = list[tuple[str, bytes]]


class Offered:
    """An export as a list of files, in the order that they are offered in."""

    def __init__(self, files: Files) -> None:
        self.listed = files

    def files(self) -> Iterator[tuple[str, Fetch]]:
        for path, body in self.listed:
            yield path, lambda body=body: body  # type: ignore[misc]  # each its own

    def personal(self) -> bytes:
        return b""


def names(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir())


@pytest.fixture(scope="module")
def files() -> Files:
    world = World()
    world.record({}, {})
    world.seal("2026-03-03T22")
    _, made = world.export()
    return [(layout.MANIFEST, made[layout.MANIFEST]), *((p, b) for p, b in made.items() if p != layout.MANIFEST)]


def test_every_file_is_there_and_nothing_else(files: Files, tmp_path: Path) -> None:
    target = tmp_path / "export"
    manifest = save(Offered(files), target, QUIET)
    found = {path.relative_to(target).as_posix(): path.read_bytes() for path in target.rglob("*") if path.is_file()}
    assert found == dict(files)
    assert manifest.size == 3
    assert names(tmp_path) == ["export"]


def test_an_empty_folder_is_taken(files: Files, tmp_path: Path) -> None:
    (tmp_path / "export").mkdir()
    save(Offered(files), tmp_path / "export", QUIET)
    assert (tmp_path / "export" / layout.MANIFEST).is_file()


def test_a_folder_that_holds_something_is_left_alone(files: Files, tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    for target in (tmp_path, tmp_path / "mine", tmp_path / "no" / "such"):
        with pytest.raises(InvalidInput):
            save(Offered(files), target, QUIET)
    (tmp_path / "link").symlink_to(tmp_path / "elsewhere")
    with pytest.raises(InvalidInput):
        check_target(tmp_path / "link")
    assert names(tmp_path) == ["link", "mine"]


def changed(files: Files, path: str, body: bytes) -> Files:
    return [(name, body if name == path else old) for name, old in files]


@pytest.mark.parametrize(
    "spoil",
    [
        lambda files: changed(files, "checkpoint", b"x"),
        lambda files: changed(files, layout.lines_path(0), b""),
        lambda files: changed(files, layout.MANIFEST, b"{}"),
        lambda files: files[:-1],
        lambda files: [*files, ("segments/000000065536.ndjson.zst", b"x")],
        lambda files: [*files, ("../escaped", b"x")],
        lambda files: [*files, files[-1]],
        lambda files: files[1:],
    ],
)
def test_what_isnt_as_the_manifest_says_leaves_nothing(
    files: Files, tmp_path: Path, spoil: Callable[[Files], Files]
) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    with pytest.raises(IntegrityError):
        save(Offered(spoil(files)), inside / "export", QUIET)
    assert names(inside) == []
    assert names(tmp_path) == ["inside"]


@pytest.mark.parametrize("error", [Unavailable(), KeyboardInterrupt()])
def test_half_a_download_leaves_nothing(files: Files, tmp_path: Path, error: BaseException) -> None:
    class Broken(Offered):
        def files(self) -> Iterator[tuple[str, Fetch]]:
            yield from list(super().files())[:3]
            raise error

    with pytest.raises(type(error)):
        save(Broken(files), tmp_path / "export", QUIET)
    assert names(tmp_path) == []


@contextmanager
def full() -> Iterator[None]:
    """No file of this process takes more than 100 bytes, as on a disk that is full: pytest's own report neither."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (100, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_is_told_and_keeps_nothing(files: Files, tmp_path: Path) -> None:
    with full(), pytest.raises(InvalidInput, match="export can't be written"):
        save(Offered(files), tmp_path / "export", QUIET)
    with full(), pytest.raises(InvalidInput, match="personal can't be written"):
        save_personal(bytes(101), tmp_path / "personal")
    assert names(tmp_path) == []


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="a folder that takes no files from anyone")
def test_a_place_that_takes_no_folder_is_told(files: Files) -> None:
    with pytest.raises(InvalidInput, match="can't be written"):
        save(Offered(files), Path("/proc/export"), QUIET)


def test_personal_fields_are_for_their_owner_and_overwrite_nothing(tmp_path: Path) -> None:
    file = tmp_path / "personal"
    save_personal(b"someone", file)
    assert file.read_bytes() == b"someone"
    assert file.stat().st_mode & 0o777 == 0o600
    with pytest.raises(InvalidInput):
        save_personal(b"other", file)
