"""What runs: the two layers, and one folder of ``functions`` for each function."""

from __future__ import annotations

import shutil
import tempfile
from pathlib import Path
from typing import Self

from aws_cdk import aws_lambda as lambda_
from constructs import Construct

from functions.row import Function
from infra.settings import SettingsRefused

ROOT = Path(__file__).resolve().parent.parent
LAYERS = ROOT / "build" / "layers"
ARCHITECTURES = {"arm64": lambda_.Architecture.ARM_64, "x86_64": lambda_.Architecture.X86_64}
RUNTIME = lambda_.Runtime.PYTHON_3_13


class Sources:
    """Where code is taken from. ``layers`` holds what ``python -m infra.layers`` builds."""

    def __init__(self, layers: Path = LAYERS) -> None:
        self._layers = layers
        self._staged = tempfile.TemporaryDirectory(prefix="phivault-functions-")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._staged.cleanup()

    @classmethod
    def placeholder(cls) -> Self:
        """Empty layers, for templates that are looked at and never deployed."""
        sources = cls()
        sources._layers = Path(sources._staged.name) / "layers"
        sources._layers.mkdir()
        for name in ("core", *(f"dependencies-{name}" for name in ARCHITECTURES)):
            (sources._layers / f"{name}.zip").write_bytes(_EMPTY_ZIP)
        return sources

    def layers(self, scope: Construct, architecture: str) -> list[lambda_.ILayerVersion]:
        """Each stack has its own: an exported layer version could never be replaced by the next."""
        return [
            lambda_.LayerVersion(
                scope,
                id,
                code=lambda_.Code.from_asset(str(self._built(name))),
                compatible_runtimes=[RUNTIME],
                compatible_architectures=[ARCHITECTURES[architecture]],
            )
            for id, name in (("Dependencies", f"dependencies-{architecture}"), ("Core", "core"))
        ]

    def _built(self, name: str) -> Path:
        path = self._layers / f"{name}.zip"
        if not path.is_file():
            raise SettingsRefused(f"{path} isn't there: run python -m infra.layers first")
        return path

    def function(self, function: Function) -> lambda_.Code:
        """``functions/<name>`` as the package that handlers import, and none of the others."""
        target = Path(self._staged.name) / function.name / "functions"
        if not target.exists():
            source = ROOT / "functions"
            shutil.copytree(
                source / function.name, target / function.name, ignore=shutil.ignore_patterns("__pycache__")
            )
            shutil.copy(source / "__init__.py", target)
        return lambda_.Code.from_asset(str(target.parent))


_EMPTY_ZIP = b"PK\x05\x06" + bytes(18)
