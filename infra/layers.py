"""The two Lambda layers, built without docker: what the functions import, and phivault itself.

``python -m infra.layers`` leaves, under ``build/layers``, the folders ``dependencies-arm64`` and ``core`` and a zip
beside each. The same lock and sources give the same bytes again: a deployment changes a layer only where its content
changed, and anyone can check what runs against the sources.

Dependencies are wheels of the hashed lock for the functions' platform, whatever this machine is. Left out is what
only an installer reads, and botocore's descriptions of services that no function may call. Both layers carry
bytecode of the functions' Python: without it a cold start takes about three times as long.
"""

from __future__ import annotations

import argparse
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from functions.table import TABLE
from infra.layers_archive import WrongPython, compile_all, settle, sha256, size, write_zip

ROOT = Path(__file__).resolve().parent.parent
BUILD = ROOT / "build" / "layers"
LOCK = ROOT / "requirements" / "runtime.txt"
CORE = ROOT / "layers" / "core" / "python"
PYTHON = "3.13"
MAX_BYTES = 120_000_000
"""Of both layers, unzipped. Lambda takes 250 MB, but every cold start reads some of it."""

# The oldest glibc that the wheels may ask for is Amazon Linux 2023's: with an older name uv takes an older psycopg.
PLATFORMS = {"arm64": "aarch64-manylinux_2_34", "x86_64": "x86_64-manylinux_2_34"}
MACHINES = {"aarch64": "arm64", "arm64": "arm64", "x86_64": "x86_64", "amd64": "x86_64"}

ALWAYS = frozenset({"sts"})
"""Services that no row names: credentials other than the environment's come from there."""
CLIENTS = {"ses": "sesv2", "sms-voice": "pinpoint-sms-voice-v2"}
"""What botocore calls the services of IAM prefixes that it has another, older service for."""
UNDESCRIBED = frozenset({"rds-db"})
"""IAM prefixes without a service that botocore describes: signing in to the database is a signature, not a call."""
OTHER_PYTHONS = ("zstandard/_cffi.*", "zstandard/backend_cffi.py")
"""What wheels carry for PyPy: CPython takes the C extension beside it."""
INSTALLERS_OWN = ("RECORD", "INSTALLER", "REQUESTED", "direct_url.json", "uv_cache.json", "uv_build.json")


class BuildFailed(Exception):
    """The layer can't be built; the text says why."""


@dataclass(frozen=True, slots=True)
class Layer:
    """What was built: ``folder`` holds ``python``, which Lambda puts on the path; ``archive`` is the same, zipped."""

    folder: Path
    archive: Path
    bytes: int
    sha256: str
    seconds: float

    def __str__(self) -> str:
        size, zipped = self.bytes / 1e6, self.archive.stat().st_size / 1e6
        return f"{self.folder.name:20} {size:6.1f} MB, {zipped:5.1f} MB zipped, {self.seconds:4.1f} s  {self.sha256}"


def here() -> str:
    """This machine's architecture, as Lambda calls it. Raises BuildFailed."""
    try:
        return MACHINES[platform.machine().lower()]
    except KeyError:
        raise BuildFailed(f"Lambda doesn't run on {platform.machine()}") from None


def dependencies(architecture: str, build: Path = BUILD) -> Layer:
    """Build the layer of everything that the lock names. Needs the package index or uv's cache. Raises BuildFailed."""

    def fill(python: Path) -> None:
        _install(PLATFORMS[architecture], python)
        _strip(python)

    return _build(f"dependencies-{architecture}", build, fill)


def core(build: Path = BUILD) -> Layer:
    """Build the layer of phivault: all but its command line, whose libraries no function has."""

    def fill(python: Path) -> None:
        shutil.copytree(CORE, python, dirs_exist_ok=True, ignore=shutil.ignore_patterns("cli", "__pycache__", ".*"))

    return _build("core", build, fill)


def function_code(name: str, target: Path) -> None:
    """Lay a function's code into ``target`` as it is deployed, which is the folder that Lambda runs it from: its own
    folder, under the package that handlers name. Not another function's, nor the table."""
    package = target / "functions"
    package.mkdir(parents=True)
    shutil.copy(ROOT / "functions" / "__init__.py", package)
    shutil.copytree(ROOT / "functions" / name, package / name, ignore=shutil.ignore_patterns("__pycache__", ".*"))


