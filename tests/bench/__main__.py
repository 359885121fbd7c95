"""``python -m tests.bench [--json] [BENCH ...]``: run the benches beside this file and print what they measured.

The exit code says whether they ran, not whether the aims were met: a busy machine is no defect.
"""

from __future__ import annotations

import argparse
import json
import platform
import re
import sys
from collections.abc import Iterable, Sequence
from dataclasses import asdict
from datetime import UTC, datetime
from importlib import import_module
from pathlib import Path

from tests.bench._measure import Figure

BENCHES = sorted(path.stem for path in Path(__file__).parent.glob("[!_]*.py"))
WORDS = {True: "met", False: "not met", None: ""}


def main(arguments: Sequence[str] | None = None) -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench", description="Ratios, measured side by side.")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("bench", nargs="*", help=f"of {', '.join(BENCHES)}; without any, all")
    asked = parser.parse_args(arguments)
    if not set(asked.bench) <= set(BENCHES):
        parser.error(f"the benches are {', '.join(BENCHES)}")
    figures = []
    for bench in asked.bench or BENCHES:
        print(f"{bench} ...", file=sys.stderr, flush=True)  # noqa: T201  (a command)
        figures += list(import_module(f"tests.bench.{bench}").figures())
    print(_json(figures) if asked.json else _table(figures))  # noqa: T201  (a command)


def machine() -> dict[str, str]:
    return {
        "date": datetime.now(UTC).isoformat(timespec="seconds"),
        "platform": platform.platform(),
        "cpu": _cpu(),
        "python": f"{platform.python_implementation()} {platform.python_version()}",
    }


def _cpu() -> str:
    """Its model, where the system says one."""
    try:
        found = re.search(r"^model name\s*:\s*(.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    return found.group(1) if found else platform.processor() or platform.machine()


def _json(figures: Iterable[Figure]) -> str:
    return json.dumps({"machine": machine(), "figures": [asdict(one) | {"met": one.met} for one in figures]}, indent=1)


def _table(figures: Sequence[Figure]) -> str:
    rows = [("", "measured", "aim", "")]
    for one in figures:
        aim = "" if one.at_most is None else f"<= {one.at_most:g}"
        aim = aim if one.at_least is None else f">= {one.at_least:g}"
        rows.append((one.name, f"{round(one.value, 3):g}", aim, WORDS[one.met]))
    first, second, third, _ = (max(map(len, column)) for column in zip(*rows, strict=True))
    lines = [f"{name:<{first}}  {value:>{second}}  {aim:<{third}}  {met}".rstrip() for name, value, aim, met in rows]
    return "\n".join([*lines, "", *machine().values()])


if __name__ == "__main__":
    main()
