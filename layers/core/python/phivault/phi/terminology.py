"""The terms that identify nobody: terminology.toml."""

from __future__ import annotations

import tomllib
from importlib.resources import files
from typing import Any, Final

TERMS: Final[dict[str, Any]] = tomllib.loads((files("phivault.phi") / "terminology.toml").read_text("utf-8"))