def services() -> frozenset[str]:
    """The services that functions may call, by botocore's names."""
    prefixes = {action.partition(":")[0] for row in TABLE for grant in row.grants for action in grant.actions}
    return ALWAYS | {CLIENTS.get(prefix, prefix) for prefix in prefixes - UNDESCRIBED}


def _build(name: str, build: Path, fill: Callable[[Path], None]) -> Layer:
    """Fill a folder of its own, which takes the name only when it is whole: a deployment never sees half of one."""
    started = time.monotonic()
    build.mkdir(parents=True, exist_ok=True)
    folder, archive = build / name, build / f"{name}.zip"
    with tempfile.TemporaryDirectory(dir=build, prefix=f".{name}-") as scratch:
        made = Path(scratch) / name
        (made / "python").mkdir(parents=True)
        fill(made / "python")
        compile_all(made / "python", PYTHON)
        settle(made)
        write_zip(made, Path(scratch) / archive.name)
        shutil.rmtree(folder, ignore_errors=True)
        made.rename(folder)
        (Path(scratch) / archive.name).rename(archive)
    return Layer(folder, archive, size(folder), sha256(archive), time.monotonic() - started)


def _install(target: str, python: Path) -> None:
    uv = shutil.which("uv", path=str(Path(sys.executable).parent)) or shutil.which("uv")
    if uv is None:
        raise BuildFailed("uv isn't installed; `make synth` installs it")
    where = ("--python", sys.executable, "--python-platform", target, "--python-version", PYTHON)
    options = ("--only-binary", ":all:", "--require-hashes", "--no-deps", "--link-mode", "copy", "--quiet")
    command = [uv, "pip", "install", *where, *options, "--target", str(python), "-r", str(LOCK)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)  # noqa: S603  (our own list, no shell)
    if done.returncode:
        raise BuildFailed(f"uv can't install the lock for {target}:\n{done.stderr}")


def _strip(python: Path) -> None:
    """Remove what nothing reads at run time. Licences and versions stay."""
    for name in INSTALLERS_OWN:
        for path in python.glob(f"*.dist-info/{name}"):
            path.unlink()
    for pattern in OTHER_PYTHONS:
        for path in python.glob(pattern):
            path.unlink()
    (python / ".lock").unlink(missing_ok=True)  # uv's, while it installs
    shutil.rmtree(python / "bin", ignore_errors=True)  # commands, which start with a path of this machine
    kept, data = services(), python / "botocore" / "data"
    missing = sorted(name for name in kept if not (data / name).is_dir())
    if missing:
        raise BuildFailed(f"botocore doesn't describe {', '.join(missing)}")
    for folder in [path for path in data.iterdir() if path.is_dir() and path.name not in kept]:
        shutil.rmtree(folder)


def main(arguments: list[str] | None = None) -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.layers", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--platform", choices=[*PLATFORMS, "here"], default="arm64", help="of the functions")
    parser.add_argument("--check", action="store_true", help="build twice; fail where one byte differs")
    asked = parser.parse_args(arguments)
    try:
        architecture = here() if asked.platform == "here" else asked.platform
        built = [dependencies(architecture), core()]
        if asked.check:
            with tempfile.TemporaryDirectory() as again:
                _same(built, [dependencies(architecture, Path(again)), core(Path(again))])
        _small(built)
    except (BuildFailed, WrongPython) as error:
        sys.stderr.write(f"{error}\n")
        return 1
    sys.stdout.writelines(f"{layer}\n" for layer in built)
    return 0


def _same(built: list[Layer], again: list[Layer]) -> None:
    for one, other in zip(built, again, strict=True):
        if one.sha256 != other.sha256:
            raise BuildFailed(f"Two builds of {one.folder.name} differ: {one.sha256}, {other.sha256}")


def _small(built: list[Layer]) -> None:
    if (total := sum(layer.bytes for layer in built)) >= MAX_BYTES:
        raise BuildFailed(f"The layers are {total} bytes, the bound is {MAX_BYTES}")


if __name__ == "__main__":
    sys.exit(main())
