"""Documents point at what is there: files, headings, code and tests that they name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
PAGES = [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]
LIBRARY = ROOT / "layers" / "core" / "python" / "phivault"
BASES = (ROOT, ROOT / "tests", LIBRARY.parent, LIBRARY, LIBRARY / "records", LIBRARY / "adapters" / "postgres")


def _prose(page: Path) -> str:
    return re.sub(r"```.*?```", "", page.read_text("utf-8"), flags=re.DOTALL)


def _anchors(page: Path) -> set[str]:
    """As GitHub makes them of headings."""
    headings = re.findall(r"^#+ (.*)$", _prose(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.strip().lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_links_lead_somewhere(page: Path) -> None:
    for link in re.findall(r"\]\(([^)]+)\)", _prose(page)):
        if link.startswith("https://"):
            continue
        path, _, anchor = link.partition("#")
        target = (page.parent / path).resolve() if path else page
        assert target.exists(), link
        assert not anchor or anchor in _anchors(target), link


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
def test_named_files_exist(page: Path) -> None:
    named = re.findall(r"`([a-z][\w-]*/[\w./-]*\.(?:py|toml|sql|json|md|html))`", _prose(page))
    missing = [path for path in named if not any((base / path).exists() for base in BASES)]
    assert missing == []


def test_every_decision_is_in_the_index() -> None:
    index = (ROOT / "docs" / "README.md").read_text("utf-8")
    decisions = sorted((ROOT / "docs" / "adr").glob("*.md"))
    assert decisions
    for number, path in enumerate(decisions, 1):
        title = path.read_text("utf-8").splitlines()[0]
        assert path.name.startswith(f"{number:04d}-")
        assert f"| [{number:04d}](adr/{path.name}) | {title.partition('. ')[2]} |" in index
